"""The layers of a network, hand-written for a CPU: the forward and backward of each.

Convolutions are in convolution_ops.py and depthwise_ops.py, concatenations in channel_ops.py.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream.dream.native import layer_kernels

_aten = torch.ops.aten
_LAST = torch.channels_last


class UnsupportedLayerError(Exception):
    """A network cannot be lowered to these layers; the text says why."""


Gradients = dict[int, Tensor]
"""Gradients by the number of their tensor. Nothing else holds a reference, so they may be overwritten."""


class Values(dict[int, Tensor]):
    """The tensors of a pass by number. Number 0 is the normalised image."""

    def __init__(self, image: Tensor) -> None:
        super().__init__({0: image})
        self.backwards: dict[int, layer_kernels.Backward] = {}
        """The backward functions of max-pools, which need more than the tensors, by the number of their output."""
        self.masks: dict[int, tuple[Tensor, Tensor]] = {}
        """The masks of the ReLUs before and after depthwise convolutions, by the number of their output."""


def add(gradients: Gradients, number: int, gradient: Tensor) -> None:
    """Add `gradient` to that of tensor `number`."""
    gradients[number] = layer_kernels.accumulate(gradients[number], gradient) if number in gradients else gradient


class Step:
    """One layer: reads the tensors `parts` and writes `output`. Its backward does the reverse with gradients."""

    def __init__(self, output: int, parts: Sequence[int]) -> None:
        self.output = output
        self.parts = parts

    def forward(self, values: Values) -> None:
        raise NotImplementedError

    def take(self, values: Values, gradients: Gradients) -> Tensor | None:
        """Remove the gradient of its output from `gradients` and return it; None if there is none."""
        return gradients.pop(self.output, None)

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        """Add the gradients of its parts to `gradients`, given that of its output, which may be overwritten."""
        raise NotImplementedError


class Relu(Step):
    """A ReLU that could not be fused with the layer before it."""

    def forward(self, values: Values) -> None:
        values[self.output] = layer_kernels.relu(values[self.parts[0]])

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        add(gradients, self.parts[0], layer_kernels.relu_backward(gradient, values[self.output]))


class MaxPool(Step):
    def __init__(self, output: int, part: int, module: nn.MaxPool2d) -> None:
        super().__init__(output, [part])
        self.includes_relu = False
        """Whether its backward includes that of the ReLU before it."""
        stride = module.kernel_size if module.stride is None else module.stride
        self.window = layer_kernels.Window(
            _pair(module.kernel_size), _pair(stride), _pair(module.padding), _pair(module.dilation), module.ceil_mode
        )

    def forward(self, values: Values) -> None:
        pooled, backward = layer_kernels.max_pool(values[self.parts[0]], self.window, self.includes_relu)
        values[self.output], values.backwards[self.output] = pooled, backward

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        add(gradients, self.parts[0], values.backwards[self.output](gradient))


class AveragePool(Step):
    def __init__(self, output: int, part: int, module: nn.AvgPool2d) -> None:
        super().__init__(output, [part])
        pairs = map(_pair, (module.kernel_size, module.stride, module.padding))
        self._options = (*pairs, module.ceil_mode, module.count_include_pad, module.divisor_override)

    def forward(self, values: Values) -> None:
        values[self.output] = _aten.avg_pool2d(values[self.parts[0]], *self._options)

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        add(gradients, part, _aten.avg_pool2d_backward(gradient, values[part], *self._options))


class Sum(Step):
    def __init__(self, output: int, parts: Sequence[int]) -> None:
        super().__init__(output, parts)
        self.shares_gradient = False
        """Whether both parts may get the same tensor as gradient: one is not read any more when the other changes."""

    def forward(self, values: Values) -> None:
        left, right = self.parts
        values[self.output] = layer_kernels.add(values[left], values[right])

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        left, right = self.parts
        # A gradient may be added to in place.
        add(gradients, left, gradient if self.shares_gradient else gradient.clone())
        add(gradients, right, gradient)


class Activation(Step):
    """One of ACTIVATIONS, by torch: a smooth function of each element."""

    def __init__(self, output: int, part: int, module: nn.Module) -> None:
        super().__init__(output, [part])
        self._function, self._derivative = ACTIVATIONS[type(module)]

    def forward(self, values: Values) -> None:
        values[self.output] = self._function(values[self.parts[0]])

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        add(gradients, part, self._derivative(gradient, values[part]))


ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    nn.Hardswish: (F.hardswish, _aten.hardswish_backward),
    nn.Hardsigmoid: (F.hardsigmoid, _aten.hardsigmoid_backward),
    nn.SiLU: (F.silu, _aten.silu_backward),
    nn.Sigmoid: (torch.sigmoid, lambda gradient, x: _aten.sigmoid_backward(gradient, torch.sigmoid(x))),
}


class Mean(Step):
    """The mean of each channel: global average pooling to one pixel."""

    def forward(self, values: Values) -> None:
        values[self.output] = values[self.parts[0]].mean((2, 3), keepdim=True)

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        (part,) = self.parts
        shape = values[part].shape
        share = gradient / (shape[2] * shape[3])
        add(gradients, part, share.expand(shape).contiguous(memory_format=_LAST))


class Product(Step):
    """An elementwise product. One factor may have a single pixel, which is broadcast, as in squeeze-and-excitation."""

    def forward(self, values: Values) -> None:
        left, right = self.parts
        values[self.output] = (values[left] * values[right]).contiguous(memory_format=_LAST)

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        for part, other in (self.parts, reversed(self.parts)):
            partial = (gradient * values[other]).sum_to_size(values[part].shape)
            add(gradients, part, partial.contiguous(memory_format=_LAST))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
