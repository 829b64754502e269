"""Measure how much of its speed livedream keeps beside processes that keep one core busy each.

    python -m livedream.bench.busy [--only WORK] [--rounds N]

The busy processes are started and ended here. The output is a Markdown table of frames per second (for a still: dreams
per second), alone and beside 1, 2 and 3 busy processes, as medians of rounds that take turns. In brackets: the share of
the speed alone, relative to the fair share, which is c / (c + k) on c cores beside k processes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from livedream_startup import wait_asleep

if __name__ == "__main__":  # before OpenMP is loaded, as the command does
    wait_asleep()

from livedream.bench.clip import open_first_frames
from livedream.bench.photographs import load_photograph, resize_and_crop
from livedream.bench.throughput import video_of_size
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.compute.threads import processors
from livedream.dream.dreamer import Dreamer
from livedream.pipeline.run import run
from livedream.presets import load_preset
from livedream.settings import DreamSettings
from livedream.sink.null import NullSink

BUSY_COUNTS = (0, 1, 2, 3)
"""Numbers of busy processes."""
STILL_SIZE = 600, 400
"""(width, height) of the still."""
_FRAMES = 60
# Frames of the video that takes all cores, whose steps take longer.
_HEAVY_FRAMES = 20
# It also ends when its parent was killed and could not end it.
_BUSY_PROGRAM = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""
_END_TIMEOUT = 5
"""Seconds."""

Workload = Callable[[], float]
"""Does its work once and returns its rate: frames, or dreams, per second."""


@contextmanager
def busy_processes(count: int) -> Iterator[Sequence["subprocess.Popen[bytes]"]]:
    """Context in which `count` processes keep one core busy each; leaving it always ends them."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-S", "-c", _BUSY_PROGRAM, f"{os.getpid()}"]))
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(_END_TIMEOUT)


def measure(
    workloads: Mapping[str, Workload], rounds: int, counts: Sequence[int] = BUSY_COUNTS
) -> dict[str, dict[int, float]]:
    """Measure workloads beside busy processes, in turns.

    Args:
        workloads: what to measure, by name.
        rounds: how often to measure each combination.
        counts: numbers of busy processes.

    Returns:
        The median rate of each workload, by name and then by number of busy processes.
    """
    rates: dict[str, dict[int, list[float]]] = {name: {count: [] for count in counts} for name in workloads}
    for _ in range(rounds):
        for name, workload in workloads.items():
            for count in counts:
                with busy_processes(count):
                    # The scheduler has to spread them, and the dreamer has to forget the load of the previous turn.
                    time.sleep(1)
                    rates[name][count].append(workload())
    return {
        name: {count: statistics.median(values) for count, values in by_count.items()}
        for name, by_count in rates.items()
    }


def table(rates: Mapping[str, Mapping[int, float]], cores: int) -> list[str]:
    """Return the lines of a Markdown table of the rates that `measure` returned on a machine with `cores` cores."""
    counts = list(next(iter(rates.values())))
    headings = ["alone" if count == 0 else f"beside {count}" for count in counts]
    lines = [f"| what | {' | '.join(headings)} |", f"|---|{'--:|' * len(headings)}"]
    for name, by_count in rates.items():
        alone = by_count[0]
        cells = [f"{alone:.2f}"]
        for count in counts[1:]:
            fair_share = cores / (cores + count)
            cells.append(f"{by_count[count]:.2f} ({by_count[count] / alone / fair_share:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def make_workloads(folder: Path) -> dict[str, Workload]:
    """Return the workloads by name; networks are loaded by the first call of each, which should not count.

    They are a still, the default of cameras on a video, and GoogLeNet on a video twice: with little work per frame, and
    with so much that its threads take all cores and wait for one another.

    Args:
        folder: an empty folder for videos.
    """
    small = load_preset("live").replace(model="googlenet", layers="auto", working_height=180)
    return {
        "still, {}x{}".format(*STILL_SIZE): _still_workload(load_preset("still")),
        "live, 1280x720": _video_workload(load_preset("live"), (1280, 720), folder / "large"),
        "googlenet, 640x360": _video_workload(small, (640, 360), folder / "small"),
        "googlenet, float32, 2 steps, 640x360": _video_workload(
            small.replace(precision="float32", steps=2), (640, 360), folder / "heavy", _HEAVY_FRAMES
        ),
    }


def _still_workload(settings: DreamSettings) -> Workload:
    image = resize_and_crop(load_photograph("chelsea"), STILL_SIZE)
    dreamer = Dreamer(settings.replace(device="cpu"))

    def dream() -> float:
        start = time.perf_counter()
        dreamer(image)
        return 1 / (time.perf_counter() - start)

    return lambda: run_in_fresh_thread(dream)


def _video_workload(settings: DreamSettings, size: tuple[int, int], folder: Path, frames: int = _FRAMES) -> Workload:
    """Return a workload that dreams the first frames of the demo video end to end into a null sink."""
    folder.mkdir()
    video = video_of_size("demo", size, folder)
    dreamer = Dreamer(settings.replace(device="cpu"))

    def dream() -> float:
        with open_first_frames(video, frames) as source:
            start = time.perf_counter()
            count = run(source, dreamer, [NullSink()]).dreamt
            return count / (time.perf_counter() - start)

    def prepare_and_dream() -> float:
        dreamer.reset()
        dreamer.prepare(size)
        return run_in_fresh_thread(dream)

    return prepare_and_dream


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="WORK", default="", help="measure only workloads whose name contains WORK")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds, of which the median counts")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="livedream-busy-") as folder:
        workloads = {name: work for name, work in make_workloads(Path(folder)).items() if arguments.only in name}
        if not workloads:
            parser.error(f"no workload contains {arguments.only!r}")
        for workload in workloads.values():
            workload()
        rates = measure(workloads, arguments.rounds)
    sys.stdout.write("\n".join(table(rates, processors())) + "\n")


if __name__ == "__main__":
    main()
