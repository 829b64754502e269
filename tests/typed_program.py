"""A program that uses livedream, for type checkers: each `ignore` must be needed.

mypy checks it in `scripts/check`, pyright (strict) in tests/test_typing.py. They fail where the types of the library
accept a mistake or reject what is right.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

import livedream
from livedream import (
    Changes,
    Dreamer,
    DreamSettings,
    Frame,
    Governor,
    Playback,
    Report,
    Sink,
    Source,
    StreamInfo,
    Visualizer,
    demo_clip,
    open_sink,
    open_source,
)


def right(pixels: np.ndarray, image: Image.Image) -> tuple[object, ...]:
    settings = DreamSettings(pooling="average", device="cpu", precision="bfloat16", still_scene="rest", steps=2)
    dreamer = Dreamer("film", steps=2)
    dreamer.settings = settings.replace(step_size=3)
    source: Source
    sink: Sink
    with open_source(demo_clip, start=1.5, end=2, rate=29.97) as source, open_sink(Path("a.mp4"), source) as sink:
        for frame in source:
            sink.write(dreamer(frame))
    time: list[Fraction] = [frame.time for frame in dreamer.spectate(pixels)]
    shape: tuple[int, ...] = dreamer(pixels).shape
    back: Image.Image = dreamer(image)
    drawn: list[np.ndarray] = [*Visualizer(model="squeezenet")(["fire5:12"], size=64)]
    return time, shape, back, drawn


class Counter(Sink):
    """A sink of one's own."""

    name = "counter"

    def __init__(self) -> None:
        self.count = 0

    def write(self, frame: Frame) -> None:
        self.count += 1

    def close(self) -> None:
        pass


def live() -> float:
    dreamer, changes, counter = Dreamer("live"), Changes(), Counter()

    def on_progress(report: Report) -> None:
        if report.dreamt > 100:
            changes.remove_sink(counter)

    livedream.run(0)
    livedream.run("film.mp4", "neon", Path("dream.mp4"), overwrite=True)
    livedream.run(demo_clip, lambda frame: frame, ["window", counter], playback=Playback(Fraction(2)))
    with open_source(0, size=(1280, 720)) as source:
        info = StreamInfo(rate=source.rate, size=source.size, live=source.live)
        governor = Governor(dreamer, source.rate or Fraction(30))
        with open_sink("dream.mkv", info) as sink:
            report = livedream.run(
                source, dreamer, [sink, counter], governor=governor, changes=changes, on_progress=on_progress
            )
    return sum(sink.fps for sink in report.sinks)


def wrong(frame: Frame) -> None:
    DreamSettings(pooling="avg")  # type: ignore[arg-type]
    DreamSettings(device="gpu")  # type: ignore[arg-type]
    DreamSettings(precision="half")  # type: ignore[arg-type]
    DreamSettings(still_scene="sleep")  # type: ignore[arg-type]
    DreamSettings(stesp=2)  # type: ignore[call-arg]
    Dreamer(7)  # type: ignore[arg-type]
    open_source("demo", start="soon")  # type: ignore[arg-type]
    open_sink("a.mp4", frame)  # type: ignore[arg-type]
    livedream.run("film.mp4", 7)  # type: ignore[arg-type]
    livedream.run("film.mp4", sinks=[frame])  # type: ignore[list-item]
    livedream.run(0, governor="never")  # type: ignore[arg-type]
