"""The manifest of a farm: films, their scenes, the shards to dream, and everything that the dream depends on.

It is TOML, written by `livedream plan` and read by everyone else:

    format = 1
    id = "..."                  a hash of all the rest: shards of another manifest are not taken
    [plan]                      wanted length of a shard, warm-up, whether machines may differ
    [settings]                  controls that differ from their defaults, as in a preset
    [machine]                   versions, device, precision and threads: what decides about the last bit of a pixel
    [encoding]                  codec and quality
    [[film]]                    a source, its fingerprint, the numbers of the frames that begin a scene
    [[film.shard]]              its first frame and the number of frames, with a digest of them
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from livedream.errors import ArgumentError
from livedream.recipe import controls_in
from livedream.settings import CONTROLS, DreamSettings
from livedream.sink.video.codecs import Encoding

FORMAT = 1
LARGEST = 1 << 28
"""Bytes. A film of two hours with a cut every four seconds has 20 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Consecutive frames of a film that one worker dreams."""

    number: int
    """From 1 on, over all films of the manifest."""
    first: int
    """The number of its first frame in the film, from 0 on."""
    frames: int
    """How many frames it has."""
    time: Fraction
    """The time of its first frame, in seconds of the film."""
    end: Fraction | None
    """The time of the first frame after it; None for the last shard of a film."""
    begin: str
    """The digest of its first frame, see `livedream.farm.digest`."""
    digest: str
    """The digest of all its frames."""
    warm_up: int = 0
    """How many frames before the first are dreamt and discarded; 0 where a scene begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film and how it is cut."""

    source: str
    """A path, or an address of fsspec; a relative path begins at the folder of the manifest."""
    target: str
    """The name of the result in the folder of the manifest."""
    fingerprint: str
    """Of the file, see `livedream.recipe.fingerprint`."""
    sha256: str
    """Of the whole file."""
    frames: int
    size: tuple[int, int]
    """(width, height) in pixels."""
    rate: Fraction | None
    last: Fraction | None
    """How many seconds the last frame is shown, if the file states it."""
    cuts: tuple[int, ...]
    """The numbers of the frames that begin a scene, without 0."""
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What must be the same on all machines so that every bit is the same."""

    versions: Mapping[str, str]
    """Of the packages that decide about pixels, by name."""
    device: str
    """cpu, cuda or mps."""
    precision: str
    """float32, bfloat16 or float16."""
    merging: bool
    """Whether parallel convolutions are merged, see `merging_pays`."""
    threads: int
    """Of torch and OpenCV, each."""
    processor: str
    """The instruction set or the GPU, see `rounding`; empty if the plan was made on a machine without the GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A plan to dream films in shards."""

    films: tuple[Film, ...]
    settings: DreamSettings
    machine: Machine
    encoding: Encoding
    ingredients: str = ""
    """The fingerprint of the files that the layers and weights name."""
    seconds: Fraction
    """The wanted length of a shard."""
    warm_up: int = 0
    """How many frames a shard is dreamt ahead that begins inside a scene; 0 if none does."""
    mixed: bool = False
    """Whether machines may differ in versions and processor."""
    id: str = field(default="", compare=False)
    """32 hexadecimal digits that identify the manifest."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hashlib.sha256(self._body().encode()).hexdigest()[:32])

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards of all films, in the order of their numbers."""
        return tuple(shard for film in self.films for shard in film.shards)

    @property
    def exact(self) -> bool:
        """Whether the result is that of a single run, bit for bit."""
        return not self.mixed and not any(shard.warm_up for shard in self.shards)

    def shard(self, number: int) -> tuple[Film, Shard]:
        """Return a shard and its film. Raises ArgumentError if there is no such shard."""
        for film in self.films:
            for shard in film.shards:
                if shard.number == number:
                    return film, shard
        raise ArgumentError(f"there is no shard {number}", f"the manifest has shards 1 to {len(self.shards)}")

    def text(self) -> str:
        """Return the manifest as TOML."""
        return (
            f"# A manifest of livedream; see livedream help plan.\nformat = {FORMAT}\nid = {self.id!r}\n{self._body()}"
        )

    def _body(self) -> str:
        settings = {
            control.name: value
            for control in CONTROLS
            if (value := getattr(self.settings, control.name)) != control.default
        }
        plan = {"seconds": str(self.seconds), "warm_up": self.warm_up, "mixed": self.mixed}
        machine = {key: value for key, value in asdict(self.machine).items() if key != "versions"}
        encoding = {"codec": self.encoding.codec, "quality": self.encoding.quality}
        lines = [
            *_table("plan", {**plan, "ingredients": self.ingredients}),
            *_table("settings", settings),
            *_table("machine", machine),
            *_table("machine.versions", self.machine.versions),
            *_table("encoding", encoding),
        ]
        for film in self.films:
            facts = {key: value for key, value in asdict(film).items() if key != "shards"}
            lines += _table("[film]", facts)
            for shard in film.shards:
                lines += _table("[film.shard]", asdict(shard))
        return "\n".join(lines) + "\n"


