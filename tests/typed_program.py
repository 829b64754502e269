"""A program that uses livedream, for mypy to check (see pyproject.toml): each `ignore` must be needed.

`scripts/check` fails where the types of the library let a mistake pass, or refuse what is right.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from livedream import Dreamer, DreamSettings, Frame, Sink, Source, Visualizer, demo_clip, open_sink, open_source


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


def wrong(frame: Frame) -> None:
    DreamSettings(pooling="avg")  # type: ignore[arg-type]
    DreamSettings(device="gpu")  # type: ignore[arg-type]
    DreamSettings(precision="half")  # type: ignore[arg-type]
    DreamSettings(still_scene="sleep")  # type: ignore[arg-type]
    DreamSettings(stesp=2)  # type: ignore[call-arg]
    Dreamer(7)  # type: ignore[arg-type]
    open_source("demo", start="soon")  # type: ignore[arg-type]
    open_sink("a.mp4", frame)  # type: ignore[arg-type]
