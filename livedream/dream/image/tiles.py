"""Large pictures in tiles, so that the network never sees, and never has to remember, more than a part at once.

Each tile brings a margin along that is thrown away: near its edges a gradient lacks what would come from beyond. Where
the tiles meet changes from step to step. So no seams appear. Sources: TensorFlow 1's deepdream notebook
(`calc_grad_tiled`) and Hvass-Labs/TensorFlow-Tutorials, 14, both with offsets drawn for each step; the margins are
ours.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from livedream.dream.image.octaves import Shape

MARGIN = 64
"""Pixels that a tile sees beyond what it is for."""
GRID = 32
"""What the corners of all tiles are multiples of: the stride of the networks, so that a tile sees just what the whole
picture would show at that place."""

LEAST = 256 - GRID
"""Pixels that a tile sees at least: in less, the rows at the edges that a layer leaves out weigh too much."""
LEAST_SIDE = LEAST + GRID
"""Of tiles that always see so much."""


class Span(NamedTuple):
    """A stretch of the height, or of the width."""

    inner: tuple[int, int]
    """From and to: what it is for."""
    seen: tuple[int, int]
    """From and to: the same with its margins."""


class Tile(NamedTuple):
    """A part of a picture."""

    down: Span
    across: Span


def tiles(shape: Shape, side: int, draw: np.random.Generator) -> list[Tile]:
    """Cut a picture of `size` (height, width) into tiles; none when it is no larger than one.

    side: height and width of a tile with its margins at most, in pixels, at least LEAST_SIDE. draw: where the
        cuts are.
    """
    if max(shape) <= side:
        return []
    down, across = (_spans(length, side, int(draw.integers(side))) for length in shape)
    return [Tile(row, column) for row in down for column in across]


def join(
    picture: Tensor,
    parts: Sequence[Tile],
    gradient: Callable[[Tensor], Tensor],
    on_tile: Callable[[float], None] | None = None,
) -> Tensor:
    """Return the gradient of `picture`, (1, 3, h, w), from that of each of its parts.

    on_tile: called after each part with the share of them that is done.
    """
    whole = torch.empty_like(picture)
    for number, (down, across) in enumerate(parts, 1):
        top, left = down.seen[0], across.seen[0]
        seen = picture[:, :, slice(*down.seen), slice(*across.seen)].contiguous(memory_format=torch.channels_last)
        rows = slice(down.inner[0] - top, down.inner[1] - top)
        columns = slice(across.inner[0] - left, across.inner[1] - left)
        # An objective is a mean over what is seen; a smaller part would weigh its pixels higher.
        weight = seen[0, 0].numel() / picture[0, 0].numel()
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
