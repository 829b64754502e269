"""The right to write an output: one run at a time has it.

The lock is a lock of the kernel on the file NAME.part.lock, so a process that dies, however it dies, leaves none: the
file that it leaves behind is taken over by the next run. The file says who holds the lock, and which half-written files
are livedream's own.
"""

import contextlib
import json
import os
import socket
import stat
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from livedream._version import __version__
from livedream.birth import birth_of
from livedream.errors import ArgumentError, SinkError
from livedream.sink.names import lock_of, locks_above, part_of, pattern_of, real_path

_TABLE = "livedream"
"""The key that tells a lock file from a file of somebody's that has its name."""
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)

_ANNOUNCED: "Mark" = (0, 0)
"""The mark of a part that is about to be made."""
_FRESH_SECONDS = 60
"""An empty lock file younger than this is one that another run has just made."""

_TRIES, _TRY_SECONDS = 100, 0.01
"""How often, and how long between, to look for the name of who has just taken a lock."""

Identity = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""

Mark = tuple[int, int]
"""Inode and time of birth: a file system gives the inode of a file that was removed to the next one that is made."""


def identity(path: Path) -> Identity | None:
    """Return which file `path` is, through links of every kind; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


class OutputLock:
    """The exclusive right to write the output `path`, with all names that belong to it.

    folder: whether `path` is a folder of frames, which must be there.

    Use it as a context manager, or call `acquire` and `release`; both may be called twice. One process can hold the
    locks of several outputs that share a lock file (film.mp4 and film.gif), but not that of one output twice.
    """

    def __init__(self, path: Path, *, folder: bool = False) -> None:
        self.path = path
        self.file = lock_of(path, folder=folder)
        """The lock file."""
        self._shown = f"{path.name}/" if folder else path.name
        self._pattern = pattern_of(path, folder=folder)
        self._holding: _Holding | None = None
        names = [] if self._pattern is not None else [real_path(path).name, part_of(path).name]
        self._names = frozenset(name.casefold() for name in names)

    def acquire(self) -> Self:
        """Take the lock.

        Raises SinkError at once when another run has it, with which; when the file cannot be made; and when a file of
        somebody's has the name of the lock file. Raises ArgumentError when this process writes such a name already.
        """
        if self._holding is not None:
            return self
        with _guard:
            for other in _active:
                if self.collides(other):
                    raise ArgumentError(
                        f"{self.path} and {other.path} would be written under one name",
                        "give each output a name of its own; livedream writes NAME.part.EXT before NAME.EXT",
                    )
            if self._pattern is None:
                for file in locks_above(self.path):
                    _refuse_held(file, self.path)
            try:
                self._holding = _hold(self.file, self.path, self._shown)
            except OSError as error:
                raise unwritable(self.path, error) from error
            self._holding.count += 1
            _active.append(self)
        return self

    def release(self) -> None:
        """Give the lock back. The lock file is removed, unless a half-written file is left for which it vouches."""
        with _guard:
            holding, self._holding = self._holding, None
            if holding is not None:
                _active.remove(self)
                holding.outputs.remove(self._shown)
                holding.count -= 1
                if not holding.count:
                    holding.close()

    def collides(self, other: "OutputLock") -> bool:
        """Return whether the two outputs would be written under one name, for a time or for good."""
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
        """Write down that `part`, which is not there, is about to be made: a later run may replace it, while empty."""
        self.note(part, _ANNOUNCED)

    def note(self, part: Path, mark: Mark) -> None:
        """Write down that `part` was made by this run, so that a later one may replace it."""
        if self._holding is None:
            raise RuntimeError("the lock is not held")
        with _guard:
            self._holding.parts[part.name] = mark
            self._holding.write()

    def forget(self, part: Path) -> None:
        """Vouch for `part` no more: it has got its name, or is removed."""
        if self._holding is not None:
            self._holding.parts.pop(part.name, None)

    def sweep(self) -> None:
        """Remove the half-written pictures that a killed run has left in the place of numbered ones.

        Raises SinkError when there are some of which nobody knows who made them: they would be in the way later.
        """
        if self._holding is None or self._pattern is None:
            return
        for name in [name for name in self._holding.parts if self._pattern.fullmatch(name)]:
            part = self.file.with_name(name)
            if self.vouches(part):
                with contextlib.suppress(OSError):  # it is harmless where it is
                    part.unlink()
            self.forget(part)
        for name in sorted(os.listdir(self.file.parent)):  # noqa: PTH208  100,000 names
            found = self._pattern.fullmatch(name)
            if found and found[1]:
                raise foreign_part(self.file.with_name(name))

    def vouches(self, part: Path) -> bool:
        """Return whether `part`, a file that is there, was made by a run that held this lock, and by nobody else."""
        return self._holding is not None and self._holding.vouches(part)

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def unwritable(path: Path, error: OSError) -> SinkError:
    """Return the error for an output that the system does not let us write."""
    parent = path if path.is_dir() else path.parent
    if parent.is_dir():
        return SinkError(f"{path} cannot be written: {error.strerror}", "choose another place")
    return SinkError(f"{path} cannot be written: there is no folder {path.parent}", "make it first")


def foreign_part(part: Path) -> SinkError:
    """Return the error for a file that is called as an output is while it is written, and is not ours."""
    name = f"{part.stem.removesuffix('.part')}{part.suffix}"
    cure = f"move it away, or choose another name: {name} has that name until it is complete"
    return SinkError(f"{part} exists already, and livedream may not have made it", cure)


# Lock files -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Holding:
    """A lock file that this process holds, for one or several outputs."""

    file: Path
    descriptor: int
    is_foreign: bool
    """Whether it was there, and empty: it may be anybody's, and is left as it was."""
    parts: dict[str, Mark] = field(default_factory=dict)
    """The half-written files that are ours, by name."""
    owner: dict[str, Any] = field(default_factory=lambda: _this_process())
    outputs: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def identity(self) -> Identity:
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def vouches(self, part: Path) -> bool:
        """Return whether `part` is there and ours, under whatever name it was made: a draft becomes a part."""
        try:
            found = part.stat()
        except OSError:
            return False
        if found.st_dev != self.identity[0]:
            return False
        is_announced = self.parts.get(part.name) == _ANNOUNCED and not found.st_size
        return is_announced or (found.st_ino, birth_of(part)) in self.parts.values()

    def write(self) -> None:
        """Write down who holds the lock and what is ours; whenever the process is killed, that can be read."""
        data = json.dumps({**self.owner, "outputs": self.outputs, "parts": self.parts}).encode()
        data = data.ljust(os.fstat(self.descriptor).st_size)  # blanks over the end of what was longer
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        while data:
            data = data[os.write(self.descriptor, data) :]

    def close(self) -> None:
        """Let go of the lock. A lock file is removed under the lock, so that nobody else's is."""
        left = any(self.vouches(self.file.with_name(name)) for name in self.parts)
        with contextlib.suppress(OSError):  # it is harmless where it is
            if self.is_foreign and not left:
                os.ftruncate(self.descriptor, 0)
            elif not left and sys.platform != "win32":
                self.file.unlink(missing_ok=True)
        os.close(self.descriptor)
        if sys.platform == "win32" and not left and not self.is_foreign:
            with contextlib.suppress(OSError):  # another run has opened it by now, or it is open there
                self.file.unlink(missing_ok=True)


