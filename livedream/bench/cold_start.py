"""A run in a process of its own: how soon its first frame is dreamt, and how much memory it takes.

    python -m livedream.bench.cold_start FILM FRAMES SETTINGS    # settings as JSON

Prints a line when the first dreamt frame has come to the sink, and at the end its peak of memory, as JSON.
"""

import dataclasses
import json
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from livedream.bench.memory import peak_mb
from livedream.capture.video import VideoSource
from livedream.dream.compute.importing import import_torch
from livedream.frame import Frame
from livedream.pipeline.run import run
from livedream.settings import DreamSettings
from livedream.sink.null import NullSink


class Fresh(NamedTuple):
    first_frame_s: float
    """From the start of the process to the first dreamt frame at the sink: imports, network, source and all, as the
    command line begins."""
    peak_rss_mb: float
    peak_vram_mb: float | None
    """That torch took of the GPU's memory; None where it dreams on the CPU."""


def run_fresh(clip: Path, frames: int, settings: DreamSettings) -> Fresh:
    """Dream the first `frames` of `clip` into nowhere, in a new process. Raises RuntimeError when that fails."""
    arguments = [str(clip), str(frames), json.dumps(dataclasses.asdict(settings))]
    began = time.perf_counter()
    command = [sys.executable, "-m", "livedream.bench.cold_start", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = process.stdout or iter(())
        first = next(lines, None)
        seconds = time.perf_counter() - began
        last = next(lines, "{}")
    if first is None or process.returncode:
        raise RuntimeError(f"the run in a fresh process failed with exit code {process.returncode}")
    return Fresh(first_frame_s=seconds, **json.loads(last))


class _FirstSink(NullSink):
    """Says that the first frame has come."""

    def write(self, frame: Frame) -> None:
        if not self.count:
            _say("first frame")
        super().write(frame)


def main() -> None:
    clip, frames, settings = sys.argv[1:]
    import_torch()
    import torch

    from livedream.dream.dreamer import Dreamer

    with VideoSource(Path(clip)) as film:
        end = Fraction(int(frames)) / (film.rate or 25)
    with VideoSource(Path(clip), end=end) as source:
        dreamer = Dreamer(DreamSettings(**json.loads(settings)))
        dreamer.prepare(source.size, soon=True)
        run(source, dreamer, [_FirstSink()])
    vram = torch.cuda.max_memory_reserved() / 2**20 if dreamer.engine.compute.device.type == "cuda" else None
    _say(json.dumps({"peak_rss_mb": peak_mb(), "peak_vram_mb": vram}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