def parse_manifest(text: str, name: str) -> Manifest:
    """Return the manifest in `text`. name: where it is, for errors.

    Raises ArgumentError when it is not a manifest, was written by another version, or was changed by hand.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ArgumentError(f"{name} is not a manifest: {error}", "write one with livedream plan") from error
    written = table.get("format")
    if written != FORMAT:
        known = f"has format {written}" if isinstance(written, int) else "is not a manifest"
        raise ArgumentError(f"{name} {known}; this version reads format {FORMAT}", "plan again with this version")
    try:
        manifest = _manifest(table, name)
    except (KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ArgumentError(f"{name} is damaged: {type(error).__name__} {error}", "plan again") from error
    except ArgumentError:
        raise
    except ValueError as error:
        raise ArgumentError(f"{name} is damaged: {error}", "plan again") from error
    if manifest.id != table.get("id"):
        raise ArgumentError(f"{name} was changed after it was planned", "plan again; shards of the old one are kept")
    return manifest


def _manifest(table: Mapping[str, Any], name: str) -> Manifest:
    plan, machine, encoding = table["plan"], table["machine"], table["encoding"]
    return Manifest(
        films=tuple(_film(each) for each in table["film"]),
        settings=DreamSettings().replace(**controls_in(table.get("settings", {}), name)),
        machine=Machine(
            versions={str(key): str(value) for key, value in machine["versions"].items()},
            **{key: machine[key] for key in ("device", "precision", "merging", "threads", "processor")},
        ),
        encoding=Encoding(codec=encoding["codec"], quality=encoding.get("quality")),
        ingredients=plan["ingredients"],
        seconds=Fraction(plan["seconds"]),
        warm_up=plan["warm_up"],
        mixed=plan["mixed"],
    )


def _film(table: Mapping[str, Any]) -> Film:
    rate, last = table.get("rate"), table.get("last")
    if not table["target"] or PurePosixPath(table["target"]).name != table["target"] or "\\" in table["target"]:
        raise ValueError(f"{table['target']!r} is not the name of a file")  # it would be written elsewhere
    width, height = table["size"]
    return Film(
        **{key: table[key] for key in ("source", "target", "fingerprint", "sha256", "frames")},
        size=(int(width), int(height)),
        rate=None if rate is None else Fraction(rate),
        last=None if last is None else Fraction(last),
        cuts=tuple(map(int, table["cuts"])),
        shards=tuple(_shard(each) for each in table["shard"]),
    )


def _shard(table: Mapping[str, Any]) -> Shard:
    end = table.get("end")
    return Shard(
        **{key: int(table[key]) for key in ("number", "first", "frames", "warm_up")},
        time=Fraction(table["time"]),
        end=None if end is None else Fraction(end),
        begin=str(table["begin"]),
        digest=str(table["digest"]),
    )


def _table(name: str, values: Mapping[str, object]) -> Iterable[str]:
    """Yield a table of TOML, without values that are None."""
    yield ""
    yield f"[{name}]"
    for key, value in values.items():
        if value is not None:
            yield f"{key if key.replace('_', '').isalnum() else json.dumps(key)} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, Fraction):
        return f'"{value}"'
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_value, value))}]"
    # TOML escapes the same characters as JSON, and this one.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
