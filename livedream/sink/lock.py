"""The right to write an output: one run at a time has it. For the lock file see `livedream.sink.lock_file`."""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from livedream.errors import ArgumentError, SinkError
from livedream.sink.lock_file import ANNOUNCED, HeldLockFile, Mark, identity, refuse_held, take
from livedream.sink.names import lock_of, locks_above, part_of, pattern_of, real_path


class OutputLock:
    """The exclusive right to write the output `path`, with all names that belong to it.

    Use it as a context manager, or call `acquire` and `release`; both may be called twice. One process can hold the
    locks of several outputs that share a lock file (film.mp4 and film.gif), but not the lock of one output twice.

    Args:
        path: The output.
        folder: Whether `path` is a folder of frames, which must exist.
    """

    def __init__(self, path: Path, *, folder: bool = False) -> None:
        self.path = path
        self.file = lock_of(path, folder=folder)
        """The lock file."""
        self._shown = f"{path.name}/" if folder else path.name
        self._pattern = pattern_of(path, folder=folder)
        self._held: HeldLockFile | None = None
        names = [] if self._pattern is not None else [real_path(path).name, part_of(path).name]
        self._names = frozenset(name.casefold() for name in names)

    def acquire(self) -> Self:
        """Take the lock, without waiting for it.

        Raises:
            SinkError: Another run holds the lock (the message names it), the lock file cannot be made, or a file that
                is not livedream's has its name.
            ArgumentError: This process already writes a file of such a name.
        """
        if self._held is not None:
            return self
        with _guard:
            for other in _active:
                if self.collides(other):
                    raise ArgumentError(
                        f"{self.path} and {other.path} would be written under the same name",
                        "give each output its own name; livedream writes NAME.part.EXT before NAME.EXT",
                    )
            if self._pattern is None:
                for file in locks_above(self.path):
                    refuse_held(file, self.path)
            try:
                self._held = _hold(self.file, self.path, self._shown)
            except OSError as error:
                raise unwritable(self.path, error) from error
            self._held.count += 1
            _active.append(self)
        return self

    def release(self) -> None:
        """Release the lock. The lock file is removed unless it vouches for a half-written file that remains."""
        with _guard:
            held, self._held = self._held, None
            if held is not None:
                _active.remove(self)
                held.outputs.remove(self._shown)
                held.count -= 1
                if not held.count:
                    held.close()

    def collides(self, other: "OutputLock") -> bool:
        """Return whether the two outputs would ever be written under the same name."""
        here, there = (identity(file.parent) or os.path.realpath(file.parent) for file in (self.file, other.file))
        if here != there:
            return False
        if self._pattern is not None and other._pattern is not None:
            return self.file == other.file
        return bool(
            self._names & other._names
            or (self._pattern is not None and any(map(self._pattern.fullmatch, other._names)))
            or (other._pattern is not None and any(map(other._pattern.fullmatch, self._names)))
        )

    def announce(self, part: Path) -> None:
        """Record that `part` is about to be made. A later run may replace it while it is empty."""
        self.note(part, ANNOUNCED)

    def note(self, part: Path, mark: Mark) -> None:
        """Record that this run made `part`, so that a later one may replace it."""
        if self._held is None:
            raise RuntimeError("the lock is not held")
        with _guard:
            self._held.parts[part.name] = mark
            self._held.write()

    def forget(self, part: Path) -> None:
        """Stop vouching for `part`: it was renamed or removed."""
        if self._held is not None:
            self._held.parts.pop(part.name, None)

    def sweep(self) -> None:
        """Remove the half-written numbered images that a killed run left behind.

        Raises:
            SinkError: There are some that livedream may not have made; they would be in the way later.
        """
        if self._held is None or self._pattern is None:
            return
        for name in [name for name in self._held.parts if self._pattern.fullmatch(name)]:
            part = self.file.with_name(name)
            if self.vouches(part):
                with contextlib.suppress(OSError):  # a leftover does no harm
                    part.unlink()
            self.forget(part)
        for name in sorted(os.listdir(self.file.parent)):  # noqa: PTH208  100,000 names
            match = self._pattern.fullmatch(name)
            if match and match[1]:
                raise foreign_part(self.file.with_name(name))

    def vouches(self, part: Path) -> bool:
        """Return whether `part`, an existing file, was made by a run that held this lock."""
        return self._held is not None and self._held.vouches(part)

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def unwritable(path: Path, error: OSError) -> SinkError:
    """Return the error for an output that the system does not allow us to write."""
    parent = path if path.is_dir() else path.parent
    if parent.is_dir():
        return SinkError(f"{path} cannot be written: {error.strerror}", "choose another place")
    return SinkError(f"{path} cannot be written: the folder {path.parent} does not exist", "create it first")


def foreign_part(part: Path) -> SinkError:
    """Return the error for a file that has the name of a half-written output but may not be livedream's."""
    name = f"{part.stem.removesuffix('.part')}{part.suffix}"
    hint = f"move it away, or choose another name: {name} has that name until it is complete"
    return SinkError(f"{part} exists already, and livedream may not have made it", hint)


_guard = threading.RLock()
_active: list[OutputLock] = []
"""The locks that this process holds."""


def _hold(file: Path, output: Path, shown: str) -> HeldLockFile:
    """Return `file`, locked, and shared with the other outputs of this process. Raises as `take` does."""
    for lock in _active:
        if lock._held is not None and lock._held.identity == identity(file):
            lock._held.outputs.append(shown)
            lock._held.write()
            return lock._held
    return take(file, output, shown)
