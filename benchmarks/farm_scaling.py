"""How well a farm scales: a simulation, its costs measured here, and its predictions compared with real runs.

    python -m benchmarks.farm_scaling                                # 100 hours of film on 1 to 1,000 workers
    python -m benchmarks.farm_scaling --hours 3 --frame 0.002        # on GPUs that dream 500 frames a second
    python -m benchmarks.farm_scaling --manifest dreams/manifest.toml # the scenes of your films
    python -m benchmarks.farm_scaling measure                        # costs here; prediction and measurement
    python -m benchmarks.farm_scaling clips                          # twelve clips: one process and two workers

Two kinds of farm are compared. Workers that are kept, as with Ray, start once and take the longest shard that is left.
In an array of tasks, as with Slurm or Kubernetes, each shard is a process that starts anew, in the order of the
manifest. Workers on one core share it, also while they start. Efficiency is the time of a single run in one process,
divided by the number of workers and by the time of the farm. Costs are seconds of one core.

Measurements run on one core each, in rounds. Each line says which share of the cores other programs took; the time
alone is the wall time without that share.
"""

import argparse
import functools
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.farm_simulation import MEASURED, RATE, Costs, print_tables, random_scenes, scenes_of, wall_time
from livedream.farm.receipt import parse_receipt
from livedream.farm.workspace import open_workspace

WIDTH, HEIGHT = 640, 360
DISTURBED = 0.05
"""From this share of the cores on that other programs took, a measurement counts as disturbed."""


def write_film(path: Path, scenes: Sequence[int], seed: int = 0) -> None:
    """Write a film of scenes with so many frames: in each, the camera moves over another soft pattern."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frames in scenes:
            blocks = rng.integers(0, 256, (16, 28, 3), np.uint8)
            wide = np.asarray(cv2.resize(blocks, (WIDTH + 120, HEIGHT + 80), interpolation=cv2.INTER_CUBIC), np.uint8)
            for number in range(frames):
                y, x = int(40 + 40 * np.sin(number / 25)), int(60 + 60 * np.cos(number / 31))
                pixels = np.ascontiguousarray(wide[y : y + HEIGHT, x : x + WIDTH])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


@dataclass(slots=True)
class Measured:
    """What a run took."""

    wall: float
    others: float
    """Seconds of the cores that other programs took meanwhile, or that the host of a virtual machine took."""
    cores: int

    @property
    def share(self) -> float:
        return self.others / (self.cores * self.wall)

    @property
    def alone(self) -> float:
        """An estimate of the wall time without the other programs."""
        return self.wall - self.others / self.cores


def _busy(cores: Sequence[int]) -> float:
    """Return the seconds that these cores have not been idle since the start of the machine."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _, _, irq, soft_irq, stolen = map(int, fields[:8])
            total += user + nice + system + irq + soft_irq + stolen
    return total / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Return the seconds of processor that this process and its children that have ended used."""
    return sum(os.times()[:4])


@contextmanager
def timed(cores: Sequence[int]) -> Iterator[Measured]:
    """Measure a block that runs children on these cores."""
    measured = Measured(0.0, 0.0, len(cores))
    began, busy, own = time.monotonic(), _busy(cores), _own()
    yield measured
    measured.wall = time.monotonic() - began
    measured.others = max(0.0, _busy(cores) - busy - (_own() - own))


def livedream(*words: str | Path) -> None:
    """Run `livedream WORDS` in a process of its own, with one thread."""
    command = [sys.executable, "-m", "livedream", *map(str, words), "-q"]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def on_core(core: int, work: Callable[[], object]) -> threading.Thread:
    """Start a thread whose children run on one core."""

    def pinned() -> None:
        os.sched_setaffinity(0, {core})  # of this thread alone; children inherit it
        work()

    thread = threading.Thread(target=pinned)
    thread.start()
    return thread


class Farm:
    """A plan, and workers that dream its shards into a fresh folder each time."""

    def __init__(self, manifest: Path) -> None:
        self._text = manifest.read_text(encoding="utf-8")
        self._folder = manifest.parent
        self._number = itertools.count()
        shards = open_workspace(str(manifest)).manifest.shards
        self.frames = {shard.number: shard.frames for shard in shards}
        self.order = sorted(self.frames, key=lambda number: -self.frames[number])
        """The numbers of the shards, the longest first."""
        self.place = manifest

    def run(self, workers: int, cores: Sequence[int], *, anew: bool) -> "FarmRun":
        """Dream all shards by so many workers."""
        folder = self._folder / f"run-{next(self._number)}"
        folder.mkdir()
        self.place = folder / "manifest.toml"
        self.place.write_text(self._text, encoding="utf-8")
        used = cores[:workers]
        waiting = deque(self.order)
        starts: list[float] = []
        shards: dict[int, float] = {}
        task = self._tasks if anew else self._keep
        with timed(used) as measured:
            threads = [
                on_core(used[number % len(used)], lambda: task(waiting, starts, shards)) for number in range(workers)
            ]
            for thread in threads:
                thread.join()
        assert len(shards) == len(self.frames), "a worker has failed"
        return FarmRun(measured, statistics.mean(starts), shards)

    def _tasks(self, waiting: deque[int], starts: list[float], shards: dict[int, float]) -> None:
        """Dream shards as an array of tasks does: each in a process of its own."""
        work = open_workspace(str(self.place))
        while waiting:
            number = waiting.popleft()
            began = time.monotonic()
            livedream("run", "--manifest", self.place, "--shard", f"{number}/{len(self.frames)}")
            took = time.monotonic() - began
            content = work.store.read(work.receipt_file(work.manifest.shard(number)[1]))
            assert content is not None
            shards[number] = parse_receipt(content, "the receipt").seconds
            starts.append(took - shards[number])

    def _keep(self, waiting: deque[int], starts: list[float], shards: dict[int, float]) -> None:
        """Dream shards by one process that is told their numbers."""
        command = [sys.executable, "-m", "benchmarks.farm_scaling", "worker", "--manifest", str(self.place)]
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            starts.append(time.monotonic() - began)
            while waiting:
                number = waiting.popleft()
                began = time.monotonic()
                print(number, file=process.stdin, flush=True)
                assert process.stdout.readline() == f"{number}\n"
                shards[number] = time.monotonic() - began
            process.stdin.close()


@dataclass(frozen=True, slots=True)
class FarmRun:
    """What a run of a farm took."""

    measured: Measured
    start: float
    """The mean time that a worker took to start."""
    shards: Mapping[int, float]
    """The seconds of each shard, by number."""


def serve(manifest: str) -> None:
    """Dream the shards whose numbers come on standard input, with the network loaded once, as an actor of Ray does."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from livedream.farm.shard import ShardDreamer

    with ShardDreamer(open_workspace(manifest)) as dreamer:
        print("ready", flush=True)
        for line in sys.stdin:
            dreamer.dream(int(line))
            print(line.strip(), flush=True)


