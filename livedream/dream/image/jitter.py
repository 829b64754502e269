"""Jitter: a random roll of the image before each step."""

import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape
from livedream.dream.native import kernels

Shift = tuple[int | Tensor, int | Tensor]
"""Pixels (down, right). Tensors are integer scalars on the device of the image."""


def draw_shift(seed: int, number: int, step: int, most: int, octave: Shape) -> tuple[int, int]:
    """Return the shift (down, right) of a step, in pixels. It depends only on the arguments, so a run repeats.

    Args:
        seed: of the dream.
        number: index of the frame.
        step: index of the step within the frame.
        most: largest shift in each direction. It is limited to half a side: a longer roll is one in the other
            direction. octave: (height, width) of the octave.
    """
    jitter = min(most, min(octave) // 2)
    down, right = np.random.default_rng((seed, number, step)).integers(-jitter, jitter, 2, endpoint=True)
    return int(down), int(right)


def roll(image: Tensor, shift: Shift) -> Tensor:
    """Return `image`, (n, channels, h, w), rolled by `shift`. With tensors, the result is channels-last.

    torch.roll accepts only Python integers. A CUDA graph would record their values as constants, and reading them from
    a tensor would wait for the device.
    """
    down, right = shift
    if isinstance(down, int) and isinstance(right, int):
        return kernels.roll(image, down, right)
    height, width = image.shape[2:]
    rows = (torch.arange(height, device=image.device) - down) % height
    columns = (torch.arange(width, device=image.device) - right) % width
    return image.permute(0, 2, 3, 1)[:, rows[:, None], columns].permute(0, 3, 1, 2)
