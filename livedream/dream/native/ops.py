"""Layers of a network written out for a CPU: what each does on the way forward, and on the way back.

A convolution adds its bias, rectifies, and adds to what is there already, in one pass over the memory (oneDNN's
post-ops); its way back is a convolution again, with weights turned around and laid out once; a ReLU before a max-pool
is undone together with it.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream.dream.native import kernels

_aten = torch.ops.aten
_onednn = torch.ops.mkldnn
_LAST = torch.channels_last
# oneDNN's kernels write eight or sixteen channels at a time; with three or twelve it falls back to a slow one.
_CHANNELS = 16
# Weights up to this size are kept as oneDNN lays them out, for so many sizes of the input: the octaves of a stream. To
# lay them out takes half of a small layer's time (48 to 384 channels, 3x3, at 14x8, in bfloat16 on one thread: 0.20 ms,
# of them 0.11), and little of one that is large for its weights.
_KEPT_BYTES = 1 << 20
_LAYOUTS = 24


Border = tuple[int, int, int, int]
"""Columns of zeros before and after a picture, and rows above and below it, as torch counts padding."""
NO_BORDER: Border = (0, 0, 0, 0)


class UnfusableError(Exception):
    """What keeps a network from being written out, as text."""


Gradients = dict[int, Tensor]
"""Gradients by the number of the tensor that they are of. Nothing else holds one: it may be overwritten."""


class Values(dict[int, Tensor]):
    """The tensors of a pass by number. Number 0 is the normalised picture."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__({0: picture})
        self.ways_back: dict[int, kernels.WayBack] = {}
        """Of the layers that know more of it than the tensors, by the number of their output."""
        self.masks: dict[int, tuple[Tensor, Tensor]] = {}
        """Of the rectifiers before and behind depthwise convolutions, by the number of their output."""


def add(known: Gradients, number: int, gradient: Tensor) -> None:
    known[number] = kernels.accumulate(known[number], gradient) if number in known else gradient


class Step:
    """One layer. Reads tensors, writes the one of number `output`; the way back does the same with gradients."""

    def __init__(self, output: int, parts: Sequence[int]) -> None:
        self.output = output
        self.parts = parts

    def forward(self, values: Values) -> None:
        raise NotImplementedError

    def take(self, values: Values, known: Gradients) -> Tensor | None:
        """Return the gradient of what it gave, which is taken from `known`; None where there is none."""
        return known.pop(self.output, None)

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        raise NotImplementedError


class _Kernel:
    """The weights of a convolution, and how to apply them."""

    def __init__(
        self, weight: Tensor, padding: Sequence[int], stride: Sequence[int], dilation: Sequence[int], groups: int
    ):
        self._weight = weight.contiguous(memory_format=_LAST)
        self._how = (list(padding), list(stride), list(dilation), groups)
        self._laid_out: dict[tuple[torch.Size, int], Tensor] = {}
        self._worth_keeping = weight.numel() * weight.itemsize <= _KEPT_BYTES

    def __call__(
        self,
        x: Tensor,
        bias: Tensor | None = None,
        onto: Tensor | None = None,
        relu: bool = False,
        ceiling: float | None = None,
    ) -> Tensor:
        """Return the convolution of `x`, added to `onto`, which is overwritten, and then rectified.

        ceiling: the largest value after a ReLU that is bounded (ReLU6). Not together with `onto`.
        """
        weight = self._weight_for(x) if self._worth_keeping else self._weight
        if onto is None:
            last, bounds = "relu" if relu else "none", []
            if ceiling is not None:
                last, bounds = "hardtanh", [0.0, ceiling]
            return _onednn._convolution_pointwise.default(x, weight, bias, *self._how, last, bounds, "")
        return _onednn._convolution_pointwise_.binary(
            onto, x, weight, bias, *self._how, "add", 1.0, "relu" if relu else None, [], ""
        )

    def _weight_for(self, x: Tensor) -> Tensor:
        """Return the weights in the blocks that oneDNN wants for `x`; else it lays them out at each call.

        Each size and number of threads has blocks of its own: those of another make a layer up to twenty times slower
        (64 to 256 channels, 3x3, at 19x11: 14 ms instead of 0.7).
        """
        key = x.shape, torch.get_num_threads()
        weight = self._laid_out.get(key)
        if weight is None:
            if len(self._laid_out) >= _LAYOUTS:
                del self._laid_out[next(iter(self._laid_out))]
            weight = _onednn._reorder_convolution_weight(self._weight, *self._how, list(x.shape))
            self._laid_out[key] = weight
        return weight


