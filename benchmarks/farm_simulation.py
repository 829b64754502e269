"""A simulation of a farm by discrete events: workers, shards, and what a start costs; see farm_scaling.py."""

import heapq
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from livedream.farm.manifest import Manifest
from livedream.farm.scenes import Piece, shards_of

RATE = 25
"""Frames per second of the films."""
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
LENGTHS = (5, 10, 20, 30, 60, 120, 300, 600)
"""Wanted lengths of a shard, in seconds of film."""
FILM_HOURS = 2
SCENE_SECONDS, SCENE_SIGMA = 5.0, 1.0
"""Mean length of a scene, and the standard deviation of its logarithm: of many films it is nearly normal."""
AS_GOOD = 1.01
"""Of all lengths that take at most so many times as long as the fastest, the longest is best: it makes fewer files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a worker spends, in seconds of one core."""

    start: float
    """Interpreter, torch and network."""
    shard: float
    """Opening, seeking, preparing, closing and publishing."""
    frame: float
    """Reading, dreaming and writing a frame."""
    plan: float = 0.0
    """Finding scenes and hashing, per frame."""
    join: float = 0.0
    """Checking and copying, per frame."""


MEASURED = Costs(start=1.6, shard=0.1, frame=0.027, plan=0.0046, join=0.00015)
"""On a core of an AMD EPYC 9004, for 640x360 and the preset film."""


@dataclass(slots=True)
class _Core:
    """A core whose workers share it evenly."""

    time: float
    done: float = 0.0
    """Seconds of work that a worker has got that was here from the beginning on."""
    ends: list[float] = field(default_factory=list)
    """A heap: what `done` will be when the work of each of its workers ends."""
    version: int = 0

    def advance(self, now: float) -> None:
        if self.ends:
            self.done += (now - self.time) / len(self.ends)
        self.time = now

    def next_end(self) -> float:
        return self.time + (self.ends[0] - self.done) * len(self.ends)


def wall_time(
    shards: Sequence[float], workers: int, *, start: float, anew: bool = False, cores: int | None = None
) -> float:
    """Return the seconds until the last shard is complete.

    Args:
        shards: how long each takes on a core of its own, in the order in which they are taken.
        workers: how many take shards. Worker number w runs on core w % cores.
        start: how long a worker takes to start, on a core of its own.
        anew: whether a worker starts anew for each shard.
        cores: None gives each worker its own.
    """
    waiting = deque(start + shard if anew else shard for shard in shards)
    places = [_Core(0.0) for _ in range(min(workers, cores or workers))]
    for worker in range(workers):
        if not anew:
            heapq.heappush(places[worker % len(places)].ends, start)
        elif waiting:
            heapq.heappush(places[worker % len(places)].ends, waiting.popleft())
    events = [(core.next_end(), number, 0) for number, core in enumerate(places) if core.ends]
    heapq.heapify(events)
    now = 0.0
    while events:
        moment, number, version = heapq.heappop(events)
        core = places[number]
        if version != core.version:
            continue
        now = moment
        core.advance(now)
        heapq.heappop(core.ends)
        if waiting:
            heapq.heappush(core.ends, core.done + waiting.popleft())
        core.version += 1
        if core.ends:
            heapq.heappush(events, (core.next_end(), number, core.version))
    return now


def efficiency(single: float, workers: int, wall: float) -> float:
    """Return which share of the workers' time went into what a single run does too. single: its seconds."""
    return single / (workers * wall)


def random_scenes(hours: float, seed: int = 0) -> list[list[int]]:
    """Return the frames of each scene of films of two hours, log-normally distributed."""
    rng = np.random.default_rng(seed)
    films: list[list[int]] = []
    left = round(hours * 3600 * RATE)
    while left > 0:
        of_film, film = min(left, FILM_HOURS * 3600 * RATE), []
        left -= of_film
        while of_film > 0:
            seconds = rng.lognormal(np.log(SCENE_SECONDS) - SCENE_SIGMA**2 / 2, SCENE_SIGMA)
            film.append(min(of_film, max(1, round(seconds * RATE))))
            of_film -= film[-1]
        films.append(film)
    return films


def scenes_of(manifest: Manifest) -> list[list[int]]:
    """Return the frames of each scene of each film of a manifest."""
    return [
        [after - first for first, after in itertools.pairwise((0, *film.cuts, film.frames))] for film in manifest.films
    ]


def shard_frames(films: Sequence[Sequence[int]], seconds: float) -> list[int]:
    """Return the frames of each shard, as `livedream plan --seconds` groups scenes at 25 frames a second."""
    found: list[int] = []
    for film in films:
        firsts = itertools.accumulate(film[:-1], initial=0)
        pieces = [
            Piece(first, Fraction(first, RATE), True, 0, 0, Fraction(first + frames - 1, RATE), frames)
            for first, frames in zip(firsts, film, strict=True)
        ]
        found += [shard.frames for shard in shards_of(pieces, Fraction(seconds), warm_up=0, first_number=1)]
    return found


def print_tables(films: Sequence[Sequence[int]], costs: Costs) -> None:
    """Print the efficiency of both kinds of farm, by the number of workers and the length of a shard."""
    frames = [sum(film) for film in films]
    single = costs.start + sum(frames) * costs.frame
    by_length = {length: [costs.shard + n * costs.frame for n in shard_frames(films, length)] for length in LENGTHS}
    scenes = sum(map(len, films))
    print(
        f"{sum(frames) / RATE / 3600:.1f} hours in {len(films)} films, {scenes} scenes of"
        f" {sum(frames) / scenes / RATE:.1f} s on average, the longest of {max(map(max, films)) / RATE:.0f} s."
        f" A single run takes {shown(single)}."
    )
    print(
        f"Costs: start {costs.start} s, shard {costs.shard} s, frame {costs.frame * 1000:.1f} ms, plan"
        f" {costs.plan * 1000:.2f} ms and join {costs.join * 1000:.2f} ms per frame."
    )
    for anew in (False, True):
        print(f"\n{'An array of tasks' if anew else 'Workers that are kept'}: efficiency in %, by length of shards\n")
        print(f"| workers | {' | '.join(f'{length} s' for length in LENGTHS)} | best | shards | wall time |")
        print("|--:|" + "--:|" * (len(LENGTHS) + 3))
        for workers in WORKERS:
            walls = {
                length: wall_time(works if anew else sorted(works)[::-1], workers, start=costs.start, anew=anew)
                for length, works in by_length.items()
            }
            best = max(length for length in LENGTHS if walls[length] <= AS_GOOD * min(walls.values()))
            row = " | ".join(f"{100 * efficiency(single, workers, walls[length]):.0f}" for length in LENGTHS)
            print(f"| {workers} | {row} | {best} s | {len(by_length[best])} | {shown(walls[best])} |")
    plan, join = sum(frames) * costs.plan, sum(frames) * costs.join
    print(f"\nOne plan of all films takes {shown(plan)} on one core, and joining {shown(join)}.")
    if len(films) > 1:
        each = max(frames) * (costs.plan + costs.join) + 2 * costs.start
        print(f"With a plan for each film and {len(films)} workers, both together take {shown(each)}.")


def shown(seconds: float) -> str:
    """Return `12.3 s`, `4.5 min` or `6.7 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
