"""What a farm will need: time, disk, money."""

import heapq
import itertools
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from livedream.farm.digest import added, digest_text, frame_digest
from livedream.farm.film_part import FilmPart
from livedream.farm.manifest import Film, Manifest, Shard
from livedream.farm.shard import ShardDreamer
from livedream.farm.store import Store
from livedream.farm.workspace import Workspace

SAMPLE = 100
"""Frames that are dreamt for a measurement."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What was measured here with one worker."""

    seconds_per_frame: float
    bytes_per_frame: float
    start_seconds: float
    """From the start of a worker to its first frame, without the start of Python."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What some workers need for a manifest."""

    workers: int
    seconds: float
    """From the start to the last shard."""
    work_seconds: float
    """Of all workers together, while they dream."""
    disk_bytes: float
    """Of the shards and the films, which are there at the same time."""
    cost: float | None
    """For all workers, from the start to the last shard."""


def estimate(manifest: Manifest, pace: Pace, workers: int, cost_per_hour: float | None = None) -> Estimate:
    """Return what `workers` need for all shards of a manifest.

    Args:
        manifest: of the farm.
        pace: of one worker.
        workers: how many there are.
        cost_per_hour: of one worker.
    """
    frames = sum(shard.frames + shard.warm_up for shard in manifest.shards)
    seconds = pace.start_seconds + longest_worker(manifest.shards, workers) * pace.seconds_per_frame
    return Estimate(
        workers=workers,
        seconds=seconds,
        work_seconds=frames * pace.seconds_per_frame,
        disk_bytes=2 * sum(film.frames for film in manifest.films) * pace.bytes_per_frame,
        cost=None if cost_per_hour is None else workers * cost_per_hour * seconds / 3600,
    )


def longest_worker(shards: Iterable[Shard], workers: int) -> int:
    """Return how many frames the busiest of some workers dreams, if each takes the longest shard that waits."""
    loads = [0] * workers
    for frames in sorted((shard.frames + shard.warm_up for shard in shards), reverse=True):
        heapq.heapreplace(loads, loads[0] + frames)
    return max(loads)


def measure(work: Workspace) -> Pace:
    """Dream the first frames of the longest shard into a temporary folder, as a worker does, and return its pace.

    Raises as `ShardDreamer`.
    """
    longest = max(work.manifest.shards, key=lambda shard: shard.frames)
    film, _ = work.manifest.shard(longest.number)
    path = work.film(film)
    sample = _beginning(path, film, longest)
    films = (replace(film, source=str(path.absolute()), shards=(sample,)),)
    moments: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(prefix="livedream-farm-") as folder:
        trial = Workspace(replace(work.manifest, films=films), Store(folder))
        begin = time.monotonic()
        with ShardDreamer(trial) as dreamer:
            receipt = dreamer.dream(sample.number, lambda report: moments.append((time.monotonic(), report.dreamt)))
    (first, before), (last, after) = next(moment for moment in moments if moment[1]), moments[-1]
    start = first - begin
    each = (last - first) / (after - before) if after > before else receipt.seconds / receipt.frames
    return Pace(each, receipt.bytes / receipt.frames, start)


def _beginning(path: Path, film: Film, shard: Shard) -> Shard:
    """Return a shard of the first frames of another one."""
    digest, count = 0, 0
    with FilmPart(path, film, shard) as part:
        for frame in itertools.islice(part, SAMPLE):
            digest, count = added(digest, frame_digest(frame.pixels, frame.time)), count + 1
    return replace(shard, number=1, frames=count, digest=digest_text(digest))
