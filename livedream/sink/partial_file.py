"""A file that gets its name only when it is complete."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from livedream.errors import SinkError
from livedream.formats.suffixes import CONTAINERS
from livedream.hints import either, option
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock, foreign_part, unwritable
from livedream.sink.lock_file import identity, mark_of
from livedream.sink.names import journal_of, part_of, real_path

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""The errors of file systems that do not support fsync."""


class PartialFile:
    """The file `NAME.part.EXT` beside `path`. It is made at once, so that problems show before any work is done.

    A half-written file is never mistaken for a complete one, and an older file stays until the new one is complete. A
    process that is killed leaves the part behind. An existing part is replaced only if `lock` vouches that livedream
    made it and, if it holds part of a video, only with `overwrite`.

    Args:
        path: The file that is to be written.
        lock: The lock of the output to which the file belongs, held from before until after.
        overwrite: Whether an existing file may be replaced.
        inputs: The files that the run reads.
        draft: Where to write at first, beside a part that an earlier run left. `take_place` gives it the part's name.

    Raises:
        ArgumentError: The file or its part is one of the `inputs`.
        SinkError: The file exists already and `overwrite` is False, its part may not be livedream's, or it cannot be
            written. The message names the path.
    """

    def __init__(
        self,
        path: Path,
        lock: OutputLock,
        *,
        overwrite: bool = False,
        inputs: Inputs | None = None,
        draft: Path | None = None,
    ) -> None:
        self.path = path
        self.part = draft or part_of(path)
        """The present path of the file."""
        self._real = real_path(path)
        self._lock = lock
        self._overwrite = overwrite
        self._inputs = inputs or Inputs()
        self._size: int | None = None
        self._inputs.refuse(path, self.part)
        check_new(path, overwrite)
        # It stays open until it is renamed: the system gives its inode to no other file that long.
        self._descriptor: int | None = self._make()
        status = os.fstat(self._descriptor)
        self._made = status.st_dev, status.st_ino
        self._mark = mark_of(self._descriptor)
        try:
            lock.note(self.part, self._mark)
        except OSError as error:
            self.discard()
            raise unwritable(path, error) from error

    def write(self, data: bytes) -> None:
        """Write the whole content of the file. Raises SinkError."""
        if self._descriptor is None:
            raise ValueError(f"{self.part} is closed")
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise self._write_error(error.strerror) from error
        self._size = len(data)

    def finish(self) -> None:
        """Flush the file to the disk, and give it its name.

        Raises:
            SinkError: The disk is full, the part was replaced by another program, or a file of that name was made
                meanwhile. The part stays, except one from `write` that did not fit on the disk.
        """
        if self._descriptor is None:
            return
        try:
            self._sync(self._descriptor)
            self._check()
            self._copy_permissions(self._descriptor)
            self.leave()  # first: Windows renames no open file
            self._rename()
        except OSError as error:
            raise SinkError(f"{self.part} cannot be renamed: {error.strerror}", "rename it by hand") from error
        finally:
            self.leave()
        self._lock.forget(self.part)

    def take_place(self) -> bool:
        """Flush a draft to the disk and rename it to the part, which it replaces in one step.

        Returns False where an open file cannot be renamed, as on Windows. Raises OSError.
        """
        draft, part = self.part, part_of(self.path)
        if draft != part:
            self.sync()
            try:
                draft.replace(part)
            except PermissionError:
                return False
            self.part = part
            self._lock.note(part, self._mark)
            self._lock.forget(draft)
        return True

    def sync(self) -> None:
        """Flush what is written to the disk. Raises OSError."""
        if self._descriptor is not None:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_SYNC:
                    raise

    def leave(self) -> None:
        """Keep the part, so that another run can resume it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def discard(self) -> None:
        """Remove the part, unless `finish` or `leave` was called."""
        if self._descriptor is not None:
            self.leave()
            with contextlib.suppress(OSError):  # a leftover does no harm, and there may be a real error to report
                if identity(self.part) == self._made:
                    self.part.unlink()
            self._lock.forget(self.part)

    def _make(self) -> int:
        try:
            if os.path.lexists(self.part):
                self._clear()
            self._lock.announce(self.part)
            try:
                return os.open(self.part, _FLAGS, 0o666)
            except FileExistsError:  # it was made this very moment
                self._lock.forget(self.part)
                self._clear()
                raise
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _clear(self) -> None:
        """Remove a part that an earlier run left. Raises SinkError when it may not be ours, or is worth keeping."""
        if not self._lock.vouches(self.part):
            raise foreign_part(self.part)
        suffix = self.path.suffix.lower()
        if suffix in CONTAINERS and self.part.stat().st_size and not self._overwrite:
            resume = either("--resume continues it, ", "") if journal_of(self.part).is_dir() else ""
            raise SinkError(
                f"{self.part} exists already",
                f"a run was interrupted: {resume}{option('overwrite', True)} starts again",
            )
        self.part.unlink()

    def _sync(self, descriptor: int) -> None:
        """Flush the file to the disk, and check that all of it is there."""
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                self._discard_incomplete()
                raise self._write_error(error.strerror) from error
        size = os.fstat(descriptor).st_size
        if self._size is not None and size != self._size:
            self._discard_incomplete()
            raise self._write_error(f"only {size} of {self._size} bytes are on the disk")

    def _discard_incomplete(self) -> None:
        if self._size is not None:
            self.discard()

    def verify(self) -> None:
        """Raise SinkError when the part was replaced by another file. Call it before opening the part by name."""
        if identity(self.part) != self._made:
            raise SinkError(f"{self.part} is not the file that livedream made", "another program may have replaced it")

    def _check(self) -> None:
        """Repeat the checks of the constructor, because time has passed."""
        self.verify()
        description = self._inputs.description(self.path)
        if description is not None:
            raise SinkError(f"{self.path} is {description}", f"what was written is in {self.part}")
        check_new(self.path, self._overwrite, f"what was written is in {self.part}")

    def _copy_permissions(self, descriptor: int) -> None:
        """Give the file the permissions of the one that it replaces."""
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # nothing is replaced, or the disk has no permissions
                os.fchmod(descriptor, stat.S_IMODE(self._real.stat().st_mode))

    def _rename(self) -> None:
        if not self._overwrite:
            try:
                self._real.hardlink_to(self.part)  # one step checks that there is none and makes it
            except FileExistsError:
                raise SinkError(f"{self.path} exists already", f"what was written is in {self.part}") from None
            except OSError:  # the disk has no hard links
                pass
            else:
                self.part.unlink()
                return
        self.part.replace(self._real)

    def _write_error(self, reason: str | None) -> SinkError:
        return SinkError(f"{self.path} cannot be written: {reason}", "free some disk space, or choose another place")


def write_whole(
    path: Path, data: bytes, lock: OutputLock, *, overwrite: bool = False, inputs: Inputs | None = None
) -> None:
    """Write a file with all of `data` or not at all. Raises as `PartialFile` does."""
    part = PartialFile(path, lock, overwrite=overwrite, inputs=inputs)
    try:
        part.write(data)
        part.finish()
    finally:
        part.discard()


_REPLACE = f"use {option('overwrite', True)}, or another name"


def check_new(path: Path, overwrite: bool, hint: str = _REPLACE) -> None:
    """Raise SinkError when `path` is not a file, or exists already and must not be overwritten."""
    try:
        if path.is_dir():
            raise SinkError(f"{path} is a folder", "name a file")
        if real_path(path).is_symlink():
            raise SinkError(f"{path} is a broken symbolic link", "name a file")
        if path.exists() and not path.is_file():  # a file would replace it
            raise SinkError(f"{path} is a device, a pipe or a socket", "name a file or an address")
        if path.exists() and not overwrite:
            raise SinkError(f"{path} exists already", hint)
    except OSError as error:  # a folder cannot be read, or a name is too long
        raise SinkError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