def padding_of(module: nn.Conv2d) -> tuple[int, int]:
    """Return the rows above and below, and the columns before and after, that `module` lays around its input."""
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise UnfusableError(f"padding {module.padding_mode} {module.padding}")
    down, across = module.padding
    return down, across


class Convolution(Step):
    """A convolution with the ReLU behind it. Its input may lie in parts: the sum of a convolution of each."""

    def __init__(
        self,
        output: int,
        parts: Sequence[int],
        channels: Sequence[int],
        module: nn.Conv2d,
        std: Tensor | None = None,
        border: Border = NO_BORDER,
    ) -> None:
        """channels: of each part. std: by what each channel of the input was divided before, which its gradient must
        be as well; none where it was not. border: zeros laid around the input before, beside the module's own padding.
        """
        super().__init__(output, parts)
        if module.groups > 1 and len(parts) > 1:
            raise UnfusableError("a grouped convolution of a concatenation")
        self.module = module
        self.rectified = False
        self.ceiling: float | None = None
        """The largest value that the ReLU lets through, where it is a ReLU6."""
        self.border = border
        self.unrectifies = True
        """Whether the ReLU is undone here; what is behind it may do so more cheaply."""
        self._bias = module.bias
        pieces = torch.split(module.weight.detach(), [count // module.groups for count in channels], 1)
        how = padding_of(module), module.stride, module.dilation, module.groups
        self._kernels = [_Kernel(piece, *how) for piece in pieces]
        if std is not None:
            pieces = (module.weight.detach() / std.to(module.weight.dtype),)
        self._ways_back = [_way_back(module, piece, border) for piece in pieces]

    def forward(self, values: Values) -> None:
        result: Tensor | None = None
        for number, (part, kernel) in enumerate(zip(self.parts, self._kernels, strict=True), 1):
            bias = self._bias if result is None else None
            x = values[part] if self.border == NO_BORDER else kernels.border(values[part], self.border)
            last = number == len(self.parts)
            result = kernel(x, bias, result, self.rectified and last, self.ceiling)
            values[self.output] = result

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        if self.rectified and self.unrectifies:
            gradient = self.undo(gradient, values[self.output])
        for part, way_back in zip(self.parts, self._ways_back, strict=True):
            way_back(known, part, gradient, values[part])

    def undo(self, gradient: Tensor, output: Tensor) -> Tensor:
        """Return the gradient before the ReLU. `gradient` may be overwritten."""
        return (kernels.unrectify if self.ceiling is None else kernels.unclip)(gradient, output)


class _Turned:
    """The way back through a convolution of stride 1: a convolution with its weights turned around.

    Of a depthwise one too, whose channels stay apart.
    """

    def __init__(self, module: nn.Conv2d, weight: Tensor) -> None:
        turned = weight.flip(2, 3)
        if module.groups == 1:
            turned = turned.transpose(0, 1)
        padding = [k - 1 - p for k, p in zip(module.kernel_size, padding_of(module), strict=True)]
        self._kernel = _Kernel(turned, padding, [1, 1], [1, 1], module.groups)

    def __call__(self, known: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        known[part] = self._kernel(gradient, onto=known.get(part))


class _Blocks:
    """The way back at any stride. Each pixel of the gradient makes a block of stride x stride pixels: a convolution of
    stride 1 to so many times the channels, which are then laid side by side.

    To few channels it takes 1.7 ms where oneDNN's own takes 3.6 (64 to 3 at 448x256, stride 2). There the blocks are
    filled up to a number of channels that oneDNN is fast with, and the result is float32.
    """

    def __init__(self, module: nn.Conv2d, weight: Tensor, border: Border) -> None:
        (high, wide), (down, across) = module.kernel_size, module.stride
        rows, columns = -(-high // down), -(-wide // across)
        count, channels = weight.shape[:2]
        self._few = channels < _CHANNELS
        padded = F.pad(weight, (0, columns * across - wide, 0, rows * down - high))
        # (out, in, row, y, column, x): the tap of the kernel is at row * stride + y; turned around as in _Turned.
        blocks = padded.reshape(count, channels, rows, down, columns, across).flip(2, 4).permute(3, 5, 1, 0, 2, 4)
        if not self._few:
            # The other pixels of a block have no gradient, where the stride is larger than the kernel.
            blocks = blocks[:high, :wide]
        self._reached = blocks.shape[0], blocks.shape[1]
        turned = blocks.reshape(-1, count, rows, columns)
        if self._few:
            turned = F.pad(turned, (0, 0, 0, 0, 0, 0, 0, -turned.shape[0] % _CHANNELS))
        self._kernel = _Kernel(turned, [rows - 1, columns - 1], [1, 1], [1, 1], 1)
        self._block = down, across
        (top, left), (before, _, above, _) = padding_of(module), border
        self._padding = top + above, left + before

    def __call__(self, known: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        dtype = torch.float32 if self._few else gradient.dtype
        result = torch.empty(value.shape, dtype=dtype, memory_format=_LAST)
        blocks = self._kernel(gradient)
        if self._few:
            kernels.unblock(blocks, self._block, self._padding, result)
        else:
            kernels.interleave(blocks, self._reached, self._block, self._padding, result)
        # Only the picture's gradient stays float32; the gate of a squeeze-and-excitation has few channels as well.
        add(known, part, result if part == 0 else result.to(gradient.dtype))


class _Spread:
    """The way back through a depthwise convolution with a stride: the gradient is spread out, with zeros between its
    pixels, and convolved at a stride of 1 with the weights turned around. In bfloat16, on one thread, oneDNN's own took
    37 of the 63 ms of a step of EfficientNet-Lite0 to blocks.10 at 448x256; in this way the whole step takes 25 ms.
    """

    def __init__(self, module: nn.Conv2d, weight: Tensor, border: Border) -> None:
        self._padding = padding_of(module)
        self._size = module.kernel_size
        self._stride = module.stride
        self._border = border
        back = [k - 1 - p for k, p in zip(self._size, self._padding, strict=True)]
        self._kernel = _Kernel(weight.flip(2, 3), back, [1, 1], [1, 1], module.groups)

    def __call__(self, known: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        (number, channels, height, width), (before, after, above, below) = value.shape, self._border
        rows, columns = (
            side + 2 * padding - size + 1
            for side, padding, size in zip(
                (height + above + below, width + before + after), self._padding, self._size, strict=True
            )
        )
        spread = torch.zeros((number, rows, columns, channels), dtype=gradient.dtype).permute(0, 3, 1, 2)
        spread[:, :, :: self._stride[0], :: self._stride[1]] = gradient
        found = self._kernel(spread)[:, :, above : above + height, before : before + width]
        add(known, part, found.contiguous(memory_format=_LAST))


class _Slow:
    """The way back as autograd goes it, for strides and groups that are not written out."""

    def __init__(self, module: nn.Conv2d, weight: Tensor, border: Border) -> None:
        self._module = module
        self._weight = weight
        self._border = border

    def __call__(self, known: Gradients, part: int, gradient: Tensor, value: Tensor) -> None:
        module, (before, after, above, below) = self._module, self._border
        height, width = value.shape[2:]
        if self._border != NO_BORDER:  # its numbers take no part, for no weight has a gradient
            shape = (*value.shape[:2], height + above + below, width + before + after)
            value = torch.empty(shape, dtype=value.dtype, memory_format=_LAST)
        how = (module.stride, module.padding, module.dilation, False, [0, 0], module.groups, [True, False, False])
        found = _aten.convolution_backward(gradient, value, self._weight, None, *how)[0]
        inner = found[:, :, above : above + height, before : before + width]
        add(known, part, inner.contiguous(memory_format=_LAST))


def _way_back(module: nn.Conv2d, weight: Tensor, border: Border) -> "_Turned | _Blocks | _Spread | _Slow":
    plain = module.groups == 1 and module.dilation == (1, 1)
    depthwise = module.groups == module.in_channels == module.out_channels and module.dilation == (1, 1)
    fits = all(p < k for k, p in zip(module.kernel_size, padding_of(module), strict=True))
    few = plain and weight.shape[1] < _CHANNELS
    if (plain or depthwise) and fits and border == NO_BORDER and module.stride == (1, 1) and not few:
        return _Turned(module, weight)
    if plain:
        return _Blocks(module, weight, border)
    return _Spread(module, weight, border) if depthwise and fits else _Slow(module, weight, border)


class Relu(Step):
    """A ReLU that could not join what is before it."""

    def forward(self, values: Values) -> None:
        values[self.output] = kernels.rectify(values[self.parts[0]])

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        add(known, self.parts[0], kernels.unrectify(gradient, values[self.output]))


class MaxPool(Step):
    def __init__(self, output: int, part: int, module: nn.MaxPool2d) -> None:
        super().__init__(output, [part])
        self.unrectifies = False
        """Whether the ReLU before it is undone here."""
        stride = module.kernel_size if module.stride is None else module.stride
        self.window = kernels.Window(
            _pair(module.kernel_size), _pair(stride), _pair(module.padding), _pair(module.dilation), module.ceil_mode
        )

    def forward(self, values: Values) -> None:
        pooled, way_back = kernels.max_pool(values[self.parts[0]], self.window, self.unrectifies)
        values[self.output], values.ways_back[self.output] = pooled, way_back

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        add(known, self.parts[0], values.ways_back[self.output](gradient))


class AveragePool(Step):
    def __init__(self, output: int, part: int, module: nn.AvgPool2d) -> None:
        super().__init__(output, [part])
        how = (module.kernel_size, module.stride, module.padding)
        self._how = (*map(_pair, how), module.ceil_mode, module.count_include_pad, module.divisor_override)

    def forward(self, values: Values) -> None:
        values[self.output] = _aten.avg_pool2d(values[self.parts[0]], *self._how)

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        add(known, part, _aten.avg_pool2d_backward(gradient, values[part], *self._how))


class Sum(Step):
    def __init__(self, output: int, parts: Sequence[int]) -> None:
        super().__init__(output, parts)
        self.lends = False
        """Whether both parts may be given the same gradient: one of them is only read before the other is changed."""

    def forward(self, values: Values) -> None:
        left, right = self.parts
        values[self.output] = kernels.total(values[left], values[right])

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        left, right = self.parts
        # What is known of a part may be added to in place.
        add(known, left, gradient if self.lends else gradient.clone())
        add(known, right, gradient)


class Activation(Step):
    """One of ACTIVATIONS, by torch: a smooth function of each number."""

    def __init__(self, output: int, part: int, module: nn.Module) -> None:
        super().__init__(output, [part])
        self._function, self._derivative = ACTIVATIONS[type(module)]

    def forward(self, values: Values) -> None:
        values[self.output] = self._function(values[self.parts[0]])

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        add(known, part, self._derivative(gradient, values[part]))


ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    nn.Hardswish: (F.hardswish, _aten.hardswish_backward),
    nn.Hardsigmoid: (F.hardsigmoid, _aten.hardsigmoid_backward),
    nn.SiLU: (F.silu, _aten.silu_backward),
    nn.Sigmoid: (torch.sigmoid, lambda gradient, x: _aten.sigmoid_backward(gradient, torch.sigmoid(x))),
}


class Mean(Step):
    """The mean of each channel, as one pixel."""

    def forward(self, values: Values) -> None:
        values[self.output] = values[self.parts[0]].mean((2, 3), keepdim=True)

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        shape = values[part].shape
        share = gradient / (shape[2] * shape[3])
        add(known, part, share.expand(shape).contiguous(memory_format=_LAST))


class Product(Step):
    """A product, as squeeze-and-excitation has it: one of both may have a single pixel, which counts for all."""

    def forward(self, values: Values) -> None:
        left, right = self.parts
        values[self.output] = (values[left] * values[right]).contiguous(memory_format=_LAST)

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        for part, other in (self.parts, reversed(self.parts)):
            found = (gradient * values[other]).sum_to_size(values[part].shape)
            add(known, part, found.contiguous(memory_format=_LAST))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
