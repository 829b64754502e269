"""Convolutions by oneDNN, hand-written for a CPU.

A convolution adds its bias, applies its ReLU and adds to an existing tensor in one pass over memory (oneDNN's
post-ops). Its backward is a convolution too, whose weights are flipped and laid out once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream.dream.native import layer_kernels
from livedream.dream.native.ops import Gradients, Step, UnsupportedLayerError, Values, add

_aten = torch.ops.aten
_onednn = torch.ops.mkldnn
_LAST = torch.channels_last
# oneDNN's kernels write 8 or 16 channels at a time; for 3 or 12 channels it falls back to a slow kernel.
_CHANNELS = 16
# Weights up to this size are kept in oneDNN's layout, for this many shapes of the input (the octaves of a stream). The
# layout takes half of a small layer's time (48 to 384 channels, 3x3, at 14x8, in bfloat16 on one thread: 0.11 of
# 0.20 ms), and little of the time of a layer with many pixels for its weights.
_KEPT_BYTES = 1 << 20
_LAYOUTS = 24

Padding = tuple[int, int, int, int]
"""Columns of zeros on the left and right of an image, and rows above and below it, in torch's order."""
NO_PADDING: Padding = (0, 0, 0, 0)


class _PackedConvolution:
    """A convolution with its weights in oneDNN's layout."""

    def __init__(
        self, weight: Tensor, padding: Sequence[int], stride: Sequence[int], dilation: Sequence[int], groups: int
    ):
        self._weight = weight.contiguous(memory_format=_LAST)
        self._geometry = (list(padding), list(stride), list(dilation), groups)
        self._layouts: dict[tuple[torch.Size, int], Tensor] = {}
        self._worth_keeping = weight.numel() * weight.itemsize <= _KEPT_BYTES

    def __call__(
        self,
        x: Tensor,
        bias: Tensor | None = None,
        onto: Tensor | None = None,
        relu: bool = False,
        ceiling: float | None = None,
    ) -> Tensor:
        """Return the convolution of `x`, optionally added to `onto` and followed by a ReLU.

        Args:
            x: the input.
            bias: (channels,).
            onto: what to add the result to. It is overwritten.
            relu: whether to apply a ReLU.
            ceiling: the upper bound of the ReLU (6 for a ReLU6). Not together with `onto`.
        """
        weight = self._weight_for(x) if self._worth_keeping else self._weight
        if onto is None:
            activation, bounds = "relu" if relu else "none", []
            if ceiling is not None:
                activation, bounds = "hardtanh", [0.0, ceiling]
            return _onednn._convolution_pointwise.default(x, weight, bias, *self._geometry, activation, bounds, "")
        return _onednn._convolution_pointwise_.binary(
            onto, x, weight, bias, *self._geometry, "add", 1.0, "relu" if relu else None, [], ""
        )

    def _weight_for(self, x: Tensor) -> Tensor:
        """Return the weights in oneDNN's layout for `x`; without it oneDNN rearranges them in each call.

        The layout depends on the shape of the input and the number of threads. A layout for another shape makes a layer
        up to twenty times slower (64 to 256 channels, 3x3, at 19x11: 14 ms instead of 0.7).
        """
        key = x.shape, torch.get_num_threads()
        weight = self._layouts.get(key)
        if weight is None:
            if len(self._layouts) >= _LAYOUTS:
                del self._layouts[next(iter(self._layouts))]
            weight = _onednn._reorder_convolution_weight(self._weight, *self._geometry, list(x.shape))
            self._layouts[key] = weight
        return weight


def padding_of(module: nn.Conv2d) -> tuple[int, int]:
    """Return the (vertical, horizontal) padding of a convolution with zeros. Raises UnsupportedLayerError for other."""
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise UnsupportedLayerError(f"padding {module.padding_mode} {module.padding}")
    down, across = module.padding
    return down, across


