"""Depthwise convolutions by depthwise.c, fused with asymmetric padding, the ReLU or ReLU6 after them, and backward also
the one before them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from livedream.dream.native import library
from livedream.dream.native.convolution_ops import NO_PADDING, Convolution, Padding, padding_of
from livedream.dream.native.ops import Gradients, Values, add

_LAST = torch.channels_last
_LEAST_CHANNELS = 16
"""Elements in the widest vector register."""


def is_depthwise(module: nn.Conv2d, padding: Padding) -> bool:
    """Return whether `Depthwise` supports a convolution: kernels of 3x3 or 5x5, strides 1 or 2, channels in eights.

    Raises:
        UnsupportedLayerError: it pads with something other than zeros.
    """
    channels = module.in_channels
    is_depthwise = module.groups == channels == module.out_channels
    fits_vectors = channels >= _LEAST_CHANNELS and channels % 8 == 0
    (height, width), (down, across) = module.kernel_size, module.stride
    fits_kernel = height == width and height in (3, 5) and down == across and down in (1, 2)
    fits_padding = max(padding_of(module)) + max(padding) < height
    return is_depthwise and fits_vectors and fits_kernel and module.dilation == (1, 1) and fits_padding


class Depthwise(Convolution):
    """A depthwise convolution, see `is_depthwise`. Without the compiled library it is done by oneDNN."""

    def __init__(self, output: int, part: int, module: nn.Conv2d, padding: Padding = NO_PADDING) -> None:
        super().__init__(output, [part], [module.in_channels], module, padding=padding)
        self.producer: Convolution | None = None
        """The layer before, if its ReLU's backward is included here: nothing else reads the input then."""
        self._weight = module.weight.detach().float().flatten(1).t().contiguous()
        bias = torch.zeros(module.out_channels) if module.bias is None else module.bias.detach().float()
        self._float_bias = bias.contiguous()
        (self._kernel_size, _), (self._stride, _) = module.kernel_size, module.stride
        (down, across), (left, right, above, below) = padding_of(module), padding
        self._total_padding = (above + down, below + down), (left + across, right + across)
        """Rows of zeros above and below, and columns on the left and right."""

    def forward(self, values: Values) -> None:
        (part,) = self.parts
        x = values[part]
        kernel = library.kernel("depthwise", x.dtype)
        if kernel is None:
            super().forward(values)
            return
        x = x.contiguous(memory_format=_LAST)
        geometry = self._geometry(x.shape)
        number, _, _, channels, rows, columns, *_ = geometry
        result = torch.empty((number, channels, rows, columns), dtype=x.dtype, memory_format=_LAST)
        masks = _empty_mask(x, geometry[-2]), _empty_mask(result, geometry[-1])
        kernel((x, self._weight, self._float_bias, result, *masks), *geometry)
        values[self.output], values.masks[self.output] = result, masks

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        masks = values.masks.get(self.output)
        kernel = library.kernel("depthwise_back", gradient.dtype)
        if kernel is None or masks is None:
            super().backward(values, gradients, gradient)
            if self.producer is not None:
                gradients[part] = self.producer.relu_backward(gradients[part], values[part])
            return
        gradient = gradient.contiguous(memory_format=_LAST)
        shape = values[part].shape
        result = torch.empty(shape, dtype=gradient.dtype, memory_format=_LAST)
        kernel((gradient, self._weight, result, *masks), *self._geometry(shape))
        add(gradients, part, result)

    def _geometry(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the fields of the struct Depthwise in depthwise.c for an input of `shape` (n, channels, h, w)."""
        number, channels, *input_shape = shape
        output_shape = [
            (side + sum(padding) - self._kernel_size) // self._stride + 1
            for side, padding in zip(input_shape, self._total_padding, strict=True)
        ]
        (top, _), (left, _) = self._total_padding
        own_relu = _relu_kind(self) if self.applies_relu_backward else 0
        relus = 0 if self.producer is None else _relu_kind(self.producer), own_relu
        return number, *input_shape, channels, *output_shape, self._kernel_size, self._stride, top, left, *relus


def _empty_mask(x: Tensor, relu_kind: int) -> Tensor:
    """Return memory for one bit per element of `x`, eight channels in a byte; a single byte if there is no ReLU."""
    number, channels, height, width = x.shape
    shape = (number, channels // 8, height, width) if relu_kind else (1, 1, 1, 1)
    return torch.empty(shape, dtype=torch.uint8, memory_format=_LAST)


def _relu_kind(step: Convolution) -> int:
    """Return the kind of ReLU after `step`, numbered as in depthwise.c."""
    return 0 if not step.has_relu else 1 if step.ceiling is None else 2
