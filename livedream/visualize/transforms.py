"""Random transformations of an image before the network sees it, so that no single pixel matters.

They are lucid's: padding with grey, a shift of up to 8 pixels, scaling by 0.9 to 1.1, a rotation of up to 10 degrees
and another shift of up to 4 pixels. A single affine map replaces them, with one interpolation instead of two. Unlike
lucid's, the result has the size of the image, a seventh less work: parts that leave it are cut off.

Source: tensorflow/lucid, `optvis/transform.py`, `standard_transforms`.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_SHIFTS = (8, 4)
_SCALES = (0.9, 0.95, 0.975, 1.0, 1.025, 1.05, 1.1)
_DEGREES = 10
_GREY = 0.5


def shake(images: Tensor, seed: int, step: int) -> Tensor:
    """Return the transformed `images`, (n, 3, size, size) in 0..1, for one step; the transformation is the same for
    all.

    It depends only on `seed` and `step`. The result has the shape of `images`.
    """
    size = images.shape[-1]
    draw = np.random.default_rng((seed, step))
    right, down = sum((draw.uniform(-shift / 2, shift / 2, 2) for shift in _SHIFTS), np.zeros(2))
    angle = math.radians(draw.uniform(-_DEGREES, _DEGREES))
    # From a pixel of the result to its position in the image, both from -1 to 1 over the whole side.
    length = 1 / draw.choice(_SCALES)
    cos, sin = length * math.cos(angle), length * math.sin(angle)
    # The centres of the pixels. Not by F.affine_grid, whose product of thin matrices takes 0.3 ms.
    x = (torch.arange(size, device=images.device) + 0.5) * (2 / size) - 1
    y = x[:, None]
    grid = torch.stack((cos * x - sin * y + 2 * right / size, sin * x + cos * y + 2 * down / size), -1)
    grid = grid.expand(len(images), -1, -1, -1)
    # Zero beyond the edge, which is grey here.
    return F.grid_sample(images - _GREY, grid, padding_mode="zeros", align_corners=False) + _GREY
