"""Preconditioning of the gradient: colours and detail like those of photographs.

The gradient of a network with respect to pixels favours features that photographs do not have: saturated green and
magenta, and fine grain. lucid avoids both in images drawn from noise by optimising decorrelated colours in frequency
space. For a dream on top of a video a linear map of the gradient has the same effect, and is cheap enough for every
step:

- Colour: each pixel of the gradient is multiplied by `V diag((w / max w)^p) V^T`, where w and V are the eigenvalues and
  eigenvectors of the covariance of the colours of ImageNet.
- Detail: level k of a Laplacian pyramid of the gradient is multiplied by `2^(a k)`. Unlike the normalised pyramid of
  TensorFlow's notebook, a silent level stays silent.

Source: C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill, 2017, section "Preconditioning and
Parameterization", and tensorflow/lucid, `optvis/param/color.py`, the source of the covariance.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.native import kernels

T = TypeVar("T", float, Tensor)

# A square root of the covariance of the colours of ImageNet: red, green and blue in rows.
_COLOR_ROOT = np.array(((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03)))
LEVELS = 5
"""Number of levels of the pyramid; the last one is the rest after four halvings."""
SMALLEST_SIDE = 8
"""A level with a shorter side, in pixels, is not halved again."""
# Halving applies a Gaussian of sigma 1 and takes the mean of each pair of pixels: a variance of 1 + 1/4. These binomial
# weights have exactly that variance, with half of the additions.
_HALVING = (1 / 32, 5 / 32, 10 / 32, 10 / 32, 5 / 32, 1 / 32)
_REACH = 2
"""Number of pixels that the weights extend beyond the pair."""


class Preconditioner(NamedTuple):
    """A linear map of a gradient, as Python floats."""

    colors: tuple[float, ...]
    """The 3x3 matrix for each pixel (red, green, blue), row by row."""
    levels: tuple[float, ...]
    """The factor of each level of the pyramid, from the finest to the coarsest; LEVELS of them."""

    @property
    def keeps_levels(self) -> bool:
        """Whether all levels have the same factor, so that no pyramid is needed."""
        return len(set(self.levels)) == 1

    def factors(self, count: int) -> tuple[float, ...]:
        """Return the factors of the blurred images of a pyramid of `count` levels, see `_factor`."""
        return tuple(_factor(self.levels, number) for number in range(count))


class TensorPreconditioner(NamedTuple):
    """A Preconditioner as tensors on a device, so that a recorded CUDA graph reads new values at each replay."""

    colors: Tensor
    """float32 (3, 3)."""
    levels: Tensor
    """float32 (LEVELS,)."""


@functools.lru_cache(maxsize=64)
def preconditioner(natural_color: float, coarseness: float) -> Preconditioner:
    """Return the map for the controls of these names.

    Args:
        natural_color: the exponent p of the colours; 0 leaves them unchanged, 1 is lucid's colour space.
        coarseness: the exponent a of the levels; 0 leaves them unchanged.
    """
    levels = tuple(2.0 ** (coarseness * level) for level in range(LEVELS))
    return Preconditioner(tuple(map(float, color_matrix(natural_color).flat)), levels)


def color_matrix(exponent: float) -> np.ndarray:
    """Return `V diag((w / max w)^exponent) V^T`, float64 (3, 3), of the covariance of the colours of ImageNet."""
    values, vectors = np.linalg.eigh(_COLOR_ROOT @ _COLOR_ROOT.T)
    return (vectors * (values / values.max()) ** exponent) @ vectors.T


PLAIN = preconditioner(0.0, 0.0)
"""The identity."""


def precondition_and_measure(gradient: Tensor, by: Preconditioner) -> tuple[Tensor, float]:
    """Precondition a gradient on a CPU, with the compiled kernels if possible.

    Args:
        gradient: float32 (1, 3, h, w).
        by: the preconditioner.

    Returns:
        The preconditioned gradient, and its mean absolute value, which is not finite if the gradient has such values.
    """
    if by == PLAIN:
        return gradient, kernels.absolute_mean(gradient)
    if not kernels.handles_gradient(gradient):
        result = precondition(gradient, by)
        return result, kernels.absolute_mean(result)
    height, width = gradient.shape[2:]
    shapes = [(height, width)] if by.keeps_levels else pyramid_shapes(height, width)
    return kernels.precondition(gradient, by.colors, by.factors(len(shapes)), shapes)


def precondition(gradient: Tensor, by: Preconditioner | TensorPreconditioner) -> Tensor:
    """Return the preconditioned `gradient`, float32 (1, 3, h, w), on any device.

    On a CPU `precondition_and_measure` is faster.
    """
    if isinstance(by, Preconditioner):
        if by == PLAIN:
            return gradient
        by = TensorPreconditioner(
            torch.tensor(by.colors, device=gradient.device).view(3, 3), torch.tensor(by.levels, device=gradient.device)
        )
    # Sums of products: a matrix product would use TF32 on a GPU where that is enabled.
    pixels = (gradient[:, None] * by.colors.view(1, 3, 3, 1, 1)).sum(2)
    pyramid = [pixels]
    for _ in pyramid_shapes(pixels.shape[2], pixels.shape[3])[1:]:
        pyramid.append(_halved(pyramid[-1]))
    levels = by.levels.unbind()
    factors = [_factor(levels, number) for number in range(len(pyramid))]
    result = pyramid[-1] * factors[len(pyramid) - 1]
    for number in range(len(pyramid) - 2, -1, -1):
        level = pyramid[number]
        result = level * factors[number] + _doubled(result, (level.shape[2], level.shape[3]))
    return result


def _factor(levels: Sequence[T], number: int) -> T:
    """Return the factor of the blurred image of level `number`, before it is enlarged to full size and added.

    With levels L_k = G_k - up(G_(k+1)) of the blurred images G_k, the sum of w_k L_k is that of (w_k - w_(k-1)) G_k,
    each enlarged to full size. So the levels L_k are never computed.
    """
    return levels[number] - levels[number - 1] if number else levels[0]


def pyramid_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of each level of the pyramid, from the finest; small images have fewer than LEVELS."""
    shapes = [(height, width)]
    while len(shapes) < LEVELS and min(shapes[-1]) >= SMALLEST_SIDE:
        height, width = shapes[-1]
        shapes.append(((height + 1) // 2, (width + 1) // 2))
    return shapes


@functools.lru_cache(maxsize=16)
def _halving_weights(device: torch.device) -> Tensor:
    """Cached, because a copy to a GPU blocks, and cannot be recorded in a CUDA graph."""
    return torch.tensor(_HALVING, device=device)


def _halved(image: Tensor) -> Tensor:
    """Blur (1, c, h, w) and halve it; odd sides are rounded up, edges repeated."""
    channels, (height, width) = image.shape[1], image.shape[2:]
    weights = _halving_weights(image.device)
    right, below = _REACH + width % 2, _REACH + height % 2
    padded = F.pad(image, (_REACH, right, _REACH, below), mode="replicate")
    across = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    down = weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(padded, down, stride=(2, 1), groups=channels), across, stride=(1, 2), groups=channels)


def _doubled(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Interpolate to twice the sides, and cut to `shape` (height, width), which may be odd."""
    return F.interpolate(image, scale_factor=2, mode="bilinear")[:, :, : shape[0], : shape[1]]