def plan_of(folder: Path, films: Sequence[Path], cores: Sequence[int]) -> tuple[Farm, Measured]:
    """Plan films with a shard for each scene; return the farm, and what planning took."""
    with timed(cores[:1]) as measured:
        words: list[str | Path] = ["plan", *films, "--to", folder / "plan", "--seconds", "40ms"]
        on_core(cores[0], lambda: livedream(*words)).join()
    return Farm(folder / "plan" / "manifest.toml"), measured


def measure(rounds: int, frames: int) -> None:
    """Print the costs here, and the wall time of 2 and 4 workers beside the prediction from 1 worker."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    scenes = [max(25, round(frames * part)) for part in _parts(14)]
    with temporary_place() as folder:
        print(f"{machine()}; a film of {sum(scenes)} frames of {WIDTH}x{HEIGHT} in {len(scenes)} scenes")
        write_film(folder / "film.mp4", scenes)
        farm, planned = plan_of(folder, [folder / "film.mp4"], cores)
        assert len(farm.frames) == len(scenes), "the cuts were not found"
        print("\n| round | farm | workers | wall time | predicted | error | others took | alone | predicted | error |")
        print("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        errors: dict[tuple[bool, int], list[tuple[float, float, bool]]] = {}
        kept: list[FarmRun] = []
        for number in range(1, rounds + 1):
            for anew in (True, False):
                one = farm.run(1, cores, anew=anew)
                _row(number, anew, 1, one.measured)
                if not anew:
                    kept.append(one)
                for workers in (2, 4):
                    run = farm.run(workers, cores, anew=anew).measured
                    works = [one.shards[shard] for shard in farm.order]
                    guess = wall_time(works, workers, start=one.start, anew=anew, cores=len(cores))
                    alone = guess * one.measured.alone / one.measured.wall
                    _row(number, anew, workers, run, guess, alone)
                    is_quiet = max(run.share, one.measured.share) < DISTURBED
                    found = guess / run.wall - 1, alone / run.alone - 1, is_quiet
                    errors.setdefault((anew, workers), []).append(found)
        with timed(cores[:1]) as joined:
            on_core(cores[0], lambda: livedream("join", farm.place)).join()
        print()
        for (anew, workers), of_rounds in errors.items():
            _summary(f"{'array' if anew else 'kept'}, {workers} workers", of_rounds)
        _print_costs(farm, kept, planned, joined)


def _parts(count: int) -> list[float]:
    """Return shares of a film, log-normally distributed, whose sum is 1."""
    parts = np.random.default_rng(5).lognormal(0, 0.6, count)
    return list(map(float, parts / parts.sum()))


def _row(
    number: int, anew: bool, workers: int, run: Measured, guess: float | None = None, alone: float | None = None
) -> None:
    cells = [f"{run.wall:.1f} s", "", "", f"{100 * run.share:.0f} %", f"{run.alone:.1f} s", "", ""]
    if guess is not None and alone is not None:
        cells[1:3] = f"{guess:.1f} s", f"{100 * (guess / run.wall - 1):+.0f} %"
        cells[5:] = f"{alone:.1f} s", f"{100 * (alone / run.alone - 1):+.0f} %"
    print(f"| {number} | {'array' if anew else 'kept'} | {workers} | {' | '.join(cells)} |", flush=True)


def _summary(name: str, found: Sequence[tuple[float, float, bool]]) -> None:
    walls = [100 * wall for wall, _, _ in found]
    alone = [100 * error for _, error, _ in found]
    quiet = [100 * wall for wall, _, is_quiet in found if is_quiet]
    print(
        f"{name}: median error {statistics.median(walls):+.1f} % of the wall time,"
        f" {statistics.median(alone):+.1f} % without the others; quiet rounds: "
        + (f"{len(quiet)}, {statistics.median(quiet):+.1f} %" if quiet else "none")
    )


def _print_costs(farm: Farm, kept: Sequence[FarmRun], planned: Measured, joined: Measured) -> None:
    """Print the costs: those of a shard and of a frame are a straight line through the shards of one worker."""
    run = min(kept, key=lambda run: run.measured.share)
    factor = run.measured.alone / run.measured.wall
    frames, seconds = zip(*((farm.frames[number], took * factor) for number, took in run.shards.items()), strict=True)
    slope, intercept = np.polyfit(frames, seconds, 1)
    start, total = run.start * factor, sum(farm.frames.values())
    costs = {
        "start": round(start, 2),
        "shard": round(max(0.0, float(intercept)), 2),
        "frame": round(float(slope), 5),
        "plan": round(max(0.0, planned.alone - start) / total, 5),
        "join": round(max(0.0, joined.alone - start) / total, 6),
    }
    print(f"costs, without the others: {json.dumps(costs)}; load {os.getloadavg()[0]:.1f}")


def clips(rounds: int, frames: int) -> None:
    """Print the speed-up of two workers over one process with one thread, for twelve clips."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    with temporary_place() as folder:
        print(f"{machine()}; twelve clips of {frames} frames of {WIDTH}x{HEIGHT}")
        films = [folder / f"clip{number:02d}.mp4" for number in range(12)]
        for number, film in enumerate(films):
            write_film(film, [frames], seed=number)
        farm, _ = plan_of(folder, films, cores)
        print("\n| round | run | wall time | others took | alone | speed-up | alone | alone, without starts |")
        print("|--:|---|--:|--:|--:|--:|--:|--:|")
        for number in range(1, rounds + 1):
            with timed(cores[:1]) as one:
                words: list[str | Path] = ["run", *films, "--to", f"{folder / f'out-{number}'}/"]
                on_core(cores[0], functools.partial(livedream, *words)).join()
            cells = f"{one.wall:.1f} s | {100 * one.share:.0f} % | {one.alone:.1f} s | | | "
            print(f"| {number} | one process | {cells} |", flush=True)
            for anew in (False, True):
                run = farm.run(2, cores, anew=anew)
                times = run.measured
                start = run.start * times.alone / times.wall
                starts = start * (len(films) / 2 if anew else 1)
                speed_ups = (
                    one.wall / times.wall,
                    one.alone / times.alone,
                    (one.alone - start) / (times.alone - starts),
                )
                cells = f"{times.wall:.1f} s | {100 * times.share:.0f} % | {times.alone:.1f} s | " + " | ".join(
                    f"{value:.2f}" for value in speed_ups
                )
                print(f"| {number} | two workers, {'array' if anew else 'kept'} | {cells} |", flush=True)
        print(f"load {os.getloadavg()[0]:.1f}")


