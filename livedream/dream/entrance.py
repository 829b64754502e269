"""The first layers of most networks, a convolution, a ReLU and a max-pool, in strips of rows.

What the convolution gives is the largest of all activations, 3.6 MB in bfloat16 at 448x256 for SqueezeNet: too large
for the cache next to a core. A strip of it is pooled as soon as it is made, and on the way back its gradient goes on to
the picture at once, so that neither ever gets to memory: a step in bfloat16 takes a fifth less time.
"""

from collections.abc import Iterator, Sequence
from math import prod

import torch
from torch import Tensor

from livedream.dream import kernels
from livedream.dream.layers import Convolution, Gradients, MaxPool, Step, ToPicture, Values, add

# Bytes of a strip, for each thread. On a Xeon with 2 MB of cache a core, a step in bfloat16 on one thread took 1.06,
# 0.95, 0.90 and 0.81 of the time without strips with 128, 256, 512 and 1,024 KB: the smaller, the more calls. In
# float32, where multiplying takes longer than the memory, 0.9 to 1.2 of it: there all is one strip up to 640x360.
_STRIP = {torch.bfloat16: 1 << 20, torch.float32: 1 << 24}


class Entrance(Step):
    """A convolution of the picture, its ReLU, and the max-pool that alone reads it."""

    def __init__(self, convolution: Convolution, pool: MaxPool, to_picture: ToPicture) -> None:
        super().__init__(pool.output, convolution.parts)
        self._convolution, self._pool, self._to_picture = convolution, pool, to_picture

    @staticmethod
    def of(convolution: Convolution, pool: Step) -> "Entrance | None":
        """Return both as one step, if they can be."""
        first = convolution.ways_back[0]
        if not (kernels.compiled and convolution.parts == (0,) and isinstance(first, ToPicture)):
            return None
        if not (isinstance(pool, MaxPool) and pool.unrectifies and pool.window.small):
            return None
        return Entrance(convolution, pool, first)

    def forward(self, values: Values) -> None:
        picture = values[0]
        if picture.shape[0] > 1:
            self._convolution.forward(values)
            self._pool.forward(values)
            return
        shape = self._convolution.shape_for(picture.shape)
        pool = kernels.PoolInStrips(self._pool.window, shape, picture.dtype)
        for first, end in _strips(pool.pooled.shape[2], pool):
            pool.pool(self._convolution.rows(picture, *pool.rows_for(first, end)), first, end)
        values[self.output] = pool.pooled
        values.ways_back[self.output] = lambda gradient: self._way_back(gradient, pool, picture.shape)

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        if values[0].shape[0] > 1:
            self._pool.backward(values, known, gradient)
            self._convolution.backward(values, known, known.pop(self._convolution.output))
            return
        add(known, 0, values.ways_back[self.output](gradient))

    def _way_back(self, gradient: Tensor, pool: kernels.PoolInStrips, shape: Sequence[int]) -> Tensor:
        result = torch.empty(tuple(shape), dtype=torch.float32, memory_format=torch.channels_last)
        (down, _), (above, left) = self._to_picture.block, self._to_picture.padding
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        reach, rows = self._to_picture.rows - 1, pool.shape[2]
        for first, end in _strips(rows + reach, pool):
            start, last = max(0, first - reach), min(rows, end)
            blocks = self._to_picture.kernel(pool.back(gradient, start, last))[:, :, first - start : end - start]
            top = max(0, first * down - above)
            # What lies below the last block no window reached.
            bottom = end * down - above if end < rows + reach else shape[2]
            if top < bottom:
                strip = result[:, :, top:bottom]
                kernels.unblock(blocks, (down, self._to_picture.block[1]), (top + above - first * down, left), strip)
        return result


def _strips(rows: int, pool: kernels.PoolInStrips) -> Iterator[tuple[int, int]]:
    """Yield strips of `rows`, from which to before which, that span the whole input of `pool`."""
    whole = prod(pool.shape) * pool.pooled.itemsize
    count = max(1, round(whole / (_STRIP[pool.pooled.dtype] * torch.get_num_threads())))
    size = -(-rows // count)
    for first in range(0, rows, size):
        yield first, min(rows, first + size)
