"""Gradients of large images in tiles, so that the network needs memory for only a part of the image at a time.

Each tile has a margin that is discarded, because the gradient near its edges lacks contributions from beyond them. The
borders between tiles change from step to step. So no seams appear. Sources: TensorFlow 1's deepdream notebook
(`calc_grad_tiled`) and Hvass-Labs/TensorFlow-Tutorials, 14, both with random offsets at each step; the margins are an
addition.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape

MARGIN = 64
"""Width of the margin of a tile, in pixels."""
GRID = 32
"""The corners of all tiles are multiples of this, the stride of the networks, so that a layer computes the same in a
tile as in the whole image."""

LEAST = 256 - GRID
"""Shortest side of a tile with its margins, in pixels: in smaller ones the dropped edge rows weigh too much."""
LEAST_SIDE = LEAST + GRID
"""Smallest tile size that `tiles` accepts."""


class Span(NamedTuple):
    """The extent of a tile along one axis."""

    inner: tuple[int, int]
    """Start and end of the part that is used."""
    seen: tuple[int, int]
    """Start and end of the same part with its margins."""


class Tile(NamedTuple):
    """A part of an image."""

    down: Span
    across: Span


def tiles(shape: Shape, side: int, draw: np.random.Generator) -> list[Tile]:
    """Divide an image of `shape` (height, width) into tiles; return none if it fits into one.

    Args:
        shape: of the image.
        side: largest height and width of a tile with its margins, in pixels; at least LEAST_SIDE.
        draw: determines the positions of the borders.
    """
    if max(shape) <= side:
        return []
    down, across = (_spans(length, side, int(draw.integers(side))) for length in shape)
    return [Tile(row, column) for row in down for column in across]


def join(
    image: Tensor,
    parts: Sequence[Tile],
    gradient: Callable[[Tensor], Tensor],
    on_tile: Callable[[float], None] | None = None,
) -> Tensor:
    """Return the gradient of an image, computed tile by tile.

    Args:
        image: float32 (1, 3, h, w).
        parts: what `tiles` returned.
        gradient: returns the gradient of a tile.
        on_tile: called after each tile with the share of tiles that are done.
    """
    whole = torch.empty_like(image)
    for number, (down, across) in enumerate(parts, 1):
        top, left = down.seen[0], across.seen[0]
        seen = image[:, :, slice(*down.seen), slice(*across.seen)].contiguous(memory_format=torch.channels_last)
        rows = slice(down.inner[0] - top, down.inner[1] - top)
        columns = slice(across.inner[0] - left, across.inner[1] - left)
        # An objective is a mean over the tile: the pixels of a smaller tile would get a higher weight.
        weight = seen[0, 0].numel() / image[0, 0].numel()
        whole[:, :, slice(*down.inner), slice(*across.inner)] = gradient(seen)[:, :, rows, columns] * weight
        if on_tile is not None:
            on_tile(number / len(parts))
    return whole


def _spans(length: int, side: int, offset: int) -> list[Span]:
    return list(_cut(length, side, offset)) if length > side else [Span((0, length), (0, length))]


def _cut(length: int, side: int, offset: int) -> Iterator[Span]:
    step = (side - 2 * MARGIN) // GRID * GRID
    first = offset % step // GRID * GRID
    cuts = [0, *range(first or step, length, step), length]
    for begin, end in itertools.pairwise(cuts):
        start, stop = max(0, begin - MARGIN), min(end + MARGIN, length)
        start = max(0, min(start, (stop - LEAST) // GRID * GRID))
        yield Span((begin, end), (start, max(stop, min(start + LEAST, length))))
