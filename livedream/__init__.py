"""Live deep dreaming: a camera, a film or a stream goes in, and a network shows what it sees in it.

    from livedream import Dreamer, demo_clip, open_sink, open_source

    picture = Dreamer()(picture)        # RGB uint8 (height, width, 3), or an image of Pillow's

    dreamer = Dreamer("film")           # a preset
    with open_source(demo_clip) as source, open_sink("dream.mp4", source) as sink:
        for frame in source:
            sink.write(dreamer(frame))

`help(Dreamer)`, `help(DreamSettings)`, `help(open_source)` and `help(open_sink)` say what each of them takes.

The public names are loaded when they are first used: importing livedream does not import torch.
"""

import sys

# `python -m livedream` imports this package before its __main__, and cv2 takes a tenth of a second.
if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == "livedream":
    from livedream_launcher import guard_imports, wait_asleep

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
    from livedream.sink.video.codecs import Encoding
    from livedream.sink.open import open_sink
    from livedream.sink.sink import Sink
    from livedream.stream_info import StreamInfo
    from livedream.visualize.visualizer import Visualizer

_lazy = {
    "Dreamer": "livedream.dream.dreamer",
    "Encoding": "livedream.sink.video.codecs",
    "Objective": "livedream.dream.objective.objective",
    "Sink": "livedream.sink.sink",
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
    "tv": "livedream.dream.objective.objective",
}

__all__ = [
    "ArgumentError",
    "DeviceError",
    "DreamSettings",
    "Dreamer",
    "Encoding",
    "Frame",
    "LivedreamError",
    "Objective",
    "Sink",
    "SinkError",
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
