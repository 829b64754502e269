"""The residual: the part of a frame that is dreamt, and how it travels into the next frame.

The residual is dream minus frame, at the working size. It moves, fades and is shown, while the frame itself always
comes from the source. Leak and mean removal keep it bounded: if all of it were added back frame after frame, it would
brighten every still scene without limit (samim23/DeepDreamAnim, issue 11).
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import from_pixels, to_pixels
from livedream.dream.motion.flow import Flow
from livedream.dream.native import kernels

# Share of the residual's mean per channel that is removed at each frame.
_MEAN_LEAK = 0.1
# Levels at either end of 0..255 which a dream does not enter unless the frame does, so that highlights do not burn out.
# In a still scene, pixels clipped beyond those of the source were 1.9 % with a headroom of 0, 0.8 % with 2, 0.2 % with
# 5.
_HEADROOM = 4.0


class Carry(NamedTuple):
    """What a frame leaves to the next one."""

    residual: Tensor
    """float32 (1, 3, h, w)."""
    pending: Tensor | None
    """The part of the changes that is not shown yet, so that the dream shown is their mean over time; None for none."""


class FrameResult(NamedTuple):
    """The result of one frame."""

    carry: Carry
    shown: Tensor
    """The residual that is shown, float32 or int16 (1, 3, h, w)."""


def warp_and_add(image: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
    """Return `image` plus the residual warped along `flow`, and the warped pending part. Everything is on the CPU.

    Args:
        image: float32 (1, 3, h, w), the frame at the working size; not changed.
        carry: what the previous frame left, in the same shape.
        flow: from this frame to the previous one, of any size.
        keep: share of the residual that survives, 0..1.
    """
    flow = flow.at((image.shape[2], image.shape[3]))
    if kernels.handles_residual(image, *carry):
        maps = flow.vectors, flow.confidence
        return kernels.warp_and_add(image, carry.residual, carry.pending, maps, keep, _MEAN_LEAK)
    moved = remove_mean(warp(carry.residual, flow, keep))
    return image + moved, None if carry.pending is None else warp(carry.pending, flow, 1.0)


def split_residual(
    dream: Tensor, start: Tensor | None, image: Tensor, pending: Tensor | None, share: float
) -> FrameResult:
    """Split the dream of a frame into the part to show and the part that the next frame inherits, on any device.

    Args:
        dream: float32 (1, 3, h, w); it is clipped to 0..255, less some levels at either end.
        start: the image from which the steps of this frame began; None if nothing was inherited.
        image: the frame at the working size.
        pending: the warped pending part of the frames before; None for none.
        share: share of a change that stays pending, 0..1.
    """
    if share and start is not None and kernels.handles_residual(image, dream, start, pending):
        *carry, shown = kernels.split_residual(dream, start, image, pending, share, _HEADROOM)
        return FrameResult(Carry(*carry), shown)
    lowest, highest = image.clamp(max=_HEADROOM), image.clamp(min=255 - _HEADROOM)
    dream = torch.minimum(torch.maximum(dream, lowest), highest)
    new_pending = None
    if share and start is not None:
        new_pending = (dream - start if pending is None else dream - start + pending) * share
    # Always the same layout: sums in another order differ in the last bit, and a restored stream would drift away.
    residual = (dream - image).contiguous(memory_format=torch.channels_last)
    return FrameResult(Carry(residual, new_pending), residual if new_pending is None else residual - new_pending)


def warp(residual: Tensor, flow: Flow, keep: float) -> Tensor:
    """Return `residual` moved along `flow`, and faded where the confidence of the flow is low.

    Args:
        residual: float32 (1, 3, h, w) on the CPU; not changed.
        flow: from this frame to the previous one, of any size.
        keep: share that survives where the confidence is 1, 0..1.
    """
    positions, confidence = _maps(flow, (residual.shape[2], residual.shape[3]))
    # OpenCV's stubs do not know that one map may hold x and y. It takes a quarter of the time of grid_sample.
    moved = cv2.remap(  # type: ignore[call-overload]
        to_pixels(residual), positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return from_pixels(cv2.multiply(moved, confidence, scale=keep))


def remove_mean(residual: Tensor) -> Tensor:
    """Return `residual` less a share of its mean per channel, so that the image keeps its brightness."""
    mean = residual.mean((0, 2, 3))
    # By rows, see DreamNetwork: a quarter of the time on a CPU.
    rows = residual.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten(2)
    faded = rows - (_MEAN_LEAK * mean).repeat(residual.shape[3])
    return faded.view(1, *residual.shape[2:], -1).permute(0, 3, 1, 2)


@functools.lru_cache(maxsize=1)
def _maps(flow: Flow, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return the previous position of each pixel, (h, w, 2), and its confidence once per channel, (h, w, 3).

    Cached, because residual and pending part travel along the same flow.
    """
    flow = flow.at(shape)
    return _grid(shape) + flow.vectors, cv2.merge([flow.confidence] * 3)


@functools.lru_cache(maxsize=4)
def _grid(shape: Shape) -> np.ndarray:
    """Return the position (x, y) of each pixel, float32 (h, w, 2). Cached: do not change it."""
    return np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(np.float32)
