"""The way of a frame where the CPU does all but the network: see gpu.py for the other."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.backend import torch_ops
from livedream.dream.image.mask_edges import compose_masked
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import Preconditioner
from livedream.dream.image.resize import compose, from_pixels
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.residual import Carry, warp_and_add
from livedream.dream.stream.timing import StageTimes

MakesMask = Callable[[], np.ndarray | None]
"""Makes the mask of a frame, uint8 (h, w), 255 where all of the dream is seen; None for the same everywhere."""


class CpuBackend:
    """Carries frames of a stream through the CPU; the network may be on it too, or on an Apple GPU."""

    keeps_more = False

    def __init__(self, device: torch.device) -> None:
        """device: of the network."""
        self._device = device

    def measure(self, stages: StageTimes, stage: str) -> AbstractContextManager[None]:
        """Add the time spent inside to `stage`."""
        return stages.measure(stage)

    def free(self) -> None:
        """Give back what it keeps."""

    def forget(self, ascent: Ascent) -> None:
        """Give back what it keeps for `ascent`."""

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        """Return `small`, uint8 (h, w, 3), as float32 (1, 3, h, w) on the device."""
        if self._device.type == "cpu":
            return from_pixels(small.astype(np.float32))  # by numpy: torch would wake its threads for it
        return from_pixels(small).to(self._device, torch.float32)

    def warp_and_add(self, picture: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        """Return `picture` with the residual added, and the pending part, both moved along `flow`."""
        if self._device.type == "cpu":
            return warp_and_add(picture, carry, flow, keep)
        vectors, confidence = (torch.from_numpy(each).to(self._device) for each in (flow.vectors, flow.confidence))
        return torch_ops.warp_and_add(picture, carry, vectors, confidence, keep)

    def step(
        self,
        ascent: Ascent,
        picture: Tensor,
        octave: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float,
        by: Preconditioner,
    ) -> Tensor:
        """Return `picture` moved by one step of `ascent`."""
        return ascent.step(picture, octave, shift, step_size, share, by=by)

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float, mask: MakesMask
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Return what makes `pixels` with the dream added, for any thread, and how many steps were dropped.

        residual: float32 or int16 (1, 3, h, w). mask: makes the mask through which the dream is seen, on that thread.
        """
        if residual.dtype != torch.int16:
            residual = residual.round().to(torch.int16)
        down = residual[0].permute(1, 2, 0).contiguous().cpu().numpy()
        return partial(_compose, pixels, down, strength, mask), int(ascent.take_dropped())


def _compose(pixels: np.ndarray, residual: np.ndarray, strength: float, mask: MakesMask) -> np.ndarray:
    seen = mask() if strength else None
    return compose(pixels, residual, strength) if seen is None else compose_masked(pixels, residual, strength, seen)
