"""What resize.py and residual.py do with OpenCV, done with tensors: for a GPU, where no frame has to leave it.

They run on a CPU too, and give the same there, but OpenCV takes a quarter to a tenth of the time.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.image.octaves import Shape
from livedream.dream.stream.residual import Carry, remove_mean


def shrink(frame: Tensor, shape: Shape) -> Tensor:
    """Return `frame`, uint8 (h, w, 3), at `shape` (height, width) as float32 (1, 3, h, w), channels last.

    As resize.shrink: halved as often as it goes, then interpolated; without rounding in between.
    """
    picture = frame.permute(2, 0, 1)[None].float()
    while picture.shape[2] >= 2 * shape[0] and picture.shape[3] >= 2 * shape[1]:
        # An odd side to the even one below it: a mean over two pixels would leave the last one out, bit by bit.
        even = picture.shape[2] // 2 * 2, picture.shape[3] // 2 * 2
        picture = F.avg_pool2d(_resized(picture, even), 2)
    return _resized(picture, shape).contiguous(memory_format=torch.channels_last)


def _resized(picture: Tensor, shape: Shape) -> Tensor:
    return picture if picture.shape[2:] == shape else F.interpolate(picture, shape, mode="bilinear")


def warp(residual: Tensor, vectors: Tensor, confidence: Tensor, keep: float) -> Tensor:
    """Return `residual`, float32 (1, 3, h, w), moved along the flow and faded, as residual.warp does.

    vectors: float32 (height, width, 2): those of the flow, x and y, in pixels of this map. confidence: (height, width).
    """
    height, width = confidence.shape
    # grid_sample counts from -1 to 1 over the whole side, so a pixel is 2 / side of it, and its middle half of that.
    maps = torch.stack((vectors[..., 0] * (2 / width), vectors[..., 1] * (2 / height), confidence * keep))
    x, y, share = F.interpolate(maps[None], residual.shape[2:], mode="bilinear")[0]
    rows, columns = residual.shape[2:]
    x = x + ((torch.arange(columns, device=x.device) + 0.5) * (2 / columns) - 1)
    y = y + ((torch.arange(rows, device=y.device) + 0.5) * (2 / rows) - 1)[:, None]
    moved = F.grid_sample(residual, torch.stack((x, y), -1)[None], padding_mode="border", align_corners=False)
    return moved * share


def warp_and_add(
    picture: Tensor, carry: Carry, vectors: Tensor, confidence: Tensor, keep: float
) -> tuple[Tensor, Tensor | None]:
    """Return what residual.warp_and_add does. For the flow, see warp."""
    moved = remove_mean(warp(carry.residual, vectors, confidence, keep))
    return picture + moved, None if carry.pending is None else warp(carry.pending, vectors, confidence, 1.0)


def compose(frame: Tensor, residual: Tensor, strength: float) -> Tensor:
    """Return `frame`, uint8 (h, w, 3), with the dream added at its full size, as resize.compose does.

    residual: float32 (1, 3, working height, working width).
    """
    grown = F.interpolate(residual * strength, frame.shape[:2], mode="bilinear")[0].permute(1, 2, 0)
    return (grown + frame).round_().clamp_(0, 255).to(torch.uint8).contiguous()
