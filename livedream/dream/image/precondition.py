"""Preconditioning of the gradient: colours and detail as photographs have them.

The gradient of a network with respect to pixels favours what photographs never hold: saturated green and magenta, and
fine grain. lucid avoids both for pictures drawn from noise: it optimises decorrelated colours in frequency space. For a
dream on top of a video the same effect is a linear map of the gradient, cheap enough for every step:

- Colour: each pixel of the gradient is multiplied by `V diag((w / max w)^p) V^T`, where w and V are the eigenvalues and
  eigenvectors of the covariance of the colours of ImageNet.
- Detail: level k of a Laplacian pyramid of the gradient is multiplied by `2^(a k)`. Unlike the normalised pyramid of
  TensorFlow's notebook, a silent level stays silent.

Source: C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill, 2017, section "Preconditioning and
Parameterization", and tensorflow/lucid, `optvis/param/color.py`, from which the covariance is.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

T = TypeVar("T", float, Tensor)

# A square root of the covariance of the colours of ImageNet: red, green and blue in rows.
_COLOR_ROOT = np.array(((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03)))
LEVELS = 5
"""Levels of the pyramid, the last of which is what is left after four halvings."""
SMALLEST_SIDE = 8
"""A level with a shorter side than this, in pixels, is not halved again."""
# Halving blurs by a Gaussian of sigma 1 and takes the mean of each pair of pixels: a variance of 1 + 1/4, which these
# binomial weights have exactly, in half of the additions.
_HALVING = (1 / 32, 5 / 32, 10 / 32, 10 / 32, 5 / 32, 1 / 32)
_REACH = 2
"""Pixels that the weights reach beyond the pair."""


class Preconditioner(NamedTuple):
    """A linear map of a gradient, as numbers."""

    colors: tuple[float, ...]
    """The 3x3 matrix that each pixel (red, green, blue) is multiplied by, row by row."""
    levels: tuple[float, ...]
    """The factor of each level of the pyramid, from the finest to the coarsest; LEVELS of them."""

    @property
    def keeps_levels(self) -> bool:
        """Whether all levels have the same factor, so that no pyramid is needed."""
        return len(set(self.levels)) == 1

    def factors(self, count: int) -> tuple[float, ...]:
        """Return the factors of the blurred pictures of a pyramid of `count` levels, see `_factor`."""
        return tuple(_factor(self.levels, number) for number in range(count))


class TensorPreconditioner(NamedTuple):
    """A Preconditioner whose numbers lie on a device, where a recorded CUDA graph finds new ones at each replay."""

    colors: Tensor
    """float32 (3, 3)."""
    levels: Tensor
    """float32 (LEVELS,)."""


@functools.lru_cache(maxsize=64)
def preconditioner(natural_color: float, coarseness: float) -> Preconditioner:
    """Return the map for the controls of that name.

    Args:
        natural_color: the exponent p of the colours; 0 leaves them as they are, 1 is lucid's space.
        coarseness: the exponent a of the levels; 0 leaves them as they are.
    """
    levels = tuple(2.0 ** (coarseness * level) for level in range(LEVELS))
    return Preconditioner(tuple(map(float, color_matrix(natural_color).flat)), levels)


def color_matrix(exponent: float) -> np.ndarray:
    """Return `V diag((w / max w)^exponent) V^T`, float64 (3, 3), of the covariance of the colours of ImageNet."""
    values, vectors = np.linalg.eigh(_COLOR_ROOT @ _COLOR_ROOT.T)
    return (vectors * (values / values.max()) ** exponent) @ vectors.T


PLAIN = preconditioner(0.0, 0.0)
"""Leaves a gradient as it is."""


def precondition(gradient: Tensor, by: Preconditioner | TensorPreconditioner) -> Tensor:
    """Return `gradient`, float32 (1, 3, h, w), preconditioned. Any device; kernels.precondition is faster on a CPU."""
    if isinstance(by, Preconditioner):
        if by == PLAIN:
            return gradient
        by = TensorPreconditioner(
            torch.tensor(by.colors, device=gradient.device).view(3, 3), torch.tensor(by.levels, device=gradient.device)
        )
    # Sums of products, not a matrix product: that would be in TF32 on a GPU that is told to use it.
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
    """Return by what the blurred picture of level `number` is multiplied before it is brought to full size and added.

    With levels L_k = G_k - up(G_(k+1)) of the blurred pictures G_k, the sum of w_k L_k is that of (w_k - w_(k-1)) G_k,
    each brought to full size: no level has to be made.
    """
    return levels[number] - levels[number - 1] if number else levels[0]


def pyramid_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of each level of the pyramid, from the finest; small pictures have fewer than LEVELS."""
    shapes = [(height, width)]
    while len(shapes) < LEVELS and min(shapes[-1]) >= SMALLEST_SIDE:
        height, width = shapes[-1]
        shapes.append(((height + 1) // 2, (width + 1) // 2))
    return shapes


@functools.lru_cache(maxsize=16)
def _halving_weights(device: torch.device) -> Tensor:
    """Kept, for each copy to a GPU would be waited for, and none can be recorded in a CUDA graph."""
    return torch.tensor(_HALVING, device=device)


def _halved(picture: Tensor) -> Tensor:
    """Blur (1, c, h, w) and halve it; odd sides are rounded up, edges repeated."""
    channels, (height, width) = picture.shape[1], picture.shape[2:]
    weights = _halving_weights(picture.device)
    right, below = _REACH + width % 2, _REACH + height % 2
    padded = F.pad(picture, (_REACH, right, _REACH, below), mode="replicate")
    across = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    down = weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(padded, down, stride=(2, 1), groups=channels), across, stride=(1, 2), groups=channels)


def _doubled(picture: Tensor, shape: tuple[int, int]) -> Tensor:
    """Interpolate to twice the sides; the last row or column is left out where `size` (height, width) is odd."""
    return F.interpolate(picture, scale_factor=2, mode="bilinear")[:, :, : shape[0], : shape[1]]
