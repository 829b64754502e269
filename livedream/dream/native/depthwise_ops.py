"""Depthwise convolutions by depthwise.c: each channel by itself, with padding of any kind, the ReLU or ReLU6 behind it,
and on the way back also the one before it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from livedream.dream.native import library
from livedream.dream.native.ops import NO_BORDER, Border, Convolution, Gradients, Values, add, padding_of

_LAST = torch.channels_last
_LEAST_CHANNELS = 16
"""Numbers in a vector of the widest processor."""


def is_depthwise(module: nn.Conv2d, border: Border) -> bool:
    """Whether `Depthwise` knows it: square kernels of 3 and 5, strides of 1 and 2, channels by eights.

    Raises UnfusableError for padding with something else than zeros.
    """
    channels = module.in_channels
    alone = module.groups == channels == module.out_channels and channels >= _LEAST_CHANNELS and channels % 8 == 0
    (high, wide), (down, across) = module.kernel_size, module.stride
    fits = high == wide and high in (3, 5) and down == across and down in (1, 2) and module.dilation == (1, 1)
    return alone and fits and max(padding_of(module)) + max(border) < high


class Depthwise(Convolution):
    """See `is_depthwise`. Where nothing was compiled it is a convolution like others."""

    def __init__(self, output: int, part: int, module: nn.Conv2d, border: Border = NO_BORDER) -> None:
        super().__init__(output, [part], [module.in_channels], module, border=border)
        self.maker: Convolution | None = None
        """What made the input, if its ReLU is undone here: nothing else reads the input."""
        self._weight = module.weight.detach().float().flatten(1).t().contiguous()
        bias = torch.zeros(module.out_channels) if module.bias is None else module.bias.detach().float()
        self._start = bias.contiguous()
        (self._size, _), (self._stride, _) = module.kernel_size, module.stride
        (down, across), (before, after, above, below) = padding_of(module), border
        self._around = (above + down, below + down), (before + across, after + across)
        """Rows of zeros above and below, and columns before and after."""

    def forward(self, values: Values) -> None:
        (part,) = self.parts
        x = values[part]
        kernel = library.kernel("depthwise", x.dtype)
        if kernel is None:
            super().forward(values)
            return
        x = x.contiguous(memory_format=_LAST)
        how = self._how(x.shape)
        number, _, _, channels, rows, columns, *_ = how
        result = torch.empty((number, channels, rows, columns), dtype=x.dtype, memory_format=_LAST)
        masks = _mask_for(x, how[-2]), _mask_for(result, how[-1])
        kernel((x, self._weight, self._start, result, *masks), *how)
        values[self.output], values.masks[self.output] = result, masks

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        masks = values.masks.get(self.output)
        kernel = library.kernel("depthwise_back", gradient.dtype)
        if kernel is None or masks is None:
            super().backward(values, known, gradient)
            if self.maker is not None:
                known[part] = self.maker.undo(known[part], values[part])
            return
        gradient = gradient.contiguous(memory_format=_LAST)
        shape = values[part].shape
        before = torch.empty(shape, dtype=gradient.dtype, memory_format=_LAST)
        kernel((gradient, self._weight, before, *masks), *self._how(shape))
        add(known, part, before)

    def _how(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return a Depthwise of depthwise.c for an input of `shape`."""
        number, channels, *sides = shape
        behind = [
            (side + sum(around) - self._size) // self._stride + 1
            for side, around in zip(sides, self._around, strict=True)
        ]
        (top, _), (left, _) = self._around
        rectifiers = 0 if self.maker is None else _kind(self.maker), _kind(self) if self.unrectifies else 0
        return number, *sides, channels, *behind, self._size, self._stride, top, left, *rectifiers


def _mask_for(x: Tensor, rectifier: int) -> Tensor:
    """Return room for a bit for each number of `x`, eight channels in a byte; for none without a rectifier."""
    number, channels, height, width = x.shape
    shape = (number, channels // 8, height, width) if rectifier else (1, 1, 1, 1)
    return torch.empty(shape, dtype=torch.uint8, memory_format=_LAST)


def _kind(step: Convolution) -> int:
    """Return which rectifier is behind `step`, as depthwise.c counts them."""
    return 0 if not step.rectified else 1 if step.ceiling is None else 2