def _this_process() -> dict[str, Any]:
    return {
        _TABLE: __version__,
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "host": socket.gethostname(),
        "program": _program(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


_guard = threading.RLock()
_active: list[OutputLock] = []
"""What this process writes."""


def _hold(file: Path, output: Path, shown: str) -> _Holding:
    """Return `file`, locked. Raises SinkError when another process has locked it, OSError when it cannot be made."""
    for lock in _active:
        if lock._holding is not None and lock._holding.identity == identity(file):
            lock._holding.outputs.append(shown)
            lock._holding.write()
            return lock._holding
    while True:
        descriptor, made = _open(file)
        locked = False
        try:
            found = b"" if made else _read(descriptor)
            owner = _owner(found)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or (found and owner is None):
                raise SinkError(f"{file} is not a lock file of livedream", "move it away, or choose another name")
            locked = _lock(descriptor, owner, made)
            if not locked:
                raise _held(output, file, _await_owner(descriptor), shown)
            now = os.fstat(descriptor)
            if identity(file) == (now.st_dev, now.st_ino):  # else who held it has removed it meanwhile
                owner = _owner(_read(descriptor)) or {}
                is_foreign = not made and not found and time.time() - now.st_mtime > _FRESH_SECONDS
                holding = _Holding(file, descriptor, is_foreign, _parts(owner))
                holding.outputs.append(shown)
                holding.write()
                return holding
        except BaseException:
            if made and locked:
                with contextlib.suppress(OSError):
                    file.unlink()
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open(file: Path) -> tuple[int, bool]:
    """Return a descriptor of `file`, and whether it was made just now."""
    while True:
        try:
            return os.open(file, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # it was removed in between
                return os.open(file, _FLAGS), False


def _read(descriptor: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return b""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 1 << 16)


def _owner(content: bytes) -> dict[str, Any] | None:
    """Return what a lock file says; None when it is none of livedream's."""
    try:
        owner = json.loads(content)
    except ValueError:  # also what is no text
        return None
    return owner if isinstance(owner, dict) and _TABLE in owner else None


def _parts(owner: dict[str, Any]) -> dict[str, Mark]:
    """Return the half-written files of which a lock file says that they are ours."""
    parts = owner.get("parts")
    if not isinstance(parts, dict):
        return {}
    return {name: (mark[0], mark[1]) for name, mark in parts.items() if isinstance(mark, list) and len(mark) == 2}


def mark_of(file: Path | int) -> Mark:
    """Return by which mark a part is known again. file: its path, or a descriptor of it. Raises OSError."""
    found = os.stat(file)  # noqa: PTH116  also of a descriptor
    return found.st_ino, birth_of(file)


def _refuse_held(file: Path, output: Path) -> None:
    """Raise SinkError when another process holds the lock `file`, which `output` needs no more than to be free."""
    if not file.is_file():
        return
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError:  # it was removed in between, or is closed to us
        return
    try:
        owner = _owner(_read(descriptor))
        if owner is not None and not _lock(descriptor, owner, made=False):
            raise _held(output, file, _await_owner(descriptor))
    finally:
        os.close(descriptor)


def _await_owner(descriptor: int) -> dict[str, Any] | None:
    """Return who holds a lock: it writes that down after it has taken it."""
    owner = None
    for _ in range(_TRIES):
        owner = _owner(_read(descriptor))
        if owner is not None and _is_alive(owner):
            break
        time.sleep(_TRY_SECONDS)
    return owner


def _held(output: Path, file: Path, owner: dict[str, Any] | None, shown: str = "") -> SinkError:
    """Return the error for an output that another run writes."""
    hint = "wait until it ends, stop it, or choose another name"
    if not owner:
        return SinkError(f"{output} is being written by another run", hint)
    who = f"{owner.get('program')}, process {owner.get('pid')}"
    if owner.get("host") != socket.gethostname():
        who += f" on {owner.get('host')}"
        hint += f"; remove {file} if that run is dead"
    outputs = [str(name) for name in owner.get("outputs") or ()]
    what = "is being written by another run"
    if outputs and shown not in outputs:
        what = f"cannot be written while another run writes {outputs[0]}, which shares its temporary files"
    return SinkError(f"{output} {what}: {who}, since {owner.get('since')}", hint)


def _program() -> str:
    """Return the name of this program: without its arguments, which may hold passwords."""
    path = Path(sys.argv[0] if sys.argv else "")
    return path.parent.name if path.name == "__main__.py" else path.name or "python"


# Locks of the system --------------------------------------------------------------------------------------------------

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """The byte that is locked: Windows lets nobody read what is locked, and the owner must be read."""

    def _lock(descriptor: int, owner: dict[str, Any] | None, made: bool) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int, owner: dict[str, Any] | None, made: bool) -> bool:
        """Lock the file, and return whether that was possible: whether no other process has locked it.

        made: whether it was made just now, so that it is nobody's. Some network disks know no locks; there it must be
        enough that the owner is not alive.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return made or owner is None or not _is_alive(owner)
        return True


def _is_alive(owner: dict[str, Any]) -> bool:
    """Return whether the process that wrote a lock file runs, as far as can be known: that of another machine does."""
    pid = owner.get("pid")
    if sys.platform == "win32":  # its os.kill ends a process
        return True
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return _started(pid) == owner.get("started")


def _started(pid: int) -> str:
    """Return when a process was started, in a form to compare, where Linux tells it: numbers are used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
