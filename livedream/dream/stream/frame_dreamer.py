"""The second step of a frame: the residual travels into it, and gradient ascent continues from there."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.backend.backend import Backend
from livedream.dream.engine import Engine
from livedream.dream.image.octaves import Shape, share_of
from livedream.dream.image.precondition import preconditioner
from livedream.dream.motion.residual import Carry, split_residual
from livedream.dream.stream.frame_masks import product
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.dream.stream.quality import DEEPER, QualityScale
from livedream.settings import DreamSettings

# A scene counts as still after this many consecutive frames without motion.
_STILL_FRAMES = 30
# A dream has grown when this share of its final strength is reached.
_GROWN = 0.95


class FrameDreamer:
    """Dreams the frames of a stream in order, and holds what one frame leaves to the next.

    The octaves take turns: each step works at one of them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.count = 0
        """Number of frames since the stream began, also of those at which the dream rested. Octave and shift of each
        step follow from it, so a run that begins at a cut dreams as one that comes from before."""
        self.carry: Carry | None = None
        """What the last frame left; None at the beginning of a stream."""
        self.last: AnalyzedFrame | None = None
        """The last frame that was dreamt."""
        self._changed_at = 0
        """`count` at the last change of the settings or the working size."""
        self._dreamt_with: tuple[DreamSettings, Shape] | None = None
        """Settings and working shape of the last frame."""

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next frame depends on, as arrays by name: the format of checkpoints."""
        state = {"count": np.array(self.count), "changed_at": np.array(self._changed_at)}
        if self.carry is not None and self.last is not None and self.last.grey is not None:
            # "withheld" is the name of the pending part in checkpoints of all versions.
            for name, tensor in (("residual", self.carry.residual), ("withheld", self.carry.pending)):
                if tensor is not None:
                    state[name] = tensor.contiguous().cpu().numpy()
            state["previous"] = self.last.grey
            state["stood"] = np.array(self.last.still_count)
            state["frame_size"] = np.array(self.last.frame.pixels.shape[:2])
            if self.last.mask_state is not None:
                state.update(self.last.mask_state.arrays())
        return state

    def restore(self, state: Mapping[str, np.ndarray], shape: Shape | None) -> None:
        """Continue from `state`. shape: the working shape; None for a state without a residual."""
        self.count = int(state["count"])
        self._changed_at = int(state.get("changed_at", 0))  # missing in checkpoints of older versions
        if shape is not None:
            self._dreamt_with = self._engine.settings, shape
            pending = self._to_tensor(state["withheld"]) if "withheld" in state else None
            self.carry = Carry(self._to_tensor(state["residual"]), pending)

    def _to_tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._engine.device).contiguous(memory_format=torch.channels_last)

    def dream(self, analyzed: AnalyzedFrame, backend: Backend, quality: QualityScale) -> DreamedFrame:
        """Dream one frame.

        After a RuntimeError for want of memory it may be called again for the same frame, with smaller octaves.

        Args:
            analyzed: the next frame, complete.
            backend: for the device of the engine.
            quality: what to leave out to save time.
        """
        settings = self._engine.settings
        measure = partial(backend.measure, analyzed.stages)
        if analyzed.begins:
            self.count, self._changed_at, self.carry = 0, 0, None
        with measure("upload"):
            image = backend.upload(analyzed.frame.pixels, analyzed.small)
        if self._dreamt_with not in (None, (settings, analyzed.shapes[0])):
            self._changed_at = self.count
        self._dreamt_with = settings, analyzed.shapes[0]
        mode = settings.still_scene if analyzed.still_count > _STILL_FRAMES else "dream"
        carry = self.carry
        if mode == "rest" and carry is not None and carry.residual.shape == image.shape and self._has_grown(analyzed):
            return self._rest(analyzed, carry, backend)
        with measure("warp"):
            start, pending = self._carry_over(analyzed, image, backend)
        with measure("ascent"):
            effort = DEEPER if mode == "deeper" and quality.deeper else 1
            steps = quality.steps_of(settings.steps)
            step_size = settings.step_size * settings.steps / steps
            dream = image if start is None else start
            dream = self._climb(dream, analyzed.shapes, steps * effort, step_size, backend)
        with measure("settle"):
            result = split_residual(dream, start, image, pending, settings.temporal_smoothing)
        with measure("download"):
            finish, dropped = self._show(analyzed, result.shown, backend)
        # The state changes last: if memory does not suffice, all of the above is done again.
        self.carry, self.last = result.carry, analyzed
        self.count += 1
        self._engine.count_dropped(dropped)
        return DreamedFrame(analyzed.frame, finish, analyzed.stages, effort)

    def _climb(self, dream: Tensor, shapes: list[Shape], steps: int, step_size: float, backend: Backend) -> Tensor:
        """Return `dream` after all steps of this frame."""
        settings, ascent = self._engine.settings, self._engine.ascent
        by = preconditioner(settings.natural_color, settings.coarseness)
        for step in range(steps):
            number = (self.count * steps + step) % len(shapes)
            octave = shapes[number]
            shift = self._engine.draw_shift(self.count, step, octave)
            dream = backend.step(ascent, dream, octave, shift, step_size, share_of(number, len(shapes)), by)
        return dream

    def _has_grown(self, analyzed: AnalyzedFrame) -> bool:
        """Return whether the dream of a still scene would hardly change any more."""
        frames = min(analyzed.still_count, self.count - self._changed_at)
        return frames > _STILL_FRAMES and self._engine.settings.keep**frames <= 1 - _GROWN

    def _rest(self, analyzed: AnalyzedFrame, carry: Carry, backend: Backend) -> DreamedFrame:
        """Show the dream of the last frame with this one, which looks the same."""
        with analyzed.stages.measure("download"):
            shown = carry.residual if carry.pending is None else carry.residual - carry.pending
            finish, _ = self._show(analyzed, shown, backend)
        self.last = analyzed
        self.count += 1
        return DreamedFrame(analyzed.frame, finish, analyzed.stages, effort=0)

    def _show(
        self, analyzed: AnalyzedFrame, residual: Tensor, backend: Backend
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Return the function that composes the frame through its masks, and the number of dropped steps."""
        ascent, pixels = self._engine.ascent, analyzed.frame.pixels
        mask = partial(product, ascent.masks, analyzed.masks, analyzed.small, pixels)
        return backend.show(ascent, pixels, residual, self._engine.settings.strength, mask)

    def _carry_over(
        self, analyzed: AnalyzedFrame, image: Tensor, backend: Backend
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return `image` with the residual of the last frame added, and the warped pending part."""
        flow, carry = analyzed.flow, self.carry
        if flow is None or carry is None:
            return None, None
        if carry.residual.shape != image.shape:
            pending = None if carry.pending is None else _resized(carry.pending, analyzed.shapes[0])
            carry = Carry(_resized(carry.residual, analyzed.shapes[0]), pending)
        return backend.warp_and_add(image, carry, flow, self._engine.settings.keep)


def _resized(residual: Tensor, shape: Shape) -> Tensor:
    resized = F.interpolate(residual, shape, mode="bilinear", antialias=True)
    return resized.contiguous(memory_format=torch.channels_last)
