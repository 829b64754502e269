"""What was dreamt, and how it travels into the next frame.

The residual is dream minus frame, at the working size: it is what moves, fades and is shown, while the frame itself is
always the camera's. Leak and mean removal keep it bounded: added back in full, frame after frame, a residual brightens
every still scene without end (samim23/DeepDreamAnim, issue 11).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.motion import Flow

# Share of the residual's mean per channel that is taken off at each frame.
_MEAN_LEAK = 0.1


def warp(residual: Tensor, flow: Flow, keep: float) -> Tensor:
    """Return `residual` as the next frame inherits it: moved along `flow`, faded where the flow is not to be trusted.

    residual: float32 (1, 3, h, w); not changed.
    keep: share that lives on, 0..1.
    """
    size = residual.shape[-2:]
    device = residual.device
    vectors = torch.from_numpy(flow.vectors).to(device)[None]
    confidence = torch.from_numpy(flow.confidence).to(device)[None, None]
    height, width = flow.confidence.shape
    # grid_sample counts from -1 to 1 over the whole side, so a pixel of the map of the flow is 2 / side of it.
    offsets = vectors * torch.tensor([2 / width, 2 / height], device=device)
    offsets = F.interpolate(offsets.permute(0, 3, 1, 2), size, mode="bilinear").permute(0, 2, 3, 1)
    moved = F.grid_sample(residual, _grid(size, device) + offsets, padding_mode="border", align_corners=False)
    return moved * (keep * F.interpolate(confidence, size, mode="bilinear"))


def remove_mean(residual: Tensor) -> Tensor:
    """Return `residual` with a part of its mean per channel taken off, so that the picture keeps its brightness."""
    return residual - _MEAN_LEAK * residual.mean((2, 3), keepdim=True)


def _grid(size: torch.Size, device: torch.device) -> Tensor:
    height, width = size
    y = (torch.arange(height, device=device) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=device) + 0.5) * (2 / width) - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
