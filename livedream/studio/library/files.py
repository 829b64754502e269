"""The files of a studio: snapshots, recordings, uploads and dreams, in one folder.

snapshots/livedream-20261127-220101.png    as `livedream.controls.recorder` names them
recordings/livedream-20261127-220101.mp4   the same
uploads/upload-1f2e3d4c5b6a.jpg            named by us
uploads/upload-1f2e3d4c5b6a.json           what people call it, and what it contains
dreams/dream-1f2e3d4c5b6a.mp4              named by us, with such a .json too
previews/upload-1f2e3d4c5b6a.jpg           small pictures of the others
"""

import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from livedream.errors import LivedreamError
from livedream.names import fitting
from livedream.printable import printable
from livedream.studio.library.entries import Facts, FileEntry, FileKind
from livedream.studio.library.errors import UnknownThingError
from livedream.studio.library.json_file import read_json, write_file, write_json
from livedream.studio.library.media_types import TYPES
from livedream.studio.library.probe import probe

FOLDERS: dict[FileKind, str] = {
    "snapshot": "snapshots",
    "recording": "recordings",
    "upload": "uploads",
    "dream": "dreams",
}
"""The folder of each kind."""
INCOMING = "incoming-"
"""Begins the names of uploads that are being received."""
_PREVIEWS = "previews"
_OLD_SECONDS = 3600.0
"""A file without its partner is this old when it can be removed: nobody is still writing the partner."""
_LONGEST_NAME = 200
"""Bytes of a name for people: it becomes a file name when it is downloaded."""
_TIMED = r"livedream-(?P<time>\d{8}-\d{6}(?:-\d{1,3})?)"
_NAMES = {kind: re.compile(rf"(?:{_TIMED}|{kind}-[0-9a-f]{{12}})(?P<suffix>\.[a-z0-9]+)") for kind in FOLDERS}
"""The names of finished files of each kind."""
_BELONGING = re.compile(
    rf"{INCOMING}[0-9a-f]{{12}}\.part(\.[a-z0-9]+)?"
    r"|[a-z]+-[0-9a-f-]+\.(json|jpg)"
    r"|\.[a-z]+-[0-9a-f-]+\.(json|jpg)\.[0-9a-f]{8}"
)
"""The names of files that are nothing by themselves."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A finished file on the disk."""

    kind: FileKind
    path: Path
    status: os.stat_result


