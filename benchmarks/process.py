"""A film dreamt by `livedream run` and by plain_video.py, both as a process from its start to its end, in turns.

    python benchmarks/process.py [--rounds N]

Both make as many steps, at the same sizes, with GoogLeNet up to inception4c, on the first frames of the demo film at
320x180. Prints a Markdown table. Needs GoogLeNet's weights in torch's cache; scripts/benchmark puts random ones there.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2

from livedream import demo_clip, models, open_sink, open_source
from livedream.dream.image.octaves import octave_shapes, working_shape

FRAMES = 60
SIZE = 320, 180
STEPS = 12
OCTAVES = 3
MODEL = "googlenet"
PLAIN = Path(__file__).with_name("plain_video.py")


def write_clip(path: Path) -> None:
    with open_source(demo_clip) as source, open_sink(str(path), source) as sink:
        for frame in islice(source, FRAMES):
            sink.write(frame.with_pixels(cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_AREA)))


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is compared, by name."""
    row = models.find_network(MODEL)
    size = working_shape(SIZE[1], SIZE[0], SIZE[1], row.smallest)
    sizes = ",".join(f"{height}x{width}" for height, width in octave_shapes(size, OCTAVES, 1.4, row.smallest))
    clip, weights = str(folder / "clip.mp4"), str(models.weights_file(MODEL))
    plain = [sys.executable, str(PLAIN), clip, str(folder / "plain.mp4"), "--weights", weights]
    ours = [
        sys.executable,
        "-m",
        "livedream",
        "run",
        clip,
        "-o",
        str(folder / "dream.mp4"),
        "-y",
        "-q",
        "--model",
        MODEL,
    ]
    ours += ["--layers", "inception4c", "--working-height", str(SIZE[1])]
    ours += ["--octaves", str(OCTAVES), "--octave-scale", "1.4", "--steps", str(STEPS)]
    return {
        "plain": [*plain, "--sizes", sizes, "--steps", str(STEPS)],
        "float32": [*ours, "--precision", "float32"],
        "bfloat16": [*ours, "--precision", "bfloat16"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="livedream-process-") as name:
        folder = Path(name)
        write_clip(folder / "clip.mp4")
        ways = commands(folder)
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, command in ways.items():
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                taken[way].append(time.perf_counter() - began)
    seconds = {way: statistics.median(times) for way, times in taken.items()}
    print("| what | seconds | times as fast |")
    print("|---|--:|--:|")
    for way, name in (
        ("plain", "a plain loop, float32"),
        ("float32", "livedream, float32"),
        ("bfloat16", "livedream, bfloat16"),
    ):
        print(f"| {name} | {seconds[way]:.1f} | {seconds['plain'] / seconds[way]:.1f} |")


if __name__ == "__main__":
    main()
