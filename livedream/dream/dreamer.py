"""The dreamer: a frame in, a frame out."""

import copy
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, fx
from torch.nn import functional as F

from livedream import models
from livedream.documented import Documented
from livedream.dream.ascent import Ascent
from livedream.dream.backend.cpu import CpuBackend
from livedream.dream.backend.gpu import GpuBackend
from livedream.dream.choice import network_for
from livedream.dream.compute.forking import use_torch
from livedream.dream.compute.fresh_thread import begin_in_fresh_thread, run_in_fresh_thread
from livedream.dream.compute.out_of_memory import first_line, is_out_of_memory
from livedream.dream.compute.precision import Compute, choose_compute, next_safer
from livedream.dream.compute.threads import processors, sharing_cores, sleeping_at_barriers
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.masks import StillMask, StreamMasks, product, wanted_masks
from livedream.dream.image.octaves import Shape, octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import PLAIN, preconditioner
from livedream.dream.image.resize import compose, from_pixels, shrink
from livedream.dream.native import kernels, supported
from livedream.dream.objective.parser import parse
from livedream.dream.objective.validation import check_names
from livedream.dream.still import TiledStep, dream_still, still_shapes
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.dream.stream.live_masks import MaskState
from livedream.dream.stream.motion import Flow, Motion
from livedream.dream.stream.quality import DEEPER, QualityScale
from livedream.dream.stream.residual import Carry, split_residual
from livedream.dream.stream.timing import StageTimes
from livedream.dream.stream.zoom import zoom_flow
from livedream.errors import ArgumentError, DeviceError
from livedream.frame import Frame
from livedream.image import Picture, to_array
from livedream.models.fx_graph import trace
from livedream.presets import settings_of
from livedream.settings import CONTROLS, DreamSettings
from livedream.spectacle import Spectacle
from livedream.steps import OnStep, StepReport

_log = logging.getLogger(__name__)

T = TypeVar("T")
SPECTATE_RATE = Fraction(10)
"""Steps per second at which the film of a dream is played. A GIF counts in hundredths of a second."""

# Multiplications and additions a frame, forward and back, from which on a network is heavy. With 3.3e9 in float32 films
# of 1280x720 went as fast with all cores as with one left to the others (21.7 and 21.1 frames per second on two), in
# bfloat16, multiplied by matrix units, still slower with 4.9e9 (23.3 and 27.4).
_HEAVY = {torch.float32: 3e9, torch.bfloat16: 12e9, torch.float16: 12e9}
# So many steps in a row that are not finite are no accident of one frame.
_PATIENCE = 3
# So many frames in a row without motion are a scene that stands still.
_STANDS = 30
# Flows that are estimated beside one another: see Dreamer.look_ahead.
_MOST_AHEAD = 6
# A dream has grown when this share of what it can become is there.
_GROWN = 0.95


