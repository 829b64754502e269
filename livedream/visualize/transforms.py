"""How a picture is shaken before the network looks at it, so that no single pixel counts: lucid's transformations.

Padded with grey, shifted by up to 8 pixels, scaled by 0.9 to 1.1, rotated by up to 10 degrees and shifted by up to 4
again. One affine map does what those five do one after the other: one interpolation instead of two. Unlike lucid's the
result is as large as the picture, a seventh less work: what moves out of it is cut off.

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


def shake(pictures: Tensor, seed: int, step: int) -> Tensor:
    """Return `pictures`, (n, 3, size, size) in 0..1, as step number `step` shows them to the network: all alike.

    What is drawn depends on (seed, step) alone. The result has the size of the pictures.
    """
    size = pictures.shape[-1]
    draw = np.random.default_rng((seed, step))
    right, down = sum((draw.uniform(-shift / 2, shift / 2, 2) for shift in _SHIFTS), np.zeros(2))
    angle = math.radians(draw.uniform(-_DEGREES, _DEGREES))
    # From a pixel of the result to its place in the picture, both counted from -1 to 1 over the whole side.
    length = 1 / draw.choice(_SCALES)
    cos, sin = length * math.cos(angle), length * math.sin(angle)
    # The middles of the pixels. By hand: F.affine_grid is a product of matrices so thin that it takes 0.3 ms.
    x = (torch.arange(size, device=pictures.device) + 0.5) * (2 / size) - 1
    y = x[:, None]
    grid = torch.stack((cos * x - sin * y + 2 * right / size, sin * x + cos * y + 2 * down / size), -1)
    grid = grid.expand(len(pictures), -1, -1, -1)
    # Beyond the edge is zero, which is grey here.
    return F.grid_sample(pictures - _GREY, grid, padding_mode="zeros", align_corners=False) + _GREY