@contextmanager
def temporary_place() -> Iterator[Path]:
    """Yield a folder for films, with a cache of its own: a plan would not read a film that it knows."""
    with tempfile.TemporaryDirectory(prefix="livedream-farm-") as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        yield Path(name)


def machine() -> str:
    """Return the processor and how busy it is."""
    return f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("simulate", "measure", "clips", "worker"), default="simulate")
    parser.add_argument("--hours", type=float, default=100.0, help="hours of film, of random scenes")
    parser.add_argument("--manifest", help="take the scenes of its films instead")
    for name, what in (
        ("start", "of a worker"),
        ("shard", "of a shard beside its frames"),
        ("frame", "of a frame"),
        ("plan", "of a frame in planning"),
        ("join", "of a frame in joining"),
    ):
        default = getattr(MEASURED, name)
        parser.add_argument(f"--{name}", type=float, default=default, metavar="SECONDS", help=f"seconds {what}")
    parser.add_argument("--rounds", type=int, default=2, help="of a measurement")
    parser.add_argument("--frames", type=int, help="of the film to measure with, or of each clip")
    given = parser.parse_args()
    if given.mode == "worker":
        serve(given.manifest)
    elif given.mode == "measure":
        measure(given.rounds, given.frames or 2400)
    elif given.mode == "clips":
        clips(given.rounds, given.frames or 400)
    else:
        films = scenes_of(open_workspace(given.manifest).manifest) if given.manifest else random_scenes(given.hours)
        costs = Costs(start=given.start, shard=given.shard, frame=given.frame, plan=given.plan, join=given.join)
        print_tables(films, costs)


if __name__ == "__main__":
    main()
