"""A file that is being written, and gets its name when it is complete."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from livedream.errors import SinkError
from livedream.hints import either, option
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock, foreign_part, unwritable
from livedream.sink.lock_file import identity, mark_of
from livedream.sink.names import journal_of, part_of, real_path
from livedream.sink.video.codecs import CONTAINERS

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system answers that cannot be told to write now."""


class PartialFile:
    """The file `NAME.part.EXT` beside `path`, made at once, so that what stands in the way is known before any work.

    Nobody takes a half-written file for a whole one, and an older one is whole until the new one is. A process that is
    killed leaves the part behind. It is made anew each time: one that is there is replaced only if `lock` vouches that
    livedream made it, and, where it holds a part of a film, only with `overwrite`.

    lock: of the output to which the file belongs, held from before until after.
    draft: where it is written at first, beside a part that an earlier run left; `take_place` gives it the part's name.
    inputs: what the run reads.

    Raises ArgumentError when the file or its part is one of the `inputs`. Raises SinkError, naming the path, when there
    is a file of that name and not `overwrite`, when its part is not livedream's, and when it cannot be written.
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
        """What the file is called now."""
        self._real = real_path(path)
        self._lock = lock
        self._overwrite = overwrite
        self._inputs = inputs or Inputs()
        self._size: int | None = None
        self._inputs.refuse(path, self.part)
        check_new(path, overwrite)
        # Open until it has its name: so long the system gives its number to no other file.
        self._descriptor: int | None = self._make()
        found = os.fstat(self._descriptor)
        self._made = found.st_dev, found.st_ino
        self._mark = mark_of(self._descriptor)
        try:
            lock.note(self.part, self._mark)
        except OSError as error:
            self.discard()
            raise unwritable(path, error) from error

    def write(self, data: bytes) -> None:
        """Write all that the file is to hold. Raises SinkError."""
        if self._descriptor is None:
            raise ValueError(f"{self.part} is closed")
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise self._unwritten(error.strerror) from error
        self._size = len(data)

    def finish(self) -> None:
        """See that the file is on the disk, and give it its name.

        Raises SinkError when that cannot be: when the disk is full, somebody has replaced the part, or a file of that
        name has come meanwhile. Then the part stays, but for one that `write` has written, of which the disk took less.
        """
        if self._descriptor is None:
            return
        try:
            self._sync(self._descriptor)
            self._check()
            self._keep_rights(self._descriptor)
            self.leave()  # first: Windows renames no open file
            self._rename()
        except OSError as error:
            raise SinkError(f"{self.part} cannot be renamed: {error.strerror}", "rename it by hand") from error
        finally:
            self.leave()
        self._lock.forget(self.part)

    def take_place(self) -> bool:
        """Bring a draft to the disk and give it the name of the part, in place of the one that is there; one rename.

        False where that cannot be while it is open, as on Windows. Raises OSError.
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
        """Bring to the disk what is written. Raises OSError."""
        if self._descriptor is not None:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_SYNC:
                    raise

    def leave(self) -> None:
        """Leave the part as it is, for another run to go on with."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def discard(self) -> None:
        """Remove the part, unless it is finished or left."""
        if self._descriptor is not None:
            self.leave()
            with contextlib.suppress(OSError):  # a leftover is harmless, and there may be a real error to report
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
            except FileExistsError:  # it has come this moment
                self._lock.forget(self.part)
                self._clear()
                raise
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _clear(self) -> None:
        """Remove a part that an earlier run has left. Raises SinkError when it is not ours, or worth something."""
        if not self._lock.vouches(self.part):
            raise foreign_part(self.part)
        suffix = self.path.suffix.lower()
        if suffix in CONTAINERS and self.part.stat().st_size and not self._overwrite:
            goes_on = either("--resume goes on with it, ", "") if journal_of(self.part).is_dir() else ""
            raise SinkError(
                f"{self.part} exists already", f"a run was cut off: {goes_on}{option('overwrite', True)} begins anew"
            )
        self.part.unlink()

    def _sync(self, descriptor: int) -> None:
        """Have the disk take what was written, and see that it took all."""
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                self._spoilt()
                raise self._unwritten(error.strerror) from error
        size = os.fstat(descriptor).st_size
        if self._size is not None and size != self._size:
            self._spoilt()
            raise self._unwritten(f"{size} of {self._size} bytes are on the disk")

    def _spoilt(self) -> None:
        if self._size is not None:
            self.discard()

    def verify(self) -> None:
        """Raise SinkError when the part is not the file that was made, before somebody opens it by its name."""
        if identity(self.part) != self._made:
            raise SinkError(
                f"{self.part} is another file than the one that was made", "another program may have replaced it"
            )

    def _check(self) -> None:
        """Look again, for time has passed."""
        self.verify()
        what = self._inputs.what(self.path)
        if what is not None:
            raise SinkError(f"{self.path} is {what}", f"what was written is in {self.part}")
        check_new(self.path, self._overwrite, f"what was written is in {self.part}")

    def _keep_rights(self, descriptor: int) -> None:
        """Leave a file that is replaced as private as it was."""
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # nothing is replaced, or the disk knows no rights
                os.fchmod(descriptor, stat.S_IMODE(self._real.stat().st_mode))

    def _rename(self) -> None:
        if not self._overwrite:
            try:
                self._real.hardlink_to(self.part)  # in one step with the look whether there is another
            except FileExistsError:
                raise SinkError(f"{self.path} exists already", f"what was written is in {self.part}") from None
            except OSError:  # the disk knows no hard links
                pass
            else:
                self.part.unlink()
                return
        self.part.replace(self._real)

    def _unwritten(self, reason: str | None) -> SinkError:
        return SinkError(f"{self.path} cannot be written: {reason}", "make room, or choose another place")


def write_whole(
    path: Path, data: bytes, lock: OutputLock, *, overwrite: bool = False, inputs: Inputs | None = None
) -> None:
    """Write a file that is there with all of `data` or not at all. Raises as PartialFile does."""
    part = PartialFile(path, lock, overwrite=overwrite, inputs=inputs)
    try:
        part.write(data)
        part.finish()
    finally:
        part.discard()


_REPLACE = f"use {option('overwrite', True)}, or another name"


def check_new(path: Path, overwrite: bool, hint: str = _REPLACE) -> None:
    """Raise SinkError when `path` is no file, or is there already and must not be overwritten."""
    try:
        if path.is_dir():
            raise SinkError(f"{path} is a folder", "name a file")
        if real_path(path).is_symlink():
            raise SinkError(f"{path} is a symbolic link that leads nowhere", "name a file")
        if path.exists() and not path.is_file():  # it would be replaced by a file
            raise SinkError(f"{path} is a device, a pipe or a socket", "name a file, or an address")
        if path.exists() and not overwrite:
            raise SinkError(f"{path} exists already", hint)
    except OSError as error:  # a folder on the way is closed to us, a name is too long
        raise SinkError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
