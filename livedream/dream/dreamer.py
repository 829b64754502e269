"""The dreamer: a frame in, a frame out."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fractions import Fraction
from typing import Any, overload

import numpy as np
from PIL import Image
from torch import Tensor

from livedream.documented import Documented
from livedream.dream.ascent import Ascent
from livedream.dream.backend.cpu import to_device
from livedream.dream.compute.forking import use_torch
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.compute.threads import processors, sharing_cores, sleeping_at_barriers
from livedream.dream.engine import Engine, call_threads
from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import shrink
from livedream.dream.image.still_mask import StillMask
from livedream.dream.still import StillDreamer
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.dream.stream.quality import QualityScale
from livedream.dream.stream.stream_dreamer import StreamDreamer
from livedream.dream.stream.working_shapes import WorkingShapes
from livedream.frame import Frame
from livedream.image import Picture, to_array
from livedream.presets import settings_of
from livedream.settings import DreamSettings
from livedream.spectacle import Spectacle
from livedream.steps import OnStep

SPECTATE_RATE = Fraction(10)
"""Steps per second at which `Dreamer.spectate` plays. The delays of a GIF are multiples of 10 ms."""

# Number of flows that are estimated at the same time at most: see Dreamer.lookahead.
_MOST_AHEAD = 6


class Dreamer(metaclass=Documented):
    """Dreams images and videos.

        dreamer = Dreamer("film", steps=2)      # a preset, with one control changed
        with open_source(demo_clip) as source, open_sink("dream.mp4", source) as sink:
            for frame in source:
                sink.write(dreamer(frame))      # frames in order: the dream follows the motion

        picture = Dreamer()(picture)            # RGB uint8 (height, width, 3), or a Pillow image: a still

    Nothing is loaded before the first image, or a call of `prepare`. Only one thread at a time may call a dreamer.

    Args:
        settings: how to dream: `DreamSettings`; the name of a preset (see `preset_names`); the path of a .toml file; or
            the path of a video or image that `livedream run` made, whose recipe is used. None means the defaults.
        **controls: single controls that differ from them, as in `DreamSettings`: `steps=2`.

    Raises:
        ArgumentError: the preset or a control does not exist, or a value is out of range. On first use: the network or
            a layer does not exist.
        SourceError: the video or image with the recipe cannot be read.
        DeviceError: on first use: the device or precision is not available.
        WeightsError: on first use: the weights are missing or damaged.
    """

    _machinery = (
        "install",
        "ascent_for",
        "awaits_device",
        "lookahead",
        "effort",
        "engine",
        "quality",
        "sharing_cores",
        "analyze",
        "finish_analysis",
        "dream",
        "compose",
    )
    """The methods for other parts of livedream, which `help` does not show."""

    def __init__(self, settings: DreamSettings | str | os.PathLike[str] | None = None, **controls: Any) -> None:
        self._engine = Engine(settings_of(settings, controls))
        self._shapes = WorkingShapes()
        self._still = StillDreamer(self._engine, self._shapes)
        self._stream = StreamDreamer(self._engine, self._shapes)
        self._stages: Mapping[str, float] = {}
        self._effort = 0.0

    # Settings and reports

    @property
    def settings(self) -> DreamSettings:
        """The current settings. They may be set between two frames; the dream continues from where it is.

            dreamer.settings = dreamer.settings.replace(strength=0.5)

        A change that needs another network or another size delays the next frame.

        Raises ArgumentError when a control is set that cannot change while a dream runs: device and precision.
        """
        return self._engine.settings

    @settings.setter
    def settings(self, settings: DreamSettings) -> None:
        self._engine.settings = settings

    @property
    def on_step(self) -> OnStep | None:
        """Called after each step of a still, and during `prepare`, with the progress. An exception in it ends both."""
        return self._engine.on_step

    @on_step.setter
    def on_step(self, on_step: OnStep | None) -> None:
        self._engine.on_step = on_step

    @property
    def dropped_steps(self) -> int:
        """Number of steps that were skipped because their gradient was not finite."""
        return self._engine.dropped_steps

    @property
    def quality(self) -> QualityScale:
        """What is left out to save time. Any thread may set it at any time."""
        return self._shapes.quality

    @quality.setter
    def quality(self, quality: QualityScale) -> None:
        self._shapes.quality = quality

    @property
    def engine(self) -> Engine:
        """Makes the ascent; for measurements."""
        return self._engine

    @property
    def description(self) -> str:
        """Device, precision, network, objective and working size. Known once the dreamer is prepared."""
        height, width = self._shapes.current
        return f"{self._engine.description}, working {width}x{height}"

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that each stage of the last frame took: resize, motion, mask, upload, warp, ascent, settle, download,
        compose.
        """
        return self._stages

    @property
    def effort(self) -> float:
        """Steps of the last frame relative to the settings: more if it was dreamt deeper, 0 if the dream rested."""
        return self._effort

    @property
    def notice(self) -> str | None:
        """Says what differs from the settings because memory does not suffice; None while it does."""
        return self._shapes.notice

    @property
    def working_size(self) -> tuple[int, int]:
        """(width, height) at which it dreams; (0, 0) before the first image."""
        height, width = self._shapes.current
        return width, height

    @property
    def awaits_device(self) -> bool:
        """Whether a GPU composes the frames of a stream too, so that `compose` only waits for it."""
        return self._stream.composes_on_gpu

    @property
    def lookahead(self) -> int:
        """Number of frames that may be analyzed before the first of them is dreamt, each flow on its own thread.

        It is 1 unless a GPU dreams and most cores of a large processor are idle. At 960x540 beside an H100, the flow
        took 21 ms on one core and 11 ms on eight; everything else of a frame took a tenth of that.
        """
        if not self._engine.uses_cuda:
            return 1
        return max(1, min(_MOST_AHEAD, processors() * 3 // 8))

    def value(self, pixels: np.ndarray) -> float:
        """Return the value of the objective for `pixels`, uint8 RGB (h, w, 3), at the working size."""
        ascent = self._engine.ascent
        return ascent.loss(to_device(shrink(pixels, self._shapes.current), self._engine.device))

    # Preparation

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        """Load the network and warm it up, so that the first image is not late.

        Any thread may call it, whichever thread dreams afterwards.

        Args:
            size: (width, height) of the images to come.
            still: whether they are stills.
            soon: leave the warm-up to the first frames if a CPU dreams them. The first frame then comes about 0.2 s
                sooner; it and the next few, one for each octave, take 40 to 100 ms longer than those that follow.
        """
        run_in_fresh_thread(lambda: self._prepare((size[1], size[0]), still, soon))

    def _prepare(self, frame_shape: Shape, still: bool, soon: bool) -> None:
        with sharing_cores():  # the operations are small: two threads take longer for them than one
            device = self._engine.device
        if still:
            self._still.octaves(*frame_shape)
        elif soon and device.type == "cpu":
            self._shapes.current = self._shapes.octaves(self.settings, frame_shape)[0]
        else:
            self._stream.warm_up(frame_shape)

    def ascent_for(self, settings: DreamSettings) -> Ascent:
        """Return an ascent for `settings`, warmed up. Another thread may call it while this one dreams.

        Raises:
            ArgumentError: the network or a layer does not exist.
            WeightsError: the weights cannot be read.
        """
        ascent = self._engine.make_ascent(settings)
        self._stream.warm_up_ascent(ascent, settings)
        return ascent

    def install(self, settings: DreamSettings, ascent: Ascent) -> None:
        """Change, between two frames, to `settings`, for which `ascent_for` returned `ascent`."""
        previous = self._engine.ascent if self._engine.is_ready else None
        if self._engine.install(settings, ascent) and previous is not None:
            self._stream.forget(previous)

    # Any image

    @overload
    def __call__(self, picture: Frame) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray) -> Picture: ...
    @overload
    def __call__(self, picture: Image.Image) -> Image.Image: ...
    def __call__(self, picture: Frame | np.ndarray | Image.Image) -> Frame | Picture | Image.Image:
        """Dream one frame of a video, or a still.

        Args:
            picture: a `Frame`, which continues the dream of the frames before it (`reset` starts a new stream); or an
                array, RGB uint8, shape (height, width, 3), or a Pillow image, which is dreamt deeply by itself.

        Returns:
            The same kind, in the same size. An array is a `Picture`, which a notebook displays.

        Raises:
            TypeError, ValueError: `picture` is none of these.
            DeviceError: the device has not enough memory.
        """
        use_torch()
        if isinstance(picture, Frame):
            with self._call_threads(picture.pixels.shape, still=False):
                return self.compose(self.dream(self.analyze(picture)))
        pixels = to_array(picture)
        with self._call_threads(pixels.shape, still=True):
            dream = self._still(pixels)
        return Image.fromarray(dream) if isinstance(picture, Image.Image) else dream.view(Picture)

    def spectate(self, picture: Frame | np.ndarray | Image.Image) -> Spectacle:
        """Dream a still, and yield the image in full size after each step. The last one is the dream.

            for frame in dreamer.spectate(picture):
                ...                                 # frame.pixels: RGB uint8 (height, width, 3)

        At the end of a notebook cell it plays.

        Args:
            picture: as for a call, or a Frame, whose pixels are dreamt as a still.

        Returns:
            An iterator over Frames, numbered from 0, with times at SPECTATE_RATE.
        """
        use_torch()
        pixels = picture.pixels if isinstance(picture, Frame) else to_array(picture)
        return Spectacle(lambda: self._spectate(pixels), SPECTATE_RATE)

    def _spectate(self, pixels: np.ndarray) -> Iterator[Frame]:
        mask: StillMask | None = None
        steps: Iterator[tuple[int, Tensor]] | None = None
        while True:
            # Not around the `yield`: between two steps the caller has its own number of threads.
            with self._call_threads(pixels.shape, still=True):
                if steps is None:
                    mask = self._still.mask(pixels)
                    steps = enumerate(self._still.steps(pixels, mask))
                step = next(steps, None)
                if step is None:
                    return
                number, detail = step
                dream = self._still.compose(pixels, detail, mask)
            yield Frame(dream, number / SPECTATE_RATE, number, pixels)

    def still_length(self, size: tuple[int, int]) -> int:
        """Return the number of steps, and so of frames from `spectate`, for a still of `size` (width, height)."""
        return len(self._still.octaves(size[1], size[0])) * self.settings.still_steps

    @contextmanager
    def _call_threads(self, shape: tuple[int, ...], *, still: bool) -> Iterator[None]:
        """Context of a call, which keeps its speed beside busy programs. Afterwards the caller's threads are as before.

        shape: of the image, (height, width, 3).
        """
        with nullcontext() if self._engine.is_ready else sleeping_at_barriers():
            ascent = self._engine.ascent
        height, width = shape[:2]
        octaves = self._still.octaves(height, width) if still else self._shapes.octaves(self.settings, (height, width))
        with call_threads(ascent, octaves[0], 1 if still else self.settings.steps):
            yield

    # A stream: each of the three steps may have its own thread, if frames come to it in order.

    def analyze(self, frame: Frame, begins: bool = False, settings: DreamSettings | None = None) -> AnalyzedFrame:
        """Make the first step: shrink a frame, and estimate its motion since the last one. Needs no network.

        Args:
            frame: the next frame.
            begins: whether to forget all frames before it.
            settings: the settings with which it will be dreamt, if they differ from the current ones.
        """
        use_torch()
        return self._stream.analyze(frame, settings or self.settings, begins=begins, ahead=self.lookahead > 1)

    def finish_analysis(self) -> None:
        """Wait for the search for a person that `analyze` may have started."""
        self._stream.analyzer.finish()

    def dream(self, analyzed: AnalyzedFrame) -> DreamedFrame:
        """Make the second step: the dream of the frames before travels into this one, and goes deeper.

        Raises DeviceError when the device has not enough memory for the smallest size.
        """
        return self._stream.dream(analyzed)

    def compose(self, dreamt: DreamedFrame) -> Frame:
        """Make the third step: return the frame at its full size, with the dream added."""
        with dreamt.stages.measure("compose"):
            pixels = dreamt.finish()
        self._stages, self._effort = dreamt.stages.seconds, dreamt.effort
        return dreamt.frame.with_pixels(pixels)

    def reset(self) -> None:
        """Forget all frames: the next one starts a new stream, and the same frames give the same dream again."""
        self._stream.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return what is carried from frame to frame; with `restore`, a stream continues as if it had never stopped.

        It is the state after the last frame that was dreamt, not only analyzed.
        """
        return self._stream.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state`, which a Dreamer returned that dreamt its last frame with the same settings."""
        self._stream.restore(state)

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        """Return the context of the thread that dreams a stream, while other threads analyze and compose.

        A light network leaves a core to them. A heavy one takes all cores, because their work is small beside it. This
        depends on settings and sizes alone, so that a run repeats.

        live: whether a frame should be ready soon; for a video only the frames per second count.
        """
        return self._stream.threads(ahead=not live and self.lookahead > 1)