class Dreamer(metaclass=Documented):
    """Dreams pictures and videos.

        dreamer = Dreamer("film", steps=2)      # a preset, and what is to differ from it
        with open_source(demo_clip) as source, open_sink("dream.mp4", source) as sink:
            for frame in source:
                sink.write(dreamer(frame))      # frames in order: the dream travels with the motion

        picture = Dreamer()(picture)            # RGB uint8 (height, width, 3), or an image of Pillow's: a still

    Nothing is loaded before the first picture, or `prepare`. One thread at a time may call it.

    Args:
        settings: how to dream: `DreamSettings`; the name of a preset (see `preset_names`); or the path of a .toml file,
            or of a film or picture that `livedream run` made, whose recipe it takes. None means the defaults.
        **controls: single controls that are to differ, as in `DreamSettings`: `steps=2`.

    Raises:
        ArgumentError: there is no such preset or control, or a value is out of range; when it is first used, there is
            no such network or layer.
        SourceError: the film or picture with the recipe cannot be read.
        DeviceError: when it is first used, the device or precision is not there.
        WeightsError: when it is first used, weights are missing or damaged.
    """

    _machinery = (
        "install",
        "ascent_for",
        "awaits_device",
        "look_ahead",
        "effort",
        "engine",
        "sharing_cores",
        "look",
        "stop_looking",
        "dream",
        "compose",
    )
    """What is for other parts of livedream, and not shown by `help`."""

    def __init__(self, settings: DreamSettings | str | os.PathLike[str] | None = None, **controls: Any) -> None:
        self._settings = settings_of(settings, controls)
        self._ascent: Ascent | None = None
        self._compute: Compute | None = None
        self._traced: dict[tuple[str, str], fx.GraphModule] = {}
        """By name and weights: the network that dreams, and one that is prepared or was left last."""
        self._room = 1.0
        self._way: CpuBackend | GpuBackend | None = None
        self._shown_shape: Shape = (0, 0)
        self.quality = QualityScale()
        """What it leaves out for want of time. May be set at any time, by any thread."""
        self.dropped_steps = 0
        """How many steps were left out because their gradient was not finite."""
        self.on_step: OnStep | None = None
        """Called after each step of a still, and while it prepares, with how far that is. What it raises ends it."""
        self._stages: Mapping[str, float] = {}
        self._effort = 0.0
        self._told_of_motion = False
        self._live_masks = StreamMasks()
        self.reset()

    @property
    def settings(self) -> DreamSettings:
        """How it dreams. May be set between two frames; the dream goes on from where it is.

            dreamer.settings = dreamer.settings.replace(strength=0.5)

        What needs a new network or new sizes makes the next frame late.

        Raises ArgumentError when a control changes that cannot change while running: device and precision.
        """
        return self._settings

    @settings.setter
    def settings(self, settings: DreamSettings) -> None:
        if not isinstance(settings, DreamSettings):
            raise TypeError(f"settings must be DreamSettings, got {type(settings).__name__}")
        old, self._settings = self._settings, settings
        changed = {
            control.name for control in CONTROLS if getattr(old, control.name) != getattr(settings, control.name)
        }
        fixed = [control.name for control in CONTROLS if control.name in changed and not control.live]
        if fixed and self._ascent is not None:
            self._settings = old
            raise ArgumentError(f"{', '.join(fixed)} cannot change while a dream runs", "make a new Dreamer")
        if changed & {"model", "weights", "layers", "pooling"}:
            self._ascent = None

    def ascent_for(self, settings: DreamSettings) -> Ascent:
        """Return what dreams with `settings`, made and warmed up. Another thread may call it while this one dreams.

        Raises ArgumentError for a network or layer that does not exist, WeightsError for weights that cannot be read.
        """
        ascent = self._make_ascent(settings)
        way = self._way
        if way is not None and self._frame_shape is not None:
            try:
                # On as many threads as it will have: what is made for another number would be made anew.
                with self._sharing_cores(ascent, settings):
                    self._warm_up(way, ascent, self._shapes_for(settings, *self._frame_shape))
            except RuntimeError as error:
                # The thread that dreams will make room when it comes to it.
                if not is_out_of_memory(error):
                    raise
        return ascent

    def install(self, settings: DreamSettings, ascent: Ascent) -> None:
        """Go over, between two frames, to `settings`, for which `ascent` was made."""
        before, self.settings = self._ascent, settings
        # Made before the guard moved the network to safer numbers, it is of no use.
        if self._compute is not None and ascent.network.dtype == self._compute.dtype:
            self._ascent = ascent
            if self._way is not None and before is not None:
                self._way.forget(before)

    @property
    def description(self) -> str:
        """What dreams: device, precision, network, objective and working size. Known once it is prepared."""
        height, width = self._shown_shape
        self._ready()
        settings = self._settings
        weights = "" if settings.weights == models.OFFICIAL else f" of {settings.weights}"
        slower = _slower() if self._device.type == "cpu" else ""
        row = network_for(settings)
        wanted = parse(settings.layers, row.best)  # with names, not numbers
        return f"{self._compute}{slower}, {row.name}{weights}, {wanted}, working {width}x{height}"

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that the stages of the last frame took: resize, motion, mask, upload, warp, ascent, settle, download,
        compose.
        """
        return self._stages

    @property
    def effort(self) -> float:
        """How many times the usual steps the last frame took: more if deeper, 0 if the dream rested."""
        return self._effort

    @property
    def awaits_device(self) -> bool:
        """Whether a GPU composes the frames of a stream too, so that `compose` does nothing but wait for it."""
        return isinstance(self._way, GpuBackend)

    @property
    def look_ahead(self) -> int:
        """How many frames may be looked at before the first of them is dreamt, the flow of each on a thread of its own.

        One, unless a GPU dreams and leaves the cores of a large processor idle: at 960x540 the flow took 21 ms on one
        core beside an H100, 11 ms on eight, and all else of a frame a tenth of that.
        """
        if self._compute is None or self._compute.device.type != "cuda":
            return 1
        return max(1, min(_MOST_AHEAD, processors() * 3 // 8))

    @property
    def engine(self) -> tuple[Ascent, Compute]:
        """What makes a step, and where and in which numbers. For measuring."""
        ascent = self._ready()
        return ascent, self._compute  # type: ignore[return-value]  # _ready has chosen it

    @property
    def notice(self) -> str | None:
        """What it does otherwise than asked, for want of memory; None while it has enough."""
        if self._room == 1:
            return None
        return f"dreaming at {self._room:.0%} of the working height at most, the device has no memory for more"

    @property
    def working_size(self) -> Shape:
        """(height, width) at which it dreams; (0, 0) before the first picture."""
        return self._shown_shape

    def value(self, pixels: np.ndarray) -> float:
        """Return how much of what it dreams of is in `pixels`, uint8 (h, w, 3), at the working size: its objective."""
        return self._ready().loss(self._upload(shrink(pixels, self._shown_shape)))

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        """Load the network and warm it up for pictures of `size` (width, height), so that the first one is not late.

        Any thread may call it, whichever dreams afterwards.

        soon: leave the warming up to the first frames where a CPU dreams them. The first then comes about 0.2 s sooner;
            it and the next few, one for each octave, take 40 to 100 ms longer than those that follow.
        """
        run_in_fresh_thread(lambda: self._prepare(size, still, soon))

    def _prepare(self, size: tuple[int, int], still: bool, soon: bool) -> None:
        with sharing_cores():  # its operations are small: two threads take longer for them than one
            self._ready()
        if still:
            self._still_shapes(size[1], size[0])
            return
        frame_shape = size[1], size[0]
        shapes = self._shapes_for(self._settings, *frame_shape)
        if soon and self._device.type == "cpu":
            self._shown_shape = shapes[0]
            return
        self._in_memory(lambda shapes: self._rehearse(frame_shape, shapes), frame_shape, shapes)

    def reset(self) -> None:
        """Forget all frames: the next one begins a new stream, and the same frames dream the same again."""
        # What looks at frames may be ahead of what dreams them: each has a memory of its own.
        self._motion: Motion | None = None
        self._frame_shape: tuple[int, int] | None = None
        self._stood = 0
        self._count = 0
        self._changed_at = 0
        self._dreamt_with: tuple[DreamSettings, Shape] | None = None
        self._left: Carry | None = None
        self._last: AnalyzedFrame | None = None
        self.stop_looking()
        self._live_masks = StreamMasks()

    def state(self) -> dict[str, np.ndarray]:
        """Return what it carries from frame to frame; with `restore`, a stream goes on as if it had never stopped.

        Of the frames that were dreamt, not of those that were only looked at.
        """
        state = {"count": np.array(self._count), "changed_at": np.array(self._changed_at)}
        if self._left is not None and self._last is not None and self._last.grey is not None:
            # "withheld" stands in the checkpoints of all versions for what Carry calls pending.
            for name, tensor in {"residual": self._left.residual, "withheld": self._left.pending}.items():
                if tensor is not None:
                    state[name] = tensor.contiguous().cpu().numpy()
            state["previous"] = self._last.grey
            state["stood"] = np.array(self._last.stood)
            state["frame_size"] = np.array(self._last.frame.pixels.shape[:2])
            if self._last.mask_state is not None:
                state.update(self._last.mask_state.arrays())
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state`, which a Dreamer returned that had dreamt its last frame with the same settings."""
        self.reset()
        self._count = int(state["count"])
        self._changed_at = int(state.get("changed_at", 0))  # unknown to the films of older versions
        if "residual" in state:
            height, width = map(int, state["frame_size"])
            self._frame_shape = height, width
            size = self._shapes_for(self._settings, height, width)[0]
            self._motion = Motion(size, self._settings.flow_scale, state["previous"])
            self._dreamt_with = self._settings, size
            self._stood = int(state["stood"])
            self._live_masks = StreamMasks(MaskState.from_arrays(state))
            pending = self._restored(state["withheld"]) if "withheld" in state else None
            self._left = Carry(self._restored(state["residual"]), pending)

    def _restored(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device).contiguous(memory_format=torch.channels_last)

    @overload
    def __call__(self, picture: Frame) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray) -> Picture: ...
    @overload
    def __call__(self, picture: Image.Image) -> Image.Image: ...
    def __call__(self, picture: Frame | np.ndarray | Image.Image) -> Frame | Picture | Image.Image:
        """Dream one frame of a video, or a picture by itself.

        Args:
            picture: a `Frame`, which continues what was dreamt in the frames before it (`reset` begins anew); or an
                array, RGB uint8, shape (height, width, 3), or an image of Pillow's, which is dreamt deep by itself.

        Returns:
            The same kind, of the same size. An array is a `Picture`, which shows itself in a notebook.

        Raises:
            TypeError, ValueError: it is none of these.
            DeviceError: the device has not enough memory.
        """
        use_torch()
        if isinstance(picture, Frame):
            with self._beside_others(picture.pixels.shape, still=False):
                return self.compose(self.dream(self.look(picture)))
        pixels = to_array(picture)
        with self._beside_others(pixels.shape, still=True):
            dream = self._dream_still(pixels)
        return Image.fromarray(dream) if isinstance(picture, Image.Image) else dream.view(Picture)

    def spectate(self, picture: Frame | np.ndarray | Image.Image) -> Spectacle:
        """Watch it dream a still: give the picture, in full size, after each step. The last one is the dream.

            for frame in dreamer.spectate(picture):
                ...                                 # frame.pixels: RGB uint8 (height, width, 3)

        At the end of a cell of a notebook it plays.

        Args:
            picture: as for a call, or a Frame, whose pixels are taken for a picture of its own.

        Returns:
            An iterator over Frames, counted from 0, with the times of a film of SPECTATE_RATE.
        """
        use_torch()
        pixels = picture.pixels if isinstance(picture, Frame) else to_array(picture)
        return Spectacle(lambda: self._spectate(pixels), SPECTATE_RATE)

    def _spectate(self, pixels: np.ndarray) -> Iterator[Frame]:
        mask: StillMask | None = None
        steps: Iterator[tuple[int, Tensor]] | None = None
        while True:
            # Not around the `yield`: what the caller does between two steps is none of ours.
            with self._beside_others(pixels.shape, still=True):
                if steps is None:
                    mask = self._still_mask(pixels)
                    steps = enumerate(self._still_steps(pixels, mask))
                step = next(steps, None)
                if step is None:
                    return
                number, detail = step
                seen = Frame(self._compose_still(pixels, detail, mask), number / SPECTATE_RATE, number, pixels)
            yield seen

    def still_length(self, size: tuple[int, int]) -> int:
        """Return how many steps the dream of a still of `size` (width, height) takes, and so how often it is seen."""
        return len(self._still_shapes(size[1], size[0])) * self._settings.still_steps

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        """What the thread that dreams a stream stays in, while others look and compose: a light network leaves them a
        core, a heavy one, beside which their work is little, takes all. It depends on the settings and sizes alone, so
        that a run repeats.

        live: whether a frame should be ready soon; for a film, how many a second counts.
        """
        return self._sharing_cores(self._ready(), self._settings, ahead=not live and self.look_ahead > 1)

    def _sharing_cores(
        self, ascent: Ascent, settings: DreamSettings, ahead: bool = False
    ) -> AbstractContextManager[None]:
        size = self._shapes_for(settings, *self._frame_shape)[0] if self._frame_shape else self._shown_shape
        return share_of_cores(ascent, size, settings.steps, ahead)

    @contextmanager
    def _beside_others(self, shape: tuple[int, ...], *, still: bool) -> Iterator[None]:
        """What a call stays in, so that it keeps its speed beside busy programs. The caller's threads are as before."""
        if self._ascent is None:
            with sleeping_at_barriers():
                self._ready()
        height, width = shape[:2]
        shapes = self._still_shapes(height, width) if still else self._shapes_for(self._settings, height, width)
        with beside_others(self._ready(), shapes[0], 1 if still else self._settings.steps):
            yield

    # A stream: the residual travels, the octaves take turns. Each of the three steps may have a thread of its own, if
    # frames come to it in order.

    def look(self, frame: Frame, begins: bool = False, settings: DreamSettings | None = None) -> AnalyzedFrame:
        """Shrink a frame and find how it moved since the last one that was looked at, and with it what was dreamt.
        Needs no network.

        begins: whether to forget, with this frame, all that were before.
        settings: with which it will be dreamt, where they change between two frames; those of now by default.
        """
        use_torch()
        settings = settings or self._settings
        pixels, stages = frame.pixels, StageTimes()
        frame_shape = pixels.shape[0], pixels.shape[1]
        shapes = self._shapes_for(settings, *frame_shape)
        size = self._shown_shape = shapes[0]
        scale = settings.flow_scale * self.quality.flow
        if begins or self._motion is None or frame_shape != self._frame_shape:
            self._motion, self._frame_shape = Motion(size, scale), frame_shape
        elif self._motion.made_for != (size, scale):
            before, self._motion = self._motion, Motion(size, scale)
            self._motion.follow(before)
        with stages.measure("resize"):
            small = shrink(pixels, size)
        with stages.measure("motion"):
            estimate = self._motion.begin(small)

        def find_flow() -> tuple[Flow | None, Flow | None]:
            with stages.measure("motion"):
                seen = estimate()
                if seen is None:
                    return None, None
                flow = zoom_flow(seen, settings.zoom, settings.rotate)
                # Here and not where it is dreamt, which takes longer; a GPU does it by itself.
                return seen, flow if self.awaits_device else flow.at(size)

        ahead = self.look_ahead > 1
        waits = begin_in_fresh_thread(find_flow) if ahead else find_flow
        sight = AnalyzedFrame(frame, small, self._motion.previous, waits, None, shapes, 0, begins, stages, settings)
        return sight if ahead else self._with_flow(sight)

    def _with_flow(self, sight: AnalyzedFrame) -> AnalyzedFrame:
        """Return `sight` with its flow, and what depends on the frames before it."""
        if sight.estimate is None:
            return sight
        seen, flow = sight.estimate()
        self._stood = self._stood + 1 if flow is not None and flow.still else 0
        # By the flow as it was seen, without the growth of the dream.
        masks = self._live_masks.of(sight.frame, sight.small, seen, sight.settings, sight.begins, sight.stages)
        state = self._live_masks.state
        return replace(sight, estimate=None, flow=flow, stood=self._stood, masks=masks, mask_state=state)

    def stop_looking(self) -> None:
        """Wait for the search for a person that `look` has begun beside the frames."""
        self._live_masks.finish()

    def dream(self, sight: AnalyzedFrame) -> DreamedFrame:
        """Let what was dreamt before travel into a frame that was looked at, and dream on.

        Raises DeviceError when the device has not enough memory for the smallest of dreams.
        """
        known = self._with_flow(sight)
        return self._in_memory(
            lambda shapes: self._dream_sight(known.at(shapes)), sight.frame.pixels.shape[:2], sight.shapes
        )

    def _dream_sight(self, sight: AnalyzedFrame) -> DreamedFrame:
        settings, ascent, way = self._settings, self._ready(), self._the_backend()
        if min(map(min, sight.shapes)) < network_for(settings).smallest:
            # It was looked at for another network, which takes smaller pictures.
            sight = sight.at(self._shapes_for(settings, *sight.frame.pixels.shape[:2]))
        measure = partial(way.measure, sight.stages)
        if sight.begins:
            self._count, self._changed_at, self._left = 0, 0, None
        with measure("upload"):
            picture = way.upload(sight.frame.pixels, sight.small)
        left = self._left
        if self._dreamt_with not in (None, (settings, sight.shapes[0])):
            self._changed_at = self._count
        self._dreamt_with = settings, sight.shapes[0]
        stands = settings.still_scene if sight.stood > _STANDS else "dream"
        if stands == "rest" and left is not None and left.residual.shape == picture.shape and self._has_grown(sight):
            return self._rest(sight, left)
        with measure("warp"):
            inherited, pending = self._travel(sight, picture)
            dream = picture if inherited is None else inherited
        with measure("ascent"):
            steps = self.quality.steps_of(settings.steps)
            step_size = settings.step_size * settings.steps / steps
            effort = DEEPER if stands == "deeper" and self.quality.deeper else 1
            steps *= effort
            by = preconditioner(settings.natural_color, settings.coarseness)
            for step in range(steps):
                number = (self._count * steps + step) % len(sight.shapes)
                octave = sight.shapes[number]
                shift = self._shift(self._count, step, octave)
                dream = way.step(ascent, dream, octave, shift, step_size, share_of(number, len(sight.shapes)), by)
        with measure("settle"):
            settled = split_residual(dream, inherited, picture, pending, settings.temporal_smoothing)
        with measure("download"):
            finish, dropped = self._show(sight, settled.shown)
        # Only now: with too little memory all of this is done again.
        self._left, self._last = settled.carry, sight
        self._count += 1
        self._guard(dropped)
        return DreamedFrame(sight.frame, finish, sight.stages, effort)

    def _has_grown(self, sight: AnalyzedFrame) -> bool:
        """Return whether the dream of a scene that stands still would hardly change any more."""
        frames = min(sight.stood, self._count - self._changed_at)
        return frames > _STANDS and self._settings.keep**frames <= 1 - _GROWN

    def _rest(self, sight: AnalyzedFrame, left: Carry) -> DreamedFrame:
        """Show what was dreamt of the last frame with this one, which looks the same."""
        with sight.stages.measure("download"):
            shown = left.residual if left.pending is None else left.residual - left.pending
            finish, _ = self._show(sight, shown)
        self._last = sight
        return DreamedFrame(sight.frame, finish, sight.stages, effort=0)

    def _show(self, sight: AnalyzedFrame, residual: Tensor) -> tuple[Callable[[], np.ndarray], int]:
        """Return what makes the frame that is shown, through its masks, and how many steps were dropped."""
        ascent, pixels = self._ready(), sight.frame.pixels
        mask = partial(product, ascent.masks, sight.masks, sight.small, pixels)
        return self._the_backend().show(ascent, pixels, residual, self._settings.strength, mask)

    def _travel(self, sight: AnalyzedFrame, picture: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return `picture` with what it inherits of the residual, and what it inherits of what is withheld."""
        flow, left = sight.flow, self._left
        if flow is None or left is None:
            return None, None
        if left.residual.shape != picture.shape:
            pending = None if left.pending is None else _resized(left.pending, sight.shapes[0])
            left = Carry(_resized(left.residual, sight.shapes[0]), pending)
        return self._the_backend().warp_and_add(picture, left, flow, self._settings.keep)

    def compose(self, dreamt: DreamedFrame) -> Frame:
        """Show what was dreamt, at the full size of its frame."""
        with dreamt.stages.measure("compose"):
            pixels = dreamt.finish()
        self._stages, self._effort = dreamt.stages.seconds, dreamt.effort
        return dreamt.frame.with_pixels(pixels)

    def _shapes_for(self, settings: DreamSettings, height: int, width: int) -> list[Shape]:
        """Return the sizes at which frames of a stream are dreamt: the working size, and its octaves."""
        smallest = network_for(settings).smallest
        size = working_shape(height, width, round(settings.working_height * self._share), smallest)
        return octave_shapes(size, settings.octaves, settings.octave_scale, smallest)

    def _rehearse(self, frame_shape: tuple[int, int], shapes: list[Shape]) -> None:
        """Dream some black frames, for kernels to be loaded, graphs recorded, buffers taken: every octave is seen, the
        second frame inherits what was dreamt, the third also what was withheld.

        A copy dreams them: what is made is shared, what is remembered is its own.
        """
        self._ready()
        self._the_backend()
        self._shown_shape = shapes[0]
        other = copy.copy(self)
        other.reset()
        other._settings = self._settings.replace(steps=1)
        pixels = np.zeros((*frame_shape, 3), np.uint8)
        # With the threads of a stream: for another number of them all is made anew, 30 ms for the first frame.
        with self.sharing_cores(live=True):
            many = max(3, len(shapes))
            for number in range(many):
                sight = other._with_flow(other.look(Frame(pixels, Fraction(number), number)))
                other.compose(other._dream_sight(sight))
                self._tell(StepReport("warming up", number + 1, many, "frames", (number + 1) / many))
        other.stop_looking()

    # Memory: where it does not suffice the dream gets smaller.

    def _in_memory(self, work: Callable[[list[Shape]], T], frame_shape: tuple[int, ...], shapes: list[Shape]) -> T:
        """Do `work` at `sizes`, and again at smaller ones while the device has not enough memory for it.

        Raises DeviceError when it has not enough for the smallest either.
        """
        while True:
            try:
                return work(shapes)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                reason = first_line(error)
            # Out here: the error holds the tensors of the step that failed.
            if self._way is not None and self._way.keeps_more:
                self._free()
            else:
                shapes = self._make_room(reason, frame_shape, shapes)

    def _make_room(self, reason: str, frame_shape: tuple[int, ...], shapes: list[Shape]) -> list[Shape]:
        """Dream at half as many pixels from now on; give back what can be made again, and return the sizes."""
        self._room = self._share * 0.7
        smaller = self._shapes_for(self._settings, frame_shape[0], frame_shape[1])
        if smaller[0] == shapes[0]:
            name = network_for(self._settings).name
            raise DeviceError(
                f"the device has not enough memory for {name} at {shapes[0][1]}x{shapes[0][0]}: {reason}",
                "end other programs that use it, or choose a smaller network",
            )
        self._shown_shape = smaller[0]
        self._free()
        _log.warning("%s: %s", self.notice, reason)
        return smaller

    def _free(self) -> None:
        """Give back what can be made again."""
        if self._way is not None:
            self._way.free()
        self._way = None

    @property
    def _share(self) -> float:
        """Of the working height, for want of time or memory."""
        return min(self.quality.height, self._room)

    # A still.

    def _dream_still(self, pixels: np.ndarray) -> np.ndarray:
        mask = self._still_mask(pixels)
        detail = deque(self._still_steps(pixels, mask), maxlen=1).pop()
        if not detail.any() and not (mask is not None and mask.found_nobody):
            _log.warning("%s is silent here: nothing was dreamt", self._ready().objective)
        return self._compose_still(pixels, detail, mask)

    def _still_mask(self, pixels: np.ndarray) -> StillMask | None:
        """Return the masks of a picture; None without any."""
        wanted = wanted_masks(self._settings)
        moving = [mask.name for mask in wanted if not mask.of_person]
        if moving and not self._told_of_motion:
            self._told_of_motion = True
            names = f"mask{'s' if len(moving) > 1 else ''} {' and '.join(moving)}"
            _log.warning("nothing moves in a picture: it is dreamt without the %s", names)
        of_person = [mask for mask in wanted if mask.of_person]
        files = self._ready().masks
        if not files and not of_person:
            return None
        mask = StillMask(files, of_person, pixels, self._settings.no_person)
        if mask.found_nobody:
            _log.warning("nobody was found in the picture: %s of it is dreamt", self._settings.no_person)
        return mask

    def _still_steps(self, pixels: np.ndarray, mask: StillMask | None) -> Iterator[Tensor]:
        settings, shapes = self._settings, self._still_shapes(*pixels.shape[:2])
        step = TiledStep(settings, shapes, self._ready, self._shift, self._tell)
        try:
            picture = self._upload(shrink(pixels, shapes[0]))
            yield from dream_still(picture, shapes, settings.still_steps, step, mask.at if mask else None)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            (height, width), reason = self._shown_shape, first_line(error)
            name = network_for(settings).name
            raise DeviceError(
                f"the device has not enough memory for {name} at {width}x{height}: {reason}",
                "end other programs that use it, or choose a smaller still_height",
            ) from error

    def _compose_still(self, pixels: np.ndarray, detail: Tensor, mask: StillMask | None) -> np.ndarray:
        dream = compose(pixels, self._download(detail), self._settings.strength)
        return mask.blend(pixels, dream) if mask else dream

    def _still_shapes(self, height: int, width: int) -> list[Shape]:
        shapes = still_shapes(self._settings, height, width, network_for(self._settings).smallest)
        self._shown_shape = shapes[0]
        return shapes

    # Both.

    def _tell(self, report: StepReport) -> None:
        if self.on_step is not None:
            self.on_step(report)

    def _ready(self) -> Ascent:
        """Return the ascent, made now if the settings have changed since the last one."""
        use_torch()
        if self._ascent is None:
            self._ascent = self._make_ascent(self._settings)
            self._dropped_in_a_row = 0
        return self._ascent

    def _make_ascent(self, settings: DreamSettings) -> Ascent:
        use_torch()
        row = network_for(settings)
        objective = parse(settings.layers, row.best, row.name)
        if (row.name, settings.weights) not in self._traced:
            check_names(settings)
        if self._compute is None:
            self._compute = choose_compute(settings.device, settings.precision)
        network = DreamNetwork(copy.deepcopy(self._traced_for(settings)), row, objective, settings.pooling)
        network.to_compute(self._compute.device, self._compute.dtype)
        return Ascent(network, objective)

    def _traced_for(self, settings: DreamSettings) -> fx.GraphModule:
        """Return the network of `settings` as a graph, loaded and traced if it is not there.

        At most two networks are kept. When a third comes, the one that does not dream goes first.
        """
        wanted = network_for(settings).name, settings.weights
        traced = self._traced.get(wanted)
        if traced is None:
            self._tell(StepReport(f"loading {wanted[0]}"))
            dreams = network_for(self._settings).name, self._settings.weights
            # A new dictionary: the thread that dreams and the one that prepares may both be here.
            self._traced = {name: other for name, other in self._traced.items() if name == dreams}
            traced = trace(models.load(*wanted, on_step=self.on_step))
            self._traced = {**self._traced, wanted: traced}
        return traced

    @staticmethod
    def _warm_up(way: CpuBackend | GpuBackend, ascent: Ascent, shapes: list[Shape]) -> None:
        """Do once each step that a frame may ask for."""
        picture = torch.zeros(1, 3, *shapes[0], device=ascent.network.device)
        for number, octave in enumerate(shapes):
            way.step(ascent, picture, octave, (0, 0), 1.0, share_of(number, len(shapes)), PLAIN)

    @property
    def _device(self) -> torch.device:
        return self._ready().network.mean.device

    def _the_backend(self) -> CpuBackend | GpuBackend:
        """Return what carries the frames of a stream: all on the GPU, or the CPU's part on the CPU."""
        if self._way is None:
            self._way = (GpuBackend if self._device.type == "cuda" else CpuBackend)(self._device)
        return self._way

    def _shift(self, number: int, step: int, octave: Shape) -> tuple[int, int]:
        # What has its place in the picture must stay there.
        jitter = 0 if self._ready().objective.needs_whole_image else self._settings.jitter
        return draw_shift(self._settings.seed, number, step, jitter, octave)

    def _upload(self, pixels: np.ndarray) -> Tensor:
        if self._device.type == "cpu":
            return from_pixels(pixels.astype(np.float32))  # by numpy: torch would wake its threads for it
        return from_pixels(pixels).to(self._device, torch.float32)

    def _download(self, residual: Tensor) -> np.ndarray:
        array = residual[0].permute(1, 2, 0).round().to(torch.int16).contiguous().cpu().numpy()
        self._guard(int(self._ready().take_dropped()))
        return array

    def _guard(self, dropped: int) -> None:
        """Count the steps that were not finite; too many in a row move the network to safer numbers."""
        if not dropped:
            self._dropped_in_a_row = 0
            return
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


def share_of_cores(ascent: Ascent, size: Shape, steps: int, ahead: bool = False) -> AbstractContextManager[None]:
    """What stays entered while `ascent` makes so many steps at `size` (height, width): see `Dreamer.sharing_cores`.

    ahead: whether several frames are looked at beside one another.
    """
    if ascent.network.device.type == "cuda":
        # Beside an H100 sixteen threads took 14 ms for a flow of 960x540, eight 11, one 21. What several flows have
        # left over for one another are fifteen threads that keep eight cores busy with waiting.
        return sharing_cores(opencv=1 if ahead else max(1, processors() // 2))
    work = 2 * ascent.network.flops_per_pixel * size[0] * size[1] * steps
    return sharing_cores() if work < _HEAVY[ascent.network.dtype] else nullcontext()


@contextmanager
def beside_others(ascent: Ascent, size: Shape, steps: int) -> Iterator[None]:
    """What stays entered while a program waits for `ascent` to make so many steps at `size`, beside other programs."""
    on_cpu = ascent.network.device.type == "cpu"
    with share_of_cores(ascent, size, steps), sleeping_at_barriers() if on_cpu else nullcontext():
        yield


def _slower() -> str:
    """Return why a CPU is slower than it could be, to be said in the first line of a run."""
    if not kernels.compiled:
        return " without compiled kernels"
    why = supported.objection()
    return f" layer by layer ({why})" if why else ""


def _resized(picture: Tensor, size: Shape) -> Tensor:
    resized = F.interpolate(picture, size, mode="bilinear", antialias=True)
    return resized.contiguous(memory_format=torch.channels_last)