class Convolution(Step):
    """A convolution and the ReLU after it. An input in several parts is the sum of a convolution of each."""

    def __init__(
        self,
        output: int,
        parts: Sequence[int],
        channels: Sequence[int],
        module: nn.Conv2d,
        std: Tensor | None = None,
        padding: Padding = NO_PADDING,
    ) -> None:
        """Prepare the weights of both directions.

        Args:
            output: the number of the output.
            parts: the numbers of the parts of the input.
            channels: the channels of each part.
            module: the convolution.
            std: what each channel of the input was divided by, so that its gradient is divided too; None for no
                division.
            padding: zeros around the input, in addition to the padding of `module`.

        Raises:
            UnsupportedLayerError: the convolution is grouped and its input has several parts, or it pads with other
                values than zeros.
        """
        super().__init__(output, parts)
        if module.groups > 1 and len(parts) > 1:
            raise UnsupportedLayerError("a grouped convolution of a concatenation")
        self.module = module
        self.has_relu = False
        self.ceiling: float | None = None
        """The upper bound of its ReLU, if it is a ReLU6."""
        self.padding = padding
        self.applies_relu_backward = True
        """Whether its backward includes that of its ReLU. The layer after it may do that at less cost."""
        self._bias = module.bias
        pieces = torch.split(module.weight.detach(), [count // module.groups for count in channels], 1)
        geometry = padding_of(module), module.stride, module.dilation, module.groups
        self._convolutions = [_PackedConvolution(piece, *geometry) for piece in pieces]
        if std is not None:
            pieces = (module.weight.detach() / std.to(module.weight.dtype),)
        self._input_gradients = [_input_gradient(module, piece, padding) for piece in pieces]

    def forward(self, values: Values) -> None:
        result: Tensor | None = None
        for number, (part, convolution) in enumerate(zip(self.parts, self._convolutions, strict=True), 1):
            bias = self._bias if result is None else None
            x = values[part] if self.padding == NO_PADDING else layer_kernels.zero_pad(values[part], self.padding)
            is_last = number == len(self.parts)
            result = convolution(x, bias, result, self.has_relu and is_last, self.ceiling)
            values[self.output] = result

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        if self.has_relu and self.applies_relu_backward:
            gradient = self.relu_backward(gradient, values[self.output])
        for part, input_gradient in zip(self.parts, self._input_gradients, strict=True):
            input_gradient(gradients, part, gradient, values[part])

    def relu_backward(self, gradient: Tensor, output: Tensor) -> Tensor:
        """Return the gradient of the input of its ReLU, given its `output`. `gradient` may be overwritten."""
        backward = layer_kernels.relu_backward if self.ceiling is None else layer_kernels.relu6_backward
        return backward(gradient, output)


class _FlippedConvolution:
    """The backward of a convolution with stride 1, dense or depthwise: a convolution with flipped weights."""

    def __init__(self, module: nn.Conv2d, weight: Tensor) -> None:
        flipped = weight.flip(2, 3)
        if module.groups == 1:
            flipped = flipped.transpose(0, 1)
        padding = [k - 1 - p for k, p in zip(module.kernel_size, padding_of(module), strict=True)]
        self._convolution = _PackedConvolution(flipped, padding, [1, 1], [1, 1], module.groups)

    def __call__(self, gradients: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        gradients[part] = self._convolution(gradient, onto=gradients.get(part))


class _SubpixelConvolution:
    """The backward of a dense convolution with any stride: a sub-pixel convolution.

    Each pixel of the gradient becomes a block of stride x stride pixels: a convolution with stride 1 and stride x
    stride times the channels, which are then rearranged into pixels (depth to space).

    For an input of few channels it takes 1.7 ms where oneDNN's own backward takes 3.6 (64 to 3 channels at 448x256,
    stride 2). There the channels are padded to a number that oneDNN is fast with, and the result is float32.
    """

    def __init__(self, module: nn.Conv2d, weight: Tensor, padding: Padding) -> None:
        (height, width), (down, across) = module.kernel_size, module.stride
        rows, columns = -(-height // down), -(-width // across)
        count, channels = weight.shape[:2]
        self._is_narrow = channels < _CHANNELS
        padded = F.pad(weight, (0, columns * across - width, 0, rows * down - height))
        # (out, in, row, y, column, x): the tap of the kernel is at row * stride + y; flipped as in _FlippedConvolution.
        blocks = padded.reshape(count, channels, rows, down, columns, across).flip(2, 4).permute(3, 5, 1, 0, 2, 4)
        if not self._is_narrow:
            # If the stride is larger than the kernel, the other pixels of a block have no gradient.
            blocks = blocks[:height, :width]
        self._filled = blocks.shape[0], blocks.shape[1]
        flipped = blocks.reshape(-1, count, rows, columns)
        if self._is_narrow:
            flipped = F.pad(flipped, (0, 0, 0, 0, 0, 0, 0, -flipped.shape[0] % _CHANNELS))
        self._convolution = _PackedConvolution(flipped, [rows - 1, columns - 1], [1, 1], [1, 1], 1)
        self._block = down, across
        (top, left), (before, _, above, _) = padding_of(module), padding
        self._cropped = top + above, left + before

    def __call__(self, gradients: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        dtype = torch.float32 if self._is_narrow else gradient.dtype
        result = torch.empty(value.shape, dtype=dtype, memory_format=_LAST)
        blocks = self._convolution(gradient)
        if self._is_narrow:
            layer_kernels.depth_to_space(blocks, self._block, self._cropped, result)
        else:
            layer_kernels.interleave(blocks, self._filled, self._block, self._cropped, result)
        # Only the gradient of the image stays float32; the gate of squeeze-and-excitation has few channels too.
        add(gradients, part, result if part == 0 else result.to(gradient.dtype))


class _DilatedConvolution:
    """The backward of a depthwise convolution with a stride: a convolution with stride 1 and flipped weights of the
    gradient with zeros inserted between its pixels.

    In bfloat16, on one thread, oneDNN's own backward took 37 of the 63 ms of a step of EfficientNet-Lite0 to blocks.10
    at 448x256; this way the whole step takes 25 ms.
    """

    def __init__(self, module: nn.Conv2d, weight: Tensor, padding: Padding) -> None:
        self._module_padding = padding_of(module)
        self._kernel_size = module.kernel_size
        self._stride = module.stride
        self._padding = padding
        flipped_padding = [k - 1 - p for k, p in zip(self._kernel_size, self._module_padding, strict=True)]
        self._convolution = _PackedConvolution(weight.flip(2, 3), flipped_padding, [1, 1], [1, 1], module.groups)

    def __call__(self, gradients: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        (number, channels, height, width), (left, right, above, below) = value.shape, self._padding
        rows, columns = (
            side + 2 * padding - size + 1
            for side, padding, size in zip(
                (height + above + below, width + left + right), self._module_padding, self._kernel_size, strict=True
            )
        )
        dilated = torch.zeros((number, rows, columns, channels), dtype=gradient.dtype).permute(0, 3, 1, 2)
        dilated[:, :, :: self._stride[0], :: self._stride[1]] = gradient
        result = self._convolution(dilated)[:, :, above : above + height, left : left + width]
        add(gradients, part, result.contiguous(memory_format=_LAST))


class _AtenConvolution:
    """The backward that autograd uses, for strides and groups without a hand-written one."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, padding: Padding) -> None:
        self._module = module
        self._weight = weight
        self._padding = padding

    def __call__(self, gradients: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        module, (left, right, above, below) = self._module, self._padding
        height, width = value.shape[2:]
        if self._padding != NO_PADDING:  # only the shape of the input matters, for weights have no gradient
            shape = (*value.shape[:2], height + above + below, width + left + right)
            value = torch.empty(shape, dtype=value.dtype, memory_format=_LAST)
        options = (module.stride, module.padding, module.dilation, False, [0, 0], module.groups, [True, False, False])
        result = _aten.convolution_backward(gradient, value, self._weight, None, *options)[0]
        inner = result[:, :, above : above + height, left : left + width]
        add(gradients, part, inner.contiguous(memory_format=_LAST))


_InputGradient = _FlippedConvolution | _SubpixelConvolution | _DilatedConvolution | _AtenConvolution
"""The backward of a convolution towards one part of its input."""


def _input_gradient(module: nn.Conv2d, weight: Tensor, padding: Padding) -> _InputGradient:
    """Return the fastest backward for a convolution."""
    is_dense = module.groups == 1 and module.dilation == (1, 1)
    is_depthwise = module.groups == module.in_channels == module.out_channels and module.dilation == (1, 1)
    is_padded_less_than_kernel = all(p < k for k, p in zip(module.kernel_size, padding_of(module), strict=True))
    is_narrow = is_dense and weight.shape[1] < _CHANNELS
    has_stride = module.stride != (1, 1)
    is_flippable = is_padded_less_than_kernel and padding == NO_PADDING and not has_stride and not is_narrow
    if (is_dense or is_depthwise) and is_flippable:
        return _FlippedConvolution(module, weight)
    if is_dense:
        return _SubpixelConvolution(module, weight, padding)
    if is_depthwise and is_padded_less_than_kernel:
        return _DilatedConvolution(module, weight, padding)
    return _AtenConvolution(module, weight, padding)
