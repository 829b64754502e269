"""The folder of a farm: on this machine, or behind an address of fsspec such as s3://bucket/folder."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from livedream.errors import SinkError, SourceError
from livedream.urls import redact

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_HINT = "check the address, and that its filesystem is installed: s3:// needs pip install s3fs, gs:// gcsfs"


def is_address(text: str) -> bool:
    """Return whether `text` is an address and not a path: s3://bucket/film.mp4."""
    return "://" in text


def local_folder(place: str) -> Path | None:
    """Return the folder at `place`, None if that is an address."""
    return None if is_address(place) else Path(place)


class Store:
    """A folder whose files are written as a whole: whoever reads sees an old file or a new one, never a part.

    Args:
        place: a path or an address.

    Raises:
        SinkError: the address cannot be used.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._fs: AbstractFileSystem | None = None
        self._root = place
        if is_address(place):
            self._fs, self._root = _filesystem(place)

    @property
    def folder(self) -> Path | None:
        """The folder, if it is on this machine."""
        return None if self._fs is not None else Path(self._root)

    @property
    def workplace(self) -> Path:
        """A folder on this machine for unfinished files; the same one for the same place."""
        if self.folder is not None:
            return self.folder
        return user_cache_path("livedream") / "farm" / hashlib.sha256(self.place.encode()).hexdigest()[:16]

    def shown(self, name: str) -> str:
        """Return where a file is, for messages."""
        if self._fs is None:
            return str(Path(self._root) / name)
        return f"{redact(self.place).rstrip('/')}/{name}"

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None if it does not exist. Raises SourceError."""
        try:
            if self._fs is None:
                path = Path(self._root) / name
                return path.stat().st_size if path.exists() else None
            self._fs.invalidate_cache()
            return int(self._fs.info(self._at(name))["size"])
        except FileNotFoundError:
            return None
        except Exception as error:
            raise SourceError(f"{self.shown(name)} cannot be read: {_said(error)}", _HINT) from error

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, None if it does not exist. Raises SourceError."""
        try:
            if self._fs is None:
                return (Path(self._root) / name).read_bytes()
            self._fs.invalidate_cache()
            return bytes(self._fs.cat_file(self._at(name)))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise SourceError(f"{self.shown(name)} cannot be read: {_said(error)}", _HINT) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, or replace it. Raises SinkError."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "content"
            path.write_bytes(content)
            self.publish(path, name)

    def publish(self, path: Path, name: str) -> None:
        """Copy a file of this machine into the store as `name`; it appears when it is complete. Raises SinkError."""
        try:
            if self._fs is not None:
                self._fs.makedirs(str(PurePosixPath(self._at(name)).parent), exist_ok=True)
                self._fs.put_file(str(path), self._at(name))  # an object appears as a whole
                return
            target = Path(self._root) / name
            if path.absolute() == target.absolute():
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.{os.getpid()}.new")
            try:
                shutil.copyfile(path, unfinished)
                with unfinished.open("rb+") as file:
                    os.fsync(file.fileno())
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)
        except Exception as error:
            raise SinkError(f"{self.shown(name)} cannot be written: {_said(error)}", _HINT) from error

    def move_in(self, path: Path, name: str, *, overwrite: bool) -> None:
        """Move a file of this machine into the store as `name`.

        Raises:
            FileExistsError: there is such a file, and it may not be replaced.
            SinkError: it cannot be written.
        """
        if self._fs is not None:
            if not overwrite and self.size(name) is not None:
                raise FileExistsError(name)
            self.publish(path, name)
            path.unlink()
            return
        target = Path(self._root) / name
        try:
            if overwrite:
                path.replace(target)
            else:
                _rename_new(path, target)
        except FileExistsError:
            raise
        except OSError as error:
            raise SinkError(f"{self.shown(name)} cannot be written: {_said(error)}", _HINT) from error

    def local(self, name: str) -> Path:
        """Return a file of the store on this machine, after copying it if necessary. Raises SourceError.

        `drop` removes the copy.
        """
        if self._fs is None:
            return Path(self._root) / name
        copy = self.workplace / "copies" / name
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            self._fs.get_file(self._at(name), str(copy))
        except Exception as error:
            raise SourceError(f"{self.shown(name)} cannot be read: {_said(error)}", _HINT) from error
        return copy

    def drop(self, copy: Path) -> None:
        """Remove what `local` has returned, if it is a copy."""
        if self._fs is not None:
            copy.unlink(missing_ok=True)

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def _rename_new(path: Path, target: Path) -> None:
    """Rename a file, and replace nothing: also not what another program has made a moment ago."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(target) from None
        path.replace(target)
    else:
        path.unlink()


def local_copy(address: str) -> Path:
    """Return a copy of the file at `address` on this machine; one that is there already is checked for changes.

    Raises SourceError.
    """
    import fsspec

    folder = user_cache_path("livedream") / "films" / hashlib.sha256(address.encode()).hexdigest()[:16]
    name = PurePosixPath(urlsplit(address).path).name
    try:
        copied = fsspec.open_local(
            f"filecache::{address}", filecache={"cache_storage": str(folder), "check_files": True}
        )
    except Exception as error:
        raise SourceError(f"{redact(address)} cannot be read: {_said(error)}", _HINT) from error
    # livedream knows formats by their suffix, which copies lack.
    named = folder / "named" / name
    if named.exists() and named.samefile(copied):
        return named
    named.parent.mkdir(parents=True, exist_ok=True)
    unfinished = named.with_name(f"{name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(str(copied), unfinished)
    except OSError:
        shutil.copyfile(str(copied), unfinished)
    unfinished.replace(named)
    return named


def _filesystem(place: str) -> "tuple[AbstractFileSystem, str]":
    import fsspec

    try:
        return fsspec.url_to_fs(place)
    except Exception as error:
        raise SinkError(f"{redact(place)} cannot be used: {_said(error)}", _HINT) from error


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
