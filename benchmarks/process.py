"""Compare `livedream run` with plain_video.py on a video: both as processes, timed from start to end, in turns.

    python benchmarks/process.py [--rounds N]

Both make the same number of steps at the same sizes, with GoogLeNet up to inception4c, on the first frames of the demo
video at 320x180. The output is a Markdown table. GoogLeNet's weights have to be in torch's cache; scripts/benchmark
puts random ones there.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2

from livedream import demo_clip, models, open_sink, open_source
from livedream.bench.rounds import median_seconds
from livedream.dream.image.octaves import octave_shapes, working_shape

FRAMES = 60
SIZE = 320, 180
"""(width, height) of the frames."""
STEPS = 12
"""Steps per frame."""
OCTAVES = 3
MODEL = "googlenet"
PLAIN = Path(__file__).with_name("plain_video.py")


def write_clip(path: Path) -> None:
    """Write the first frames of the demo video, resized."""
    with open_source(demo_clip) as source, open_sink(str(path), source) as sink:
        for frame in islice(source, FRAMES):
            sink.write(frame.with_pixels(cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_AREA)))


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the command lines to compare, by name; `folder` contains clip.mp4."""
    network_info = models.find_network(MODEL)
    shape = working_shape(SIZE[1], SIZE[0], SIZE[1], network_info.smallest)
    shapes = octave_shapes(shape, OCTAVES, 1.4, network_info.smallest)
    sizes = ",".join(f"{height}x{width}" for height, width in shapes)
    clip, weights = str(folder / "clip.mp4"), str(models.weights_file(MODEL))
    plain = [sys.executable, str(PLAIN), clip, str(folder / "plain.mp4"), "--weights", weights]
    plain += ["--sizes", sizes, "--steps", str(STEPS)]
    livedream = [sys.executable, "-m", "livedream", "run", clip, "-o", str(folder / "dream.mp4"), "-y", "-q"]
    livedream += ["--model", MODEL, "--layers", "inception4c", "--working-height", str(SIZE[1])]
    livedream += ["--octaves", str(OCTAVES), "--octave-scale", "1.4", "--steps", str(STEPS)]
    return {
        "plain": plain,
        "float32": [*livedream, "--precision", "float32"],
        "bfloat16": [*livedream, "--precision", "bfloat16"],
    }


def runner(command: list[str]) -> Callable[[], object]:
    """Return a function that runs `command` and waits for it."""
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds, of which the median counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="livedream-process-") as name:
        folder = Path(name)
        write_clip(folder / "clip.mp4")
        variants = {variant: runner(command) for variant, command in commands(folder).items()}
        seconds = median_seconds(variants, arguments.rounds)
    print("| what | seconds | times as fast |")
    print("|---|--:|--:|")
    for variant, title in (
        ("plain", "a plain loop, float32"),
        ("float32", "livedream, float32"),
        ("bfloat16", "livedream, bfloat16"),
    ):
        print(f"| {title} | {seconds[variant]:.1f} | {seconds['plain'] / seconds[variant]:.1f} |")


if __name__ == "__main__":
    main()