class Files:
    """The files of a studio. Any thread may use it.

    Ids are made here, and looked up among the files that exist. Other files, hidden ones, links and files that are
    being written are never listed.

    Args:
        folder: of the studio; it is made, with a folder for each kind, if needed.
        on_change: called when a file was added or deleted here, on any thread.

    Raises:
        LivedreamError: a folder cannot be made.
    """

    def __init__(self, folder: Path, on_change: Callable[[], object] = lambda: None) -> None:
        self.folder = folder
        self.on_change = on_change
        self._lock = threading.Lock()
        self._known: dict[str, tuple[object, FileEntry, bool]] = {}
        """The entry of a file, and whether it is a film, by its id, with what they depend on."""
        try:
            for name in (*FOLDERS.values(), _PREVIEWS):
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LivedreamError(
                f"{folder} cannot be used: {error.strerror}", "check the permissions, or choose another folder"
            ) from error
        self._sweep()

    def folder_of(self, kind: FileKind) -> Path:
        """Return where files of a kind lie."""
        return self.folder / FOLDERS[kind]

    def path_for(self, kind: FileKind, suffix: str) -> tuple[str, Path]:
        """Return the id and the path for a new file. suffix: its type, such as `.mp4`.

        Raises:
            ValueError: the library has no files of that type.
        """
        if suffix not in TYPES:
            raise ValueError(f"the library has no {suffix} files")
        id = f"{kind}-{secrets.token_hex(6)}"
        return id, self.folder_of(kind) / f"{id}{suffix}"

    def list(self) -> list[FileEntry]:
        """Return all finished files, the newest first."""
        found = self._scan()
        entries = [self._describe(id, file)[0] for id, file in found.items()]
        with self._lock:
            self._known = {id: known for id, known in self._known.items() if id in found}
        return sorted(entries, key=lambda entry: (entry.made, entry.id), reverse=True)

    def find(self, id: str) -> tuple[FileEntry, Path]:
        """Return a file and its path. Raises UnknownThingError."""
        found = self._look_up(id)
        return self._describe(id, found)[0], found.path

    def entry_at(self, path: Path) -> FileEntry | None:
        """Return the finished file at `path`; None if there is none, or if it does not belong to the library."""
        for id, found in self._scan().items():
            if found.path.absolute() == path.absolute():
                return self._describe(id, found)[0]
        return None

    def is_film(self, id: str) -> bool:
        """Return whether a file has several frames. Raises UnknownThingError."""
        return self._describe(id, self._look_up(id))[1]

    def exists(self, id: str) -> bool:
        """Return whether there is a finished file with that id."""
        return id in self._scan()

    def delete(self, id: str) -> None:
        """Delete a file and what belongs to it.

        Raises:
            UnknownThingError: there is none.
            LivedreamError: the system does not allow it.
        """
        path = self._look_up(id).path
        try:
            path.unlink(missing_ok=True)
            self._preview(id).unlink(missing_ok=True)
            _sidecar(path).unlink(missing_ok=True)
        except OSError as error:
            raise LivedreamError(f"the file cannot be deleted: {error.strerror}", "check its permissions") from error
        self.changed()

    def add_upload(self, received: Path, name: str, facts: Facts, suffix: str, preview: bytes) -> FileEntry:
        """Take a received file, which lies in the folder of uploads, into the library.

        Args:
            received: the complete file; it is renamed.
            name: for people; it gets the suffix of its type, with which a browser saves it.
            facts: what it contains.
            suffix: its type, such as `.mp4`.
            preview: a small JPEG of it.

        Raises:
            OSError: the disk is full, or fails. `received` stays.
        """
        id, path = self.path_for("upload", suffix)
        shown = presentable_name(f"{Path(presentable_name(name)).stem}{suffix}")
        try:
            write_json(_sidecar(path), {"name": shown, **facts.model_dump()})
            write_file(self._preview(id), preview)
            received.rename(path)  # last: then all that belongs to it is there
        except OSError:
            for rest in (_sidecar(path), self._preview(id)):
                rest.unlink(missing_ok=True)
            raise
        self.changed()
        return self.find(id)[0]

    def name_dream(self, path: Path, name: str) -> None:
        """Say what people call the dream that is, or will be, at `path`. Raises OSError."""
        write_json(_sidecar(path), {"name": presentable_name(name)})

    def changed(self) -> None:
        """Tell the user of this object that a file was added or deleted."""
        self.on_change()

    def preview(self, id: str) -> bytes | None:
        """Return the small JPEG of a file, None if there is none, or if it is older than the file."""
        found, preview = self._look_up(id), self._preview(id)
        try:
            # A preview is written before its upload gets its name, but not before it was received.
            return preview.read_bytes() if preview.stat().st_mtime >= found.status.st_mtime else None
        except OSError:
            return None

    def keep_preview(self, id: str, preview: bytes) -> None:
        """Keep a small JPEG of a file. Raises OSError."""
        write_file(self._preview(id), preview)

    def _preview(self, id: str) -> Path:
        return self.folder / _PREVIEWS / f"{id}.jpg"

    def _look_up(self, id: str) -> _Found:
        found = self._scan().get(id)
        if found is None:
            raise UnknownThingError("there is no such file", "it may have been deleted")
        return found

    def _scan(self) -> dict[str, _Found]:
        """Return the finished files by their ids."""
        return {id: found for kind in FOLDERS for id, found in self._in_folder(kind)}

    def _in_folder(self, kind: FileKind) -> Iterator[tuple[str, _Found]]:
        try:
            with os.scandir(self.folder_of(kind)) as entries:
                for entry in entries:
                    match = _NAMES[kind].fullmatch(entry.name)
                    if match is None or match["suffix"] not in TYPES:
                        continue
                    with contextlib.suppress(OSError):  # it was just deleted
                        if entry.is_file(follow_symlinks=False):
                            id = f"{kind}-{match['time']}" if match["time"] else Path(entry.name).stem
                            yield id, _Found(kind, Path(entry.path), entry.stat(follow_symlinks=False))
        except OSError:  # somebody deleted the folder
            return

    def _describe(self, id: str, found: _Found) -> tuple[FileEntry, bool]:
        """Return the entry of a file, and whether it is a film. The header is read once for each version of a file."""
        sidecar = _sidecar(found.path)
        with contextlib.suppress(OSError):
            sidecar_time = None
            sidecar_time = sidecar.stat().st_mtime_ns
        key = found.path.name, found.status.st_size, found.status.st_mtime_ns, sidecar_time
        with self._lock:
            known = self._known.get(id)
        if known is not None and known[0] == key:
            return known[1], known[2]
        kept = read_json(sidecar)
        name, media_type = kept.get("name"), TYPES[found.path.suffix]
        try:
            # The type comes from our own suffix, whatever the sidecar says.
            facts = Facts.model_validate({**kept, "type": media_type})
        except ValidationError:
            facts = probe(found.path, media_type)
        entry = FileEntry(
            id=id,
            name=presentable_name(name) if isinstance(name, str) else found.path.name,
            kind=found.kind,
            bytes=found.status.st_size,
            made=found.status.st_mtime,
            **facts.model_dump(exclude={"film"}),
        )
        with self._lock:
            self._known[id] = key, entry, facts.film
        return entry, facts.film

    def _sweep(self) -> None:
        """Remove what a killed process left: half-received uploads, and what belongs to a file that never came."""
        ids = set(self._scan())
        folders = self.folder_of("upload"), self.folder_of("dream"), self.folder / _PREVIEWS
        for path in [path for folder in folders for path in folder.iterdir()]:
            match = _BELONGING.fullmatch(path.name)
            if match is None or path.stem in ids:
                continue
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < time.time() - _OLD_SECONDS:
                    path.unlink()


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def presentable_name(name: str) -> str:
    """Return the name of an uploaded file without folders and control characters, and of bounded length."""
    last = re.split(r"[/\\]", name)[-1].strip()
    last = "".join(letter if printable(letter) == letter else "_" for letter in last)
    if not last.strip("."):
        return "file"
    stem, dot, suffix = last.rpartition(".")
    if not stem or len(suffix) > 10:
        stem, dot, suffix = last, "", ""
    return fitting(stem, f"{dot}{suffix}", room=255 - _LONGEST_NAME)
