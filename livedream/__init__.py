"""Live deep dreaming: a neural network shows what it sees in a camera, a video, a stream or a photograph.

    import livedream

    livedream.run(0)                                # the first camera, in a window
    livedream.run("film.mp4", "neon", "dream.mp4")  # a video, a preset, and a file for the result

    dreamer = livedream.Dreamer("film", steps=2)    # a preset, with one control changed
    image = dreamer(image)                          # RGB uint8 (height, width, 3), or a Pillow image

    with livedream.open_source("film.mp4") as source, livedream.open_sink("dream.mp4", source) as sink:
        for frame in source:                        # frame by frame, with code of your own in between
            sink.write(dreamer(frame))

`help(livedream.run)`, `help(Dreamer)`, `help(DreamSettings)`, `help(open_source)` and `help(open_sink)` describe the
arguments. Public names are loaded on first use: importing livedream does not import torch.
"""

import sys

# `python -m livedream` imports this package before its __main__, and cv2 takes a tenth of a second.
if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == "livedream":
    from livedream_startup import guard_imports, wait_asleep

    guard_imports()
    wait_asleep()

# cv2 comes before av and before anything that imports av. The wheels of PyAV bring a libxcb of their own; loaded first,
# it is the one that the Qt inside cv2 binds to, and cv2.imshow hangs for ever on Linux (opencv/opencv#29195, #21952).
import cv2 as _cv2  # noqa: F401

from importlib import import_module
from typing import TYPE_CHECKING, Any

from livedream._version import __version__
from livedream.errors import ArgumentError, DeviceError, LivedreamError, SinkError, SourceError, WeightsError
from livedream.frame import Frame
from livedream.presets import load_preset, preset_names
from livedream.settings import DreamSettings

if TYPE_CHECKING:
    from livedream.api import run
    from livedream.capture.demo import demo_clip
    from livedream.capture.open import open_source
    from livedream.capture.source import Source
    from livedream.dream.dreamer import Dreamer
    from livedream.dream.objective.parser import parse
    from livedream.dream.objective.objective import (
        Objective,
        channel,
        class_logit,
        direction,
        guide,
        layer,
        mask,
        mean,
        neuron,
        tv,
    )
    from livedream.pipeline.governor import Governor
    from livedream.pipeline.meter import Report, SinkReport
    from livedream.pipeline.playback import Playback
    from livedream.pipeline.sink_changes import Changes
    from livedream.sink.video.codecs import Encoding
    from livedream.sink.open import open_sink
    from livedream.sink.sink import Sink
    from livedream.stream_info import StreamInfo
    from livedream.visualize.visualizer import Visualizer

_lazy = {
    "Changes": "livedream.pipeline.sink_changes",
    "Dreamer": "livedream.dream.dreamer",
    "Encoding": "livedream.sink.video.codecs",
    "Governor": "livedream.pipeline.governor",
    "Objective": "livedream.dream.objective.objective",
    "Playback": "livedream.pipeline.playback",
    "Report": "livedream.pipeline.meter",
    "Sink": "livedream.sink.sink",
    "SinkReport": "livedream.pipeline.meter",
    "Source": "livedream.capture.source",
    "StreamInfo": "livedream.stream_info",
    "Visualizer": "livedream.visualize.visualizer",
    "channel": "livedream.dream.objective.objective",
    "class_logit": "livedream.dream.objective.objective",
    "demo_clip": "livedream.capture.demo",
    "direction": "livedream.dream.objective.objective",
    "guide": "livedream.dream.objective.objective",
    "layer": "livedream.dream.objective.objective",
    "mask": "livedream.dream.objective.objective",
    "mean": "livedream.dream.objective.objective",
    "neuron": "livedream.dream.objective.objective",
    "open_sink": "livedream.sink.open",
    "open_source": "livedream.capture.open",
    "parse": "livedream.dream.objective.parser",
    "run": "livedream.api",
    "tv": "livedream.dream.objective.objective",
}

__all__ = [
    "ArgumentError",
    "Changes",
    "DeviceError",
    "DreamSettings",
    "Dreamer",
    "Encoding",
    "Frame",
    "Governor",
    "LivedreamError",
    "Objective",
    "Playback",
    "Report",
    "Sink",
    "SinkError",
    "SinkReport",
    "Source",
    "SourceError",
    "StreamInfo",
    "Visualizer",
    "WeightsError",
    "__version__",
    "channel",
    "class_logit",
    "demo_clip",
    "direction",
    "guide",
    "layer",
    "load_preset",
    "mask",
    "mean",
    "neuron",
    "open_sink",
    "open_source",
    "parse",
    "preset_names",
    "run",
    "tv",
]


def __getattr__(name: str) -> Any:
    if name not in _lazy:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_lazy[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
