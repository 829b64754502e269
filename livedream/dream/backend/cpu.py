"""The backend in which the CPU does everything but the network; for the other one, see gpu.py."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.backend import torch_ops
from livedream.dream.backend.backend import Backend, MakeMask
from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.mask_edges import compose_masked
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import Preconditioner
from livedream.dream.image.resize import compose, from_pixels
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import Carry, warp_and_add


class CpuBackend(Backend):
    """Dreams frames of a stream on the CPU; the network may run there too, or on an Apple GPU."""

    composes_on_gpu = False
    holds_spare_memory = False

    def __init__(self, device: torch.device) -> None:
        """device: of the network."""
        self._device = device

    def measure(self, stages: StageTimes, stage: str) -> AbstractContextManager[None]:
        return stages.measure(stage)

    def free(self) -> None:
        """Do nothing: no memory is kept from frame to frame."""

    def forget(self, ascent: Ascent) -> None:
        """Do nothing: nothing is kept for an ascent."""

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        return to_device(small, self._device)

    def warp_and_add(self, image: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        if self._device.type == "cpu":
            return warp_and_add(image, carry, flow, keep)
        vectors, confidence = (torch.from_numpy(each).to(self._device) for each in (flow.vectors, flow.confidence))
        return torch_ops.warp_and_add(image, carry, vectors, confidence, keep)

    def step(
        self,
        ascent: Ascent,
        image: Tensor,
        octave: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float,
        by: Preconditioner,
    ) -> Tensor:
        return ascent.step(image, octave, shift, step_size, share, by=by)

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float, mask: MakeMask
    ) -> tuple[Callable[[], np.ndarray], int]:
        array = to_int16_array(residual)
        return partial(_compose, pixels, array, strength, mask), int(ascent.take_dropped())


def to_device(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Return `pixels`, uint8 (h, w, 3), as float32 (1, 3, h, w) on `device`."""
    if device.type == "cpu":
        return from_pixels(pixels.astype(np.float32))  # by numpy: torch would wake its threads for it
    return from_pixels(pixels).to(device, torch.float32)


def to_int16_array(residual: Tensor) -> np.ndarray:
    """Return `residual`, (1, 3, h, w) on any device, rounded to int16, as (h, w, 3) on the CPU."""
    if residual.dtype != torch.int16:
        residual = residual.round().to(torch.int16)
    return residual[0].permute(1, 2, 0).contiguous().cpu().numpy()


def _compose(pixels: np.ndarray, residual: np.ndarray, strength: float, make_mask: MakeMask) -> np.ndarray:
    mask = make_mask() if strength else None
    return compose(pixels, residual, strength) if mask is None else compose_masked(pixels, residual, strength, mask)
