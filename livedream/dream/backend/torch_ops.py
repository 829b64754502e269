"""The functions of resize.py and residual.py with tensors instead of OpenCV, so that a frame stays on the GPU.

On a CPU they give the same results, but OpenCV takes a quarter to a tenth of the time.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.image.octaves import Shape
from livedream.dream.motion.residual import Carry, remove_mean


def shrink(frame: Tensor, shape: Shape) -> Tensor:
    """Return `frame`, uint8 (h, w, 3), at `shape` (height, width), as float32 (1, 3, h, w), channels last.

    Like resize.shrink it halves the frame as often as possible and then interpolates, but without rounding in between.
    """
    image = frame.permute(2, 0, 1)[None].float()
    while image.shape[2] >= 2 * shape[0] and image.shape[3] >= 2 * shape[1]:
        # Odd sides become even first: the mean over pairs of pixels would leave out the last one each time.
        even = image.shape[2] // 2 * 2, image.shape[3] // 2 * 2
        image = F.avg_pool2d(_resized(image, even), 2)
    return _resized(image, shape).contiguous(memory_format=torch.channels_last)


def _resized(image: Tensor, shape: Shape) -> Tensor:
    return image if image.shape[2:] == shape else F.interpolate(image, shape, mode="bilinear")


def warp(residual: Tensor, vectors: Tensor, confidence: Tensor, keep: float) -> Tensor:
    """Return `residual` moved along the flow and faded, as residual.warp does.

    Args:
        residual: float32 (1, 3, h, w).
        vectors: float32 (rows, columns, 2), see `Flow.vectors`.
        confidence: float32 (rows, columns), see `Flow.confidence`.
        keep: share that survives where the confidence is 1, 0..1.
    """
    height, width = confidence.shape
    # grid_sample counts from -1 to 1 over the whole side, so a pixel spans 2 / side, and its centre is half of that.
    maps = torch.stack((vectors[..., 0] * (2 / width), vectors[..., 1] * (2 / height), confidence * keep))
    x, y, share = F.interpolate(maps[None], residual.shape[2:], mode="bilinear")[0]
    rows, columns = residual.shape[2:]
    x = x + ((torch.arange(columns, device=x.device) + 0.5) * (2 / columns) - 1)
    y = y + ((torch.arange(rows, device=y.device) + 0.5) * (2 / rows) - 1)[:, None]
    moved = F.grid_sample(residual, torch.stack((x, y), -1)[None], padding_mode="border", align_corners=False)
    return moved * share


def warp_and_add(
    image: Tensor, carry: Carry, vectors: Tensor, confidence: Tensor, keep: float
) -> tuple[Tensor, Tensor | None]:
    """Return what residual.warp_and_add does. For the flow, see warp."""
    moved = remove_mean(warp(carry.residual, vectors, confidence, keep))
    return image + moved, None if carry.pending is None else warp(carry.pending, vectors, confidence, 1.0)


def compose(frame: Tensor, residual: Tensor, strength: float) -> Tensor:
    """Return `frame` with the dream added at its full size, as resize.compose does.

    Args:
        frame: uint8 (h, w, 3).
        residual: float32 (1, 3, rows, columns) at the working size.
        strength: factor of the residual.
    """
    full = F.interpolate(residual * strength, frame.shape[:2], mode="bilinear")[0].permute(1, 2, 0)
    return (full + frame).round_().clamp_(0, 255).to(torch.uint8).contiguous()
