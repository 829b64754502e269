"""The dreamer: a frame in, a frame out."""

import copy
import logging
from collections.abc import Mapping
from typing import overload

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional as F

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.motion import Motion
from livedream.dream.network import DreamNetwork, trace
from livedream.dream.objective import Objective, layer, parse
from livedream.dream.octaves import Size, octave_sizes, working_size
from livedream.dream.precision import Compute, choose_compute, next_safer
from livedream.dream.residual import remove_mean, warp
from livedream.dream.resize import compose, from_pixels, shrink
from livedream.dream.stages import Stages
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import CONTROLS, DreamSettings

_log = logging.getLogger(__name__)

# So many steps in a row that are not finite are no accident of one frame.
_PATIENCE = 3


class Dreamer:
    """Dreams pictures and films.

        dreamer = Dreamer()
        picture = dreamer(picture)                        # a numpy array, RGB uint8 (h, w, 3): a still, dreamt deep
        frames = [dreamer(frame) for frame in source]     # Frames in order: a stream, each inheriting from the last

    One thread at a time may call it. Nothing is loaded before the first picture, or `prepare`.

    Raises DeviceError, WeightsError, and ArgumentError for a network or layer that does not exist, when it prepares.
    """

    def __init__(self, settings: DreamSettings | None = None) -> None:
        self._settings = settings or DreamSettings()
        self._ascent: Ascent | None = None
        self._compute: Compute | None = None
        self._traced: fx.GraphModule | None = None
        self._relief = 1.0
        self._size: Size = (0, 0)
        self._shown_size: Size = (0, 0)
        self._sizes: list[Size] = []
        self._frame_size: tuple[int, int] | None = None
        self.dropped_steps = 0
        """How many steps were left out because their gradient was not finite."""
        self._stages = Stages()
        self.reset()

    @property
    def settings(self) -> DreamSettings:
        """How it dreams. May be set between two frames; the dream goes on from where it is.

        What needs a new network or new sizes makes the next frame late; a `Switch` prepares it before.

        Raises ArgumentError when a control changes that cannot change while running.
        """
        return self._settings

    @settings.setter
    def settings(self, settings: DreamSettings) -> None:
        old, self._settings = self._settings, settings
        changed = {
            control.name for control in CONTROLS if getattr(old, control.name) != getattr(settings, control.name)
        }
        fixed = [control.name for control in CONTROLS if control.name in changed and not control.live]
        if fixed and self._ascent is not None:
            self._settings = old
            raise ArgumentError(f"{', '.join(fixed)} cannot change while a dream runs", "make a new Dreamer")
        if changed & {"layers", "pooling", "color", "smoothing"}:
            self._ascent = None
        if changed & {"working_height", "octaves", "octave_scale"}:
            self._resized = True

    @property
    def relief(self) -> float:
        """At what share of the working height it dreams for want of time, 1 for all of it; what is asked for stays."""
        return self._relief

    @relief.setter
    def relief(self, share: float) -> None:
        self._relief = share
        self._resized = True

    def ascent_for(self, settings: DreamSettings) -> Ascent:
        """Return what dreams with `settings`, made and warmed up. Another thread may call it while this one dreams.

        Raises ArgumentError for a layer that does not exist.
        """
        ascent = self._make_ascent(settings)
        if self._frame_size is not None:
            _, sizes = self._sizes_for(settings, *self._frame_size)
            self._warm_up(ascent, sizes)
        return ascent

    def adopt(self, settings: DreamSettings, ascent: Ascent) -> None:
        """Go over, between two frames, to `settings`, for which `ascent` was made."""
        self.settings = settings
        # Made before the guard moved the network to safer numbers, it is of no use.
        if self._compute is not None and ascent.network.dtype == self._compute.dtype:
            self._ascent = ascent

    @property
    def description(self) -> str:
        """What dreams: device, precision, network, objective and working size. Known once it is prepared."""
        height, width = self._shown_size
        ascent = self._ready()
        return f"{self._compute}, {self._settings.model}, {ascent.objective}, working {width}x{height}"

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that the stages of the last frame took: resize, motion, upload, warp, ascent, download, compose."""
        return self._stages.seconds

    @property
    def engine(self) -> tuple[Ascent, Compute]:
        """What makes a step, and where and in which numbers. For measuring."""
        ascent = self._ready()
        return ascent, self._compute  # type: ignore[return-value]  # _ready has chosen it

    @property
    def working_size(self) -> Size:
        """(height, width) at which it dreams; (0, 0) before the first picture."""
        return self._shown_size

    def value(self, pixels: np.ndarray) -> float:
        """Return how much of what it dreams of is in `pixels`, uint8 (h, w, 3), at the working size: its objective."""
        return self._ready().loss(self._upload(shrink(pixels, self._shown_size)))

    def prepare(self, size: tuple[int, int], still: bool = False) -> None:
        """Load the network and warm it up for pictures of `size` (width, height), so that the first one is not late."""
        self._ready()
        if still:
            self._still_sizes(size[1], size[0])
            return
        self._fit(size[1], size[0])
        self._warm_up(self._ready(), self._sizes)

    def reset(self) -> None:
        """Forget all frames: the next one begins a new stream, and the same frames dream the same again."""
        self._count = 0
        self._residual: Tensor | None = None
        self._motion: Motion | None = None
        self._frame_size = None
        self._resized = False

    def state(self) -> dict[str, np.ndarray]:
        """Return what it carries from frame to frame; with `restore`, a stream goes on as if it had never stopped."""
        state = {"count": np.array(self._count)}
        if self._residual is not None and self._motion is not None and self._motion.previous is not None:
            state["residual"] = self._residual.contiguous().cpu().numpy()
            state["previous"] = self._motion.previous
            state["frame_size"] = np.array(self._frame_size)
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state`, which a Dreamer with the same settings returned."""
        self.reset()
        self._count = int(state["count"])
        if "residual" in state:
            height, width = map(int, state["frame_size"])
            self._fit(height, width)
            self._motion = Motion(self._size, state["previous"])
            residual = torch.from_numpy(state["residual"]).to(self._device)
            self._residual = residual.contiguous(memory_format=torch.channels_last)

    @overload
    def __call__(self, picture: Frame) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray) -> np.ndarray: ...
    def __call__(self, picture: Frame | np.ndarray) -> Frame | np.ndarray:
        """Dream one frame of a stream (Frame), or a picture of its own (array, RGB uint8, shape (h, w, 3))."""
        if isinstance(picture, Frame):
            return picture.with_pixels(self._dream_frame(picture.pixels))
        if not isinstance(picture, np.ndarray):
            raise TypeError(f"a Dreamer takes a Frame or a numpy array, got {type(picture).__name__}")
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
            raise ValueError(f"a picture must be RGB uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
        return self._dream_still(picture)

    # A stream: the residual travels, the octaves take turns.

    def _dream_frame(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        self._ready()
        motion = self._fit(*pixels.shape[:2])
        self._stages.begin()
        measure = self._stages.measure
        with measure("resize"):
            small = shrink(pixels, self._size)
        with measure("motion"):
            flow = motion(small)
        with measure("upload"):
            picture = self._upload(small)
        with measure("warp"):
            if flow is None or self._residual is None:
                dream = picture
            else:
                dream = picture + remove_mean(warp(self._residual, flow, settings.keep))
        with measure("ascent"):
            for step in range(settings.steps):
                turn = self._count * settings.steps + step
                octave = self._sizes[turn % len(self._sizes)]
                dream = self._step(dream, octave, self._shift(self._count, step, octave))
        with measure("download"):
            # One layout, always: sums in another order differ in the last bit, and a restored stream would drift off.
            self._residual = dream.clamp_(0, 255).sub_(picture).contiguous(memory_format=torch.channels_last)
            residual = self._download(self._residual)
        self._count += 1
        with measure("compose"):
            return compose(pixels, residual, settings.strength)

    def _fit(self, height: int, width: int) -> Motion:
        """Begin anew where the size of the frames has changed; bring the dream along where only its own size has.

        Returns what follows the motion.
        """
        same_frames = self._frame_size == (height, width)
        if same_frames and not self._resized and self._motion is not None:
            return self._motion
        self._frame_size, self._resized = (height, width), False
        size, self._sizes = self._sizes_for(self._settings, height, width)
        self._shown_size = size
        if self._motion is None or size != self._size:
            before, residual = self._motion, self._residual
            self._size = size
            self._motion, self._residual = Motion(size), None
            if same_frames and before is not None and residual is not None:
                self._motion.follow(before)
                self._residual = F.interpolate(residual, size, mode="bilinear", antialias=True)
        return self._motion

    def _sizes_for(self, settings: DreamSettings, height: int, width: int) -> tuple[Size, list[Size]]:
        """Return at which size, and at which octaves, frames of a stream are dreamt."""
        smallest = models.find_network(settings.model).smallest
        size = working_size(height, width, round(settings.working_height * self._relief), smallest)
        return size, octave_sizes(size, settings.octaves, settings.octave_scale, smallest)

    # A still: octaves from small to large, the detail carried over.

    def _dream_still(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        self._ready()
        sizes = self._still_sizes(*pixels.shape[:2])
        whole = self._upload(shrink(pixels, sizes[0]))
        detail = torch.zeros_like(whole)
        for octave, size in enumerate(reversed(sizes)):
            picture = F.interpolate(whole, size, mode="bilinear", antialias=True)
            dream = picture + F.interpolate(detail, size, mode="bilinear")
            for step in range(settings.still_steps):
                dream = self._step(dream, size, self._shift(octave, step, size)).clamp_(0, 255)
            detail = dream - picture
        return compose(pixels, self._download(detail), settings.strength)

    def _still_sizes(self, height: int, width: int) -> list[Size]:
        settings = self._settings
        smallest = models.find_network(settings.model).smallest
        size = self._shown_size = working_size(height, width, settings.still_height, smallest)
        return octave_sizes(size, settings.octaves, settings.octave_scale, smallest)

    # Both.

    def _ready(self) -> Ascent:
        """Return the ascent, made now if the settings have changed since the last one."""
        if self._ascent is None:
            self._ascent = self._make_ascent(self._settings)
            self._dropped_in_a_row = 0
        return self._ascent

    def _make_ascent(self, settings: DreamSettings) -> Ascent:
        if self._compute is None:
            self._compute = choose_compute(settings.device, settings.precision)
        if self._traced is None:
            # Once, before the first frame: while fx traces, no network of the process can be called, by any thread.
            self._traced = trace(models.load(settings.model))
        row = models.find_network(settings.model)
        objective: Objective = layer(row.best) if settings.layers == "auto" else parse(settings.layers)
        network = DreamNetwork(copy.deepcopy(self._traced), row, objective, settings.pooling)
        network.to_compute(self._compute.device, self._compute.dtype)
        return Ascent(network, objective, settings.color, settings.smoothing)

    @staticmethod
    def _warm_up(ascent: Ascent, sizes: list[Size]) -> None:
        picture = torch.zeros(1, 3, *sizes[0], device=ascent.network.mean.device)
        for octave in sizes:
            ascent.step(picture, octave, (0, 0), 1.0)

    @property
    def _device(self) -> torch.device:
        return self._ready().network.mean.device

    def _step(self, picture: Tensor, octave: Size, shift: tuple[int, int]) -> Tensor:
        return self._ready().step(picture, octave, shift, self._settings.step_size)

    def _shift(self, number: int, step: int, octave: Size) -> tuple[int, int]:
        """Return the jitter of a step, drawn from (seed, number of the frame, step) alone, so that a run repeats."""
        # A roll by half a side or more would be a roll the other way.
        jitter = min(self._settings.jitter, min(octave) // 2)
        down, right = np.random.default_rng((self._settings.seed, number, step)).integers(
            -jitter, jitter, 2, endpoint=True
        )
        return int(down), int(right)

    def _upload(self, pixels: np.ndarray) -> Tensor:
        return from_pixels(pixels).to(self._device, torch.float32)

    def _download(self, residual: Tensor) -> np.ndarray:
        array = residual[0].permute(1, 2, 0).round().to(torch.int16).contiguous().cpu().numpy()
        self._guard()
        return array

    def _guard(self) -> None:
        """Count the steps that were not finite; too many in a row move the network to safer numbers."""
        ascent = self._ready()
        dropped = int(ascent.dropped)
        if not dropped:
            self._dropped_in_a_row = 0
            return
        ascent.dropped.zero_()
        self.dropped_steps += dropped
        self._dropped_in_a_row += dropped
        if self._dropped_in_a_row < _PATIENCE or self._compute is None:
            return
        safer = next_safer(self._compute)
        _log.warning(
            "%d steps in a row were not finite in %s; %s",
            self._dropped_in_a_row,
            self._compute,
            f"the network moves to {safer}" if safer else "they are left out",
        )
        if safer:
            self._compute, self._ascent = safer, None
