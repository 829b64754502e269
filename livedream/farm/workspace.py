"""A manifest in its folder: where its shards and its films are."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from livedream.errors import ArgumentError, SourceError
from livedream.farm.manifest import LARGEST, Film, Manifest, Shard, parse_manifest
from livedream.farm.store import Store, is_address, local_copy
from livedream.printable import quoted_value

NAME = "manifest.toml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A manifest and the store in which it lies."""

    manifest: Manifest
    store: Store
    name: str = NAME
    """The name of the manifest in its folder."""

    def film(self, film: Film) -> Path:
        """Return the file of a film on this machine, after copying it if necessary. Raises SourceError."""
        if is_address(film.source):
            return local_copy(film.source)
        if self.store.folder is None and not Path(film.source).is_absolute():
            return local_copy(f"{self.store.place.rstrip('/')}/{film.source}")
        return (self.store.folder or Path()) / film.source

    def shard_file(self, film: Film, shard: Shard) -> str:
        """Return the name of a shard in the store. Another manifest in the same folder has others."""
        suffix = PurePosixPath(film.target).suffix
        return f"{self._shards}/{shard.number:05d}-{PurePosixPath(film.target).stem}{suffix}"

    def receipt_file(self, shard: Shard) -> str:
        """Return the name of the receipt of a shard."""
        return f"{self._shards}/{shard.number:05d}.toml"

    def draft_file(self, film: Film) -> str:
        """Return the name of a film while it is joined."""
        return f"{self._shards}/{film.target}"

    @property
    def progress_file(self) -> str:
        """The name of the file with the progress of a farm."""
        return f"{self._shards}/progress.json"

    @property
    def _shards(self) -> str:
        return f"shards-{self.manifest.id[:8]}"


def open_workspace(place: str) -> Workspace:
    """Return the manifest at a path or address, or in the folder there, with its store.

    Raises ArgumentError when it is not a manifest, SourceError when it cannot be read.
    """
    if not place.endswith(".toml"):
        place = f"{place.rstrip('/')}/{NAME}"
    folder, name = _split(place)
    store = Store(folder)
    size = store.size(name)
    if size is None:
        raise SourceError(f"{store.shown(name)} does not exist", "write it with livedream plan")
    if size > LARGEST:
        raise ArgumentError(f"{store.shown(name)} is not a manifest: {size} bytes", "name the manifest")
    try:
        text = (store.read(name) or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{store.shown(name)} is not a manifest: not UTF-8", "name the manifest") from error
    return Workspace(parse_manifest(text, store.shown(name)), store, name)


def parse_shard(text: str, count: int) -> int:
    """Return the number of a shard in `3/40` or `3`. count: of the manifest. Raises ArgumentError."""
    found = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9}))?", text.strip(), re.ASCII)
    if found is None:
        raise ArgumentError(f"invalid shard {quoted_value(text)}", f"write NUMBER/{count}, for example 1/{count}")
    number, total = int(found[1]), int(found[2] or count)
    if total != count:
        raise ArgumentError(f"the manifest has {count} shards, not {total}", "it was planned again: start all anew")
    if not 1 <= number <= count:
        raise ArgumentError(f"there is no shard {number}", f"the manifest has shards 1 to {count}")
    return number


def _split(place: str) -> tuple[str, str]:
    if is_address(place):
        folder, _, name = place.rpartition("/")
        return folder, name
    path = Path(place)
    return str(path.parent), path.name
