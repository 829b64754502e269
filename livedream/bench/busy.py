"""How much of its speed a dream keeps beside other processes that keep a core busy each.

    python -m livedream.bench.busy [--only WORK] [--rounds N]

Starts the busy processes itself, and ends them. Prints a Markdown table: frames per second, of a still the dreams per
second, alone and beside 1, 2 and 3 busy processes, medians of rounds that take turns; in brackets the share of its
speed alone, as a part of the fair share, which is c / (c + k) on c cores beside k processes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from livedream_launcher import wait_asleep

if __name__ == "__main__":  # before OpenMP is loaded, as the command does
    wait_asleep()

from livedream.bench.photographs import fit, photograph
from livedream.bench.throughput import film
from livedream.capture.video import VideoSource
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.compute.threads import processors
from livedream.dream.dreamer import Dreamer
from livedream.pipeline.run import run
from livedream.presets import load_preset
from livedream.settings import DreamSettings
from livedream.sink.null import NullSink

BUSY = (0, 1, 2, 3)
"""Numbers of busy processes."""
STILL = 600, 400
"""Width and height of the still."""
_FRAMES = 60
# Of a film that takes all cores, whose steps take longer.
_HEAVY_FRAMES = 20
# Ends also when its parent was killed and could not end it.
_BUSY_PROGRAM = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""
_SECONDS_TO_END = 5

Speed = Callable[[], float]
"""Does some work and returns how much of it was done in a second."""


@contextmanager
def busy_processes(count: int) -> Iterator[Sequence["subprocess.Popen[bytes]"]]:
    """Inside, `count` processes keep a core busy each; they end with it, whatever happens."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-S", "-c", _BUSY_PROGRAM, f"{os.getpid()}"]))
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(_SECONDS_TO_END)


def measure(speeds: dict[str, Speed], rounds: int, counts: Sequence[int] = BUSY) -> dict[str, dict[int, float]]:
    """Return the median speed of each work beside each number of busy processes, all in turns."""
    found: dict[str, dict[int, list[float]]] = {name: {count: [] for count in counts} for name in speeds}
    for _ in range(rounds):
        for name, speed in speeds.items():
            for count in counts:
                with busy_processes(count):
                    # Until the scheduler has spread them, and the dream has noticed what it noticed before.
                    time.sleep(1)
                    found[name][count].append(speed())
    return {name: {count: statistics.median(each) for count, each in by.items()} for name, by in found.items()}


def table(found: dict[str, dict[int, float]], cores: int) -> list[str]:
    """Return the lines of a Markdown table of what `measure` found on so many cores."""
    counts = list(next(iter(found.values())))
    heads = ["alone" if count == 0 else f"beside {count}" for count in counts]
    lines = [f"| what | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}"]
    for name, speeds in found.items():
        cells = [f"{speeds[0]:.2f}"]
        for count in counts[1:]:
            fair = cores / (cores + count)
            cells.append(f"{speeds[count]:.2f} ({speeds[count] / speeds[0] / fair:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def works(folder: Path) -> dict[str, Speed]:
    """Return what is measured, by name: a still, the default of cameras on a film, and GoogLeNet on a film, with and
    without so much work for a frame that its threads take all cores and wait for one another.

    folder: for films. Nothing is loaded before it is called first, which is not to be counted.
    """
    small = load_preset("live").replace(model="googlenet", layers="auto", working_height=180)
    return {
        "still, {}x{}".format(*STILL): _still(load_preset("still")),
        "live, 1280x720": _film(load_preset("live"), (1280, 720), folder / "large"),
        "googlenet, 640x360": _film(small, (640, 360), folder / "small"),
        "googlenet, float32, 2 steps, 640x360": _film(
            small.replace(precision="float32", steps=2), (640, 360), folder / "heavy", _HEAVY_FRAMES
        ),
    }


def _still(settings: DreamSettings) -> Speed:
    photo, dreamer = fit(photograph("chelsea"), STILL), Dreamer(settings.replace(device="cpu"))

    def speed() -> float:
        began = time.perf_counter()
        dreamer(photo)
        return 1 / (time.perf_counter() - began)

    return lambda: run_in_fresh_thread(speed)


def _film(settings: DreamSettings, size: tuple[int, int], folder: Path, frames: int = _FRAMES) -> Speed:
    """Return the speed at which the first frames of the demo's film are dreamt from end to end into nowhere."""
    folder.mkdir()
    clip = film("demo", size, folder)
    with VideoSource(clip) as source:
        end = Fraction(frames) / (source.rate or 25)
    dreamer = Dreamer(settings.replace(device="cpu"))

    def speed() -> float:
        with VideoSource(clip, end=end) as source:
            began = time.perf_counter()
            dreamt = run(source, dreamer, [NullSink()]).dreamt
            return dreamt / (time.perf_counter() - began)

    def prepared() -> float:
        dreamer.reset()
        dreamer.prepare(size)
        return run_in_fresh_thread(speed)

    return prepared


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="WORK", default="", help="only what has that word in its name")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="livedream-busy-") as folder:
        chosen = {name: speed for name, speed in works(Path(folder)).items() if arguments.only in name}
        if not chosen:
            parser.error(f"nothing is called {arguments.only!r}")
        for speed in chosen.values():
            speed()
        found = measure(chosen, arguments.rounds)
    sys.stdout.write("\n".join(table(found, processors())) + "\n")


if __name__ == "__main__":
    main()
