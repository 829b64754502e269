"""Plans films: reads each once, finds its scenes, and writes the manifest."""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from platformdirs import user_cache_path

from livedream.capture.video import VideoSource
from livedream.dream.compute.threads import pin_threads, processors
from livedream.dream.objective.ingredients import ingredients
from livedream.dream.stream.working_shapes import WorkingShapes
from livedream.errors import ArgumentError, SourceError
from livedream.farm.machine import machine_for
from livedream.farm.manifest import Film, Manifest
from livedream.farm.scenes import Piece, find_pieces, shards_of
from livedream.farm.store import is_address, local_copy
from livedream.formats.suffixes import VIDEO_SUFFIXES
from livedream.recipe import fingerprint, library_versions
from livedream.settings import DreamSettings
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.hardware import choose_encoder

_log = logging.getLogger(__name__)

OnFilm = Callable[[int, int, int | None], object]
"""Called by several threads with the number of the film, from 0, of frames that were read, and of frames by its
header, if known.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What to plan."""

    films: Sequence[tuple[str, str]]
    """The path or address of each film, and the name of its result."""
    settings: DreamSettings
    encoding: Encoding = field(default_factory=Encoding)
    seconds: Fraction = Fraction(60)
    """The wanted length of a shard."""
    threads: int = 1
    """Of each worker."""
    warm_up: int = 0
    """Frames that are dreamt ahead of a shard that begins inside a scene; 0 keeps scenes whole."""
    mixed: bool = False
    """Whether machines may differ in versions and processor."""
    folder: Path | None = None
    """The folder of the manifest, if it is on this machine: films inside are named relative to it."""


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What one pass over a film has found."""

    pieces: list[Piece]
    size: tuple[int, int]
    rate: Fraction | None
    sha256: str


class _EndedError(Exception):
    """Another film has failed."""


def plan_films(request: PlanRequest, on_film: OnFilm = lambda film, done, total: None) -> Manifest:
    """Return the manifest for some films.

    Raises:
        SourceError: a film cannot be read.
        ArgumentError: a target cannot be joined from shards, or two films have the same one.
        DeviceError: the device is not here, and `auto` was to be resolved.
    """
    for _, target in request.films:
        _check_target(target, request)
    pin_threads(request.threads)  # the flow, and so a cut, depends on it
    try:
        return _plan(request, on_film)
    finally:
        pin_threads(None)


def _plan(request: PlanRequest, on_film: OnFilm) -> Manifest:
    machine = machine_for(request.settings, request.threads)
    scans = _scan_all(request, on_film)
    films: list[Film] = []
    number = 1
    for (source, target), (path, identity, scanned) in zip(request.films, scans, strict=True):
        shards = shards_of(scanned.pieces, request.seconds, warm_up=request.warm_up, first_number=number)
        number += len(shards)
        films.append(
            Film(
                source=source if is_address(source) else _named(path, request.folder),
                target=target,
                fingerprint=identity,
                sha256=scanned.sha256,
                frames=sum(piece.frames for piece in scanned.pieces),
                size=scanned.size,
                rate=scanned.rate,
                last=scanned.pieces[-1].duration,
                cuts=tuple(piece.first for piece in scanned.pieces[1:] if piece.cut),
                shards=shards,
            )
        )
    return Manifest(
        films=tuple(films),
        settings=request.settings,
        machine=machine,
        encoding=request.encoding,
        ingredients=ingredients(request.settings),
        seconds=request.seconds,
        warm_up=request.warm_up,
        mixed=request.mixed,
    )


def _scan_all(request: PlanRequest, on_film: OnFilm) -> list[tuple[Path, str, _Scanned]]:
    """Return the file of each film, its fingerprint, and what is in it. Films are read beside each other.

    An exception, also of `on_film`, ends all of them.
    """
    ended = threading.Event()

    def scan(index: int) -> tuple[Path, str, _Scanned]:
        def on_frame(done: int, total: int | None) -> None:
            if ended.is_set():
                raise _EndedError
            on_film(index, done, total)

        source = request.films[index][0]
        path = local_copy(source) if is_address(source) else Path(source)
        identity = fingerprint([path])
        return path, identity, _scan(path, identity, request, on_frame)

    with ThreadPoolExecutor(processors(), "livedream-plan") as pool:
        futures = [pool.submit(scan, index) for index in range(len(request.films))]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            return [future.result() for future in futures]
        except BaseException:
            ended.set()
            pool.shutdown(cancel_futures=True)
            raise


def _check_target(target: str, request: PlanRequest) -> None:
    if target.lower().endswith(".gif"):
        raise ArgumentError(f"{target}: a GIF cannot be joined from shards", "name .mp4, .mov, .mkv or .webm")
    if Path(target).suffix.lower() not in VIDEO_SUFFIXES:
        raise ArgumentError(f"{target} is not the name of a video", "name .mp4, .mov, .mkv or .webm")
    choose_encoder(Path(target).suffix.lower(), request.encoding, None)
    if [name for _, name in request.films].count(target) > 1:
        raise ArgumentError(f"two films would be written into {target}", "rename one of them")


def _named(path: Path, folder: Path | None) -> str:
    """Return how the manifest names a film: relative to its folder if it is inside, so that both can be moved."""
    absolute = path.absolute()
    if folder is not None and absolute.is_relative_to(folder.absolute()):
        return absolute.relative_to(folder.absolute()).as_posix()
    return str(absolute)


def _scan(path: Path, identity: str, request: PlanRequest, on_frame: Callable[[int, int | None], object]) -> _Scanned:
    """Read a film, or what an earlier pass with the same result has kept."""
    settings, longest = request.settings, request.seconds if request.warm_up else None
    with VideoSource(path) as source:
        shape = WorkingShapes().octaves(settings, source.size[::-1])[0]
        facts = (identity, shape, settings.flow_scale, request.threads, longest, sorted(library_versions().items()))
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
        kept = user_cache_path("livedream") / "scenes" / f"{key}.json"
        sha256 = _sha256(path)
        found = _read(kept)
        if found is None or found.sha256 != sha256:
            length = source.length
            pieces = find_pieces(source, settings, longest=longest, on_frame=lambda done: on_frame(done, length))
            if source.ended_early is not None:
                _log.warning("%s is cut off or damaged: %s are there", path, source.ended_early)
            found = _Scanned(pieces, source.size, source.rate, sha256)
            _keep(kept, found)
        if not found.pieces:
            raise SourceError(f"{path}: no frame can be decoded", "play it with another program to check")
        return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(path: Path, scanned: _Scanned) -> None:
    pieces = []
    for piece in scanned.pieces:
        digests = f"{piece.begin:x}", f"{piece.digest:x}"
        times = str(piece.time), str(piece.until), str(piece.duration or "")
        pieces.append([piece.first, piece.frames, piece.cut, *digests, *times])
    facts = {"size": scanned.size, "rate": str(scanned.rate or ""), "sha256": scanned.sha256, "pieces": pieces}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(facts), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        _log.info("the scenes cannot be kept for the next plan: %s", error)


def _read(path: Path) -> _Scanned | None:
    """Return what was kept, None if there is nothing that can be read."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        width, height = map(int, facts["size"])
        pieces = [
            Piece(
                *(int(first), Fraction(time), bool(cut), int(begin, 16), int(digest, 16), Fraction(until), int(frames)),
                Fraction(duration) if duration else None,
            )
            for first, frames, cut, begin, digest, time, until, duration in facts["pieces"]
        ]
        rate = Fraction(facts["rate"]) if facts["rate"] else None
        return _Scanned(pieces, (width, height), rate, str(facts["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
