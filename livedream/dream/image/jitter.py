"""The jitter of a step: how far a picture is rolled around its edges before it, at random."""

import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape
from livedream.dream.native import kernels

Shift = tuple[int | Tensor, int | Tensor]
"""How far down and right, in pixels. Tensors are whole numbers without shape, on the device of the picture."""


def draw_shift(seed: int, number: int, step: int, most: int, octave: Shape) -> tuple[int, int]:
    """Return the shift (down, right) in pixels of a step, drawn from (seed, number of the frame, step) alone.

    So a run repeats. most: how far at most; a roll by half a side of the octave or more would be a roll the other way.
    """
    jitter = min(most, min(octave) // 2)
    down, right = np.random.default_rng((seed, number, step)).integers(-jitter, jitter, 2, endpoint=True)
    return int(down), int(right)


def roll(picture: Tensor, shift: Shift) -> Tensor:
    """Return `picture`, (n, channels, h, w), rolled by `shift`. By tensors, the result has its channels last.

    torch.roll takes whole numbers of Python alone. In the recording of a CUDA graph such a number would stay for ever
    what it was then, and a number on the device is not known here before the device has done all its work.
    """
    down, right = shift
    if isinstance(down, int) and isinstance(right, int):
        return kernels.roll(picture, down, right)
    height, width = picture.shape[2:]
    rows = (torch.arange(height, device=picture.device) - down) % height
    columns = (torch.arange(width, device=picture.device) - right) % width
    return picture.permute(0, 2, 3, 1)[:, rows[:, None], columns].permute(0, 3, 1, 2)
