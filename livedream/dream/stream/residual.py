"""What was dreamt, and how it travels into the next frame.

The residual is dream minus frame, at the working size: it is what moves, fades and is shown, while the frame itself is
always the camera's. Leak and mean removal keep it bounded: added back in full, frame after frame, a residual brightens
every still scene without end (samim23/DeepDreamAnim, issue 11).
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import from_pixels, to_pixels
from livedream.dream.native import kernels
from livedream.dream.stream.motion import Flow

# Share of the residual's mean per channel that is taken off at each frame.
_MEAN_LEAK = 0.1
# Levels at either end of 0..255 to which a dream does not go where the frame does not, so that no light burns out. Of a
# still scene 1.9 % of the pixels were clipped more than in the source itself with none, 0.8 % with 2, 0.2 % with 5.
_HEADROOM = 4.0


class Carry(NamedTuple):
    """What a frame leaves to the next."""

    residual: Tensor
    pending: Tensor | None
    """What is not shown yet of the changes: so the dream shown is their mean in time. None for nothing."""


class FrameResult(NamedTuple):
    carry: Carry
    shown: Tensor
    """The residual that is shown: float32, or int16."""


def warp_and_add(picture: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
    """Return `picture` with what it inherits added, and what is withheld, moved along `flow`, all on the CPU.

    keep: share that lives on, 0..1.
    """
    flow = flow.at((picture.shape[2], picture.shape[3]))
    if kernels.handles_residual(picture, *carry):
        maps = flow.vectors, flow.confidence
        return kernels.warp_and_add(picture, carry.residual, carry.pending, maps, keep, _MEAN_LEAK)
    moved = remove_mean(warp(carry.residual, flow, keep))
    return picture + moved, None if carry.pending is None else warp(carry.pending, flow, 1.0)


def split_residual(
    dream: Tensor, before: Tensor | None, picture: Tensor, pending: Tensor | None, share: float
) -> FrameResult:
    """Return what a frame leaves behind, and what is shown of it. Any device.

    dream: float32 (1, 3, h, w), of which 0..255 counts, but for the last levels at either end. before: the picture with
    what it inherited; None for nothing. withheld: of the frames before. share: of a change that is withheld.
    """
    if share and before is not None and kernels.handles_residual(picture, dream, before, pending):
        residual, held, shown = kernels.split_residual(dream, before, picture, pending, share, _HEADROOM)
        return FrameResult(Carry(residual, held), shown)
    lowest, highest = picture.clamp(max=_HEADROOM), picture.clamp(min=255 - _HEADROOM)
    dream = torch.minimum(torch.maximum(dream, lowest), highest)
    rest = None
    if share and before is not None:
        rest = (dream - before if pending is None else dream - before + pending) * share
    # One layout, always: sums in another order differ in the last bit, and a restored stream would drift off.
    residual = (dream - picture).contiguous(memory_format=torch.channels_last)
    return FrameResult(Carry(residual, rest), residual if rest is None else residual - rest)


def warp(residual: Tensor, flow: Flow, keep: float) -> Tensor:
    """Return `residual` as the next frame inherits it: moved along `flow`, faded where the flow is not to be trusted.

    residual: float32 (1, 3, h, w) on the CPU; not changed.
    keep: share that lives on, 0..1.
    """
    places, share = _maps(flow, (residual.shape[2], residual.shape[3]))
    # One map carries x and y, which OpenCV's stubs do not know. A quarter of grid_sample's time.
    moved = cv2.remap(  # type: ignore[call-overload]
        to_pixels(residual), places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return from_pixels(cv2.multiply(moved, share, scale=keep))


def remove_mean(residual: Tensor) -> Tensor:
    """Return `residual` with a part of its mean per channel taken off, so that the picture keeps its brightness."""
    mean = residual.mean((0, 2, 3))
    # By rows, see DreamNetwork: a quarter of the time on a CPU.
    rows = residual.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten(2)
    faded = rows - (_MEAN_LEAK * mean).repeat(residual.shape[3])
    return faded.view(1, *residual.shape[2:], -1).permute(0, 3, 1, 2)


@functools.lru_cache(maxsize=1)
def _maps(flow: Flow, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel was, and how far that can be trusted, once for each of three channels.

    Kept for the next call: more than one thing travels along the same flow.
    """
    flow = flow.at(shape)
    return _grid(shape) + flow.vectors, cv2.merge([flow.confidence] * 3)


@functools.lru_cache(maxsize=4)
def _grid(shape: Shape) -> np.ndarray:
    """Return the place (x, y) of each pixel, float32 (h, w, 2). Not to be changed."""
    return np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(np.float32)
