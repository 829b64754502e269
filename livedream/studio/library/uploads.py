"""Receives uploads: into a file of our own name, with bounds, and into the library only after an inspection."""

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from livedream.errors import LivedreamError
from livedream.formats.suffixes import RAW
from livedream.studio.library.entries import FileEntry
from livedream.studio.library.errors import BusyError, NoSpaceError, TooLargeError, UndecodableError
from livedream.studio.library.files import INCOMING, Files, presentable_name
from livedream.studio.library.inspector import inspect_file
from livedream.studio.library.media_types import HEAD, media_type

MOST_BYTES = 512 << 20
KEPT_FREE = 1 << 30
"""Bytes of the disk that uploads leave free: recordings and dreams need them."""
MOST_AT_ONCE = 4
"""Uploads that are received at the same time."""


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk on which `folder` lies. Raises OSError."""
    return shutil.disk_usage(folder).free


def check_free(folder: Path, wanted: int, free: Callable[[Path], int] = free_bytes) -> None:
    """Raise NoSpaceError unless `KEPT_FREE` bytes stay free when `wanted` bytes are written to `folder`."""
    try:
        rest = free(folder) - wanted
    except OSError as error:
        raise NoSpaceError(f"the free disk space is unknown: {error.strerror}", "check the disk") from error
    if rest < KEPT_FREE:
        raise NoSpaceError("there is too little disk space", f"delete some files: {KEPT_FREE >> 30} GiB must stay free")


class Uploads:
    """Receives uploads into `files`.

    Args:
        files: the library.
        most_bytes: of one upload.
        free: returns the free bytes of the disk with a folder.
    """

    def __init__(self, files: Files, *, most_bytes: int = MOST_BYTES, free: Callable[[Path], int] = free_bytes) -> None:
        self.most_bytes = most_bytes
        self._files = files
        self._free = free
        self._places = threading.Semaphore(MOST_AT_ONCE)

    def begin(self, name: str, length: int | None = None) -> "Upload":
        """Return an upload to write to, as a context manager.

        Args:
            name: of the file, for people only.
            length: the number of bytes that were announced; None if unknown.

        Raises:
            TooLargeError, NoSpaceError: `length` is too much.
            BusyError: others are being received.
        """
        self.check(length or 0, length or 0)
        if not self._places.acquire(blocking=False):
            raise BusyError("other files are being received", "wait for their end")
        try:
            return Upload(self._files, self, presentable_name(name), self._places.release)
        except BaseException:
            self._places.release()
            raise

    def check(self, total: int, more: int) -> None:
        """Raise TooLargeError or NoSpaceError if an upload of `total` bytes cannot be taken, or `more` bytes of it."""
        if total > self.most_bytes:
            raise TooLargeError("the file is too large", f"at most {self.most_bytes >> 20} MiB are accepted")
        check_free(self._files.folder, more, self._free)


class Upload:
    """A file that is being received. Leaving the `with` block before `finish` has returned removes it.

    Args:
        files: the library.
        uploads: checks the size.
        name: of the file, for people only.
        on_end: called when nothing more is received.

    Raises:
        NoSpaceError: the file cannot be made.
    """

    def __init__(self, files: Files, uploads: Uploads, name: str, on_end: Callable[[], object]) -> None:
        self._files = files
        self._uploads = uploads
        self._name = name
        self._on_end = on_end
        self._total = 0
        self._path = files.folder_of("upload") / f"{INCOMING}{secrets.token_hex(6)}.part"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise _unwritable(error) from error
        self._file: BinaryIO | None = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> None:
        """Append `data`. Raises TooLargeError and NoSpaceError."""
        if self._file is None:
            raise ValueError("the upload is complete")
        self._total += len(data)
        self._uploads.check(self._total, len(data))
        try:
            self._file.write(data)
        except OSError as error:
            raise _unwritable(error) from error

    def finish(self) -> FileEntry:
        """Inspect the complete file, and return its entry in the library. It takes up to half a minute.

        Raises:
            UndecodableError: it is neither a picture nor a film, or is damaged or too large.
            NoSpaceError: the disk is full.
        """
        self._close()
        try:
            with self._path.open("rb") as file:
                kind = media_type(file.read(HEAD))
            if kind is None or Path(self._name).suffix.lower() in RAW:
                raise UndecodableError(
                    f"{self._name} is not a picture or film that the studio takes",
                    "choose a JPEG, PNG, WebP or HEIC picture, or an MP4, WebM, MOV or MKV film",
                )
            # FFmpeg guesses the format from the suffix too: it must be the same now and when the file is dreamt.
            self._path = self._path.rename(self._path.with_suffix(f".part{kind.suffix}"))
            facts, preview = inspect_file(self._path, kind.type, self._name)
            return self._files.add_upload(self._path, self._name, facts, kind.suffix, preview)
        except OSError as error:
            raise _unwritable(error) from error

    def close(self) -> None:
        """Remove what was received, unless `finish` has returned."""
        with contextlib.suppress(OSError):
            self._close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._on_end()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise _unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unwritable(error: OSError) -> LivedreamError:
    return NoSpaceError(f"the file cannot be kept: {error.strerror}", "free some disk space, or check the disk")
