"""A file that is being written, and gets its name when it is complete."""

import contextlib
import os
from pathlib import Path

from livedream.errors import SinkError


def part_of(path: Path) -> Path:
    """Return the name of `path` while it is written: NAME.part.EXT, which players still know by its end."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


class PartFile:
    """The file `NAME.part.EXT` beside `path`, made at once, so that what stands in the way is known before any work.

    Nobody takes a half-written file for a whole one, and an older one is whole until the new one is. A process that is
    killed leaves the part behind.

    draft: where it is written at first, beside a part that an earlier run left; `take_place` gives it the part's name.

    Raises SinkError, naming the path, when there is a file of that name or its part and not `overwrite`, when its
    folder is missing, and when it cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, draft: Path | None = None) -> None:
        self.path = path
        self.part = draft or part_of(path)
        """What the file is called now."""
        self._overwrite = overwrite
        self._done = False
        check_new(path, overwrite)
        try:
            with self.part.open("wb" if overwrite else "xb"):
                pass
        except FileExistsError as error:
            cure = "another run writes it, or was cut off: --resume goes on with it, --overwrite begins anew"
            raise SinkError(f"{self.part} exists already", cure) from error
        except OSError as error:
            if path.parent.is_dir():
                raise SinkError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
            raise SinkError(f"{path} cannot be written: there is no folder {path.parent}", "make it first") from error

    def take_place(self) -> bool:
        """Give a draft the name of the part, in place of the one that is there; one rename.

        False where that cannot be while it is open, as on Windows. Raises OSError.
        """
        part = part_of(self.path)
        if self.part != part:
            try:
                self.part.replace(part)
            except PermissionError:
                return False
            self.part = part
        return True

    def sync(self) -> None:
        """Have the disk take what was written so far. Raises OSError."""
        descriptor = os.open(self.part, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Give the file its name. Raises SinkError, and leaves the part, when that cannot be."""
        if self._done:
            return
        self._done = True
        try:
            check_new(self.path, self._overwrite)  # again: time has passed
            self.part.replace(self.path)
        except OSError as error:
            raise SinkError(f"{self.part} cannot be renamed: {error.strerror}", "rename it by hand") from error

    def leave(self) -> None:
        """Leave the part as it is, for another run to go on with."""
        self._done = True

    def discard(self) -> None:
        """Remove the part, unless it is finished."""
        if not self._done:
            self._done = True
            with contextlib.suppress(OSError):  # a leftover is harmless, and there may be a real error to report
                self.part.unlink(missing_ok=True)


def check_new(path: Path, overwrite: bool) -> None:
    """Raise SinkError when `path` is a folder, or is there already and must not be overwritten."""
    try:
        if path.is_dir():
            raise SinkError(f"{path} is a folder", "name a file")
        if path.exists() and not overwrite:
            raise SinkError(f"{path} exists already", "use --overwrite, or another name")
    except OSError as error:  # a folder on the way is closed to us, a name is too long
        raise SinkError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
