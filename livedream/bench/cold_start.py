"""Measure a cold start: the time to the first frame, and peak memory, of a run in a new process.

    python -m livedream.bench.cold_start VIDEO FRAMES SETTINGS    # settings as JSON

That process prints one line when the first dreamt frame reaches the sink, and at the end its peak memory as JSON.
"""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from livedream.bench.clip import open_first_frames
from livedream.bench.memory import peak_mb
from livedream.dream.compute.importing import importing_torch
from livedream.frame import Frame
from livedream.pipeline.run import run
from livedream.settings import DreamSettings
from livedream.sink.null import NullSink


class ColdStart(NamedTuple):
    first_frame_s: float
    """Seconds from the start of the process to the first dreamt frame at the sink: imports, network and source
    included, in the order of the command line."""
    peak_rss_mb: float
    peak_vram_mb: float | None
    """GPU memory that torch reserved, in MB; None on a CPU."""


def measure_cold_start(video: Path, frames: int, settings: DreamSettings) -> ColdStart:
    """Dream the first `frames` frames of `video` into a null sink, in a new process.

    Raises:
        RuntimeError: the process failed.
    """
    arguments = [str(video), str(frames), json.dumps(dataclasses.asdict(settings))]
    start = time.perf_counter()
    command = [sys.executable, "-m", "livedream.bench.cold_start", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = process.stdout or iter(())
        first_line = next(lines, None)
        seconds = time.perf_counter() - start
        last_line = next(lines, "{}")
    if first_line is None or process.returncode:
        raise RuntimeError(f"the run in a new process failed with exit code {process.returncode}")
    return ColdStart(first_frame_s=seconds, **json.loads(last_line))


class _FirstFrameSink(NullSink):
    """Prints a line when the first frame arrives."""

    def write(self, frame: Frame) -> None:
        if not self.count:
            _print_line("first frame")
        super().write(frame)


def main() -> None:
    video, frames, settings = sys.argv[1:]
    with importing_torch():
        import torch

        from livedream.dream.dreamer import Dreamer

    with open_first_frames(Path(video), int(frames)) as source:
        dreamer = Dreamer(DreamSettings(**json.loads(settings)))
        dreamer.prepare(source.size, soon=True)
        run(source, dreamer, [_FirstFrameSink()])
    vram = torch.cuda.max_memory_reserved() / 2**20 if dreamer.engine.compute.device.type == "cuda" else None
    _print_line(json.dumps({"peak_rss_mb": peak_mb(), "peak_vram_mb": vram}))


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
