"""Lowers the graph of a network to the layers of ops.py: which ones, in which order, and in how many parts their
activations are stored.

The two parts of a concatenation stay parts, which its readers read one after the other; or they are computed at once,
by one convolution with the larger kernel. More parts, as in an Inception module, are concatenated, because many layers
read them; and 1x1 convolutions with the same input become one.
"""

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from livedream.dream.native.channel_ops import Concatenation, Separation
from livedream.dream.native.convolution_ops import NO_PADDING, Convolution, Padding
from livedream.dream.native.depthwise_ops import Depthwise, is_depthwise
from livedream.dream.native.ops import (
    ACTIVATIONS,
    Activation,
    AveragePool,
    MaxPool,
    Mean,
    Product,
    Relu,
    Step,
    Sum,
    UnsupportedLayerError,
)

_CONCATENATIONS = (torch.cat, torch.concat)
_MANY = 3
"""With at least this many parts, they are concatenated."""
_RELUS = (torch.relu, torch.relu_, F.relu)


class LoweredNetwork:
    """The steps of a pass, in order, and the tensors that its outputs consist of."""

    def __init__(self, traced: fx.GraphModule, mean: Tensor, std: Tensor, merge: bool) -> None:
        """Lower a graph.

        Args:
            traced: the graph.
            mean: float32 (1, channels, 1, 1), for normalising the image.
            std: float32 (1, channels, 1, 1), likewise.
            merge: whether convolutions of one input whose outputs are concatenated (as in SqueezeNet's fire modules)
                become one, with smaller kernels padded with zeros. That means more multiplications in fewer calls, and
                pays if the processor has matrix units for bfloat16.

        Raises:
            UnsupportedLayerError: the graph has an operation that ops.py lacks.
        """
        self.mean, self.std = mean, std
        self._merge = merge
        self.steps: list[Step] = []
        self.outputs: list[tuple[int, ...]] = []
        """For each output of the graph, the numbers of the tensors whose channels it concatenates."""
        self._modules = dict(traced.named_modules())
        self._parts: dict[Any, tuple[int, ...]] = {}
        self._channels: list[int] = []
        self._paddings: dict[Any, Padding] = {}
        """By padding node; the convolutions that read it do the padding."""
        for node in traced.graph.nodes:
            self._lower(node)
        if not all(isinstance(step, Convolution) for step in self.steps if 0 in step.parts):
            raise UnsupportedLayerError("something other than a convolution reads the image")
        self._merge_readers()
        self._move_relu_backwards()
        self._share_gradients()

    def _lower(self, node: Any) -> None:
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if node.op == "placeholder":
            first = next(module for module in self._modules.values() if isinstance(module, nn.Conv2d))
            self.dtype = first.weight.dtype
            self._parts[node] = (self._new(first.in_channels),)
        elif node.op == "output":
            self.outputs = [self._parts[output] for output in node.args[0]]
        elif node.target in _CONCATENATIONS:
            self._concatenate(node)
        elif node.target in (operator.add, torch.add) and len(node.args) == 2 and not node.kwargs:
            self._combine(node, Sum)
        elif isinstance(module, nn.Conv2d):
            padding = self._paddings.get(node.args[0], NO_PADDING)
            self._parts[node] = (self._convolve(self._parts[node.args[0]], module, padding),)
        elif isinstance(module, nn.ZeroPad2d):
            self._pad(node, module)
        elif isinstance(module, nn.ReLU6) or node.target is F.relu6:
            self._relu(node, ceiling=6.0)
        elif isinstance(module, nn.ReLU) or node.target in _RELUS:
            self._relu(node)
        elif isinstance(module, nn.MaxPool2d):
            self._each(node, lambda output, part: MaxPool(output, part, module))
        elif node.target is F.max_pool2d:
            max_pool = nn.MaxPool2d(*node.args[1:], **node.kwargs)
            self._each(node, lambda output, part: MaxPool(output, part, max_pool))
        elif isinstance(module, nn.AvgPool2d):
            self._each(node, lambda output, part: AveragePool(output, part, module))
        elif node.target is F.avg_pool2d:
            average_pool = nn.AvgPool2d(*node.args[1:], **node.kwargs)
            self._each(node, lambda output, part: AveragePool(output, part, average_pool))
        elif module is not None and type(module) in ACTIVATIONS:
            self._each(node, lambda output, part: Activation(output, part, module))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            self._each(node, lambda output, part: Mean(output, [part]))
        elif node.target in (operator.mul, torch.mul) and len(node.args) == 2 and not node.kwargs:
            self._combine(node, Product)
        elif isinstance(module, nn.Identity | nn.Dropout) or _is_stochastic_depth(node):
            self._parts[node] = self._parts[node.args[0]]
        else:
            raise UnsupportedLayerError(f"{node.name} ({type(module).__name__ if module else node.target})")

    def _new(self, channels: int) -> int:
        """Return the number of a new tensor."""
        self._channels.append(channels)
        return len(self._channels) - 1

    def _each(self, node: Any, make: Callable[[int, int], Step]) -> None:
        """Append a step for each part of the input of `node`. make: maps the output and the part to the step."""
        outputs = []
        for part in self._parts[node.args[0]]:
            outputs.append(self._new(self._channels[part]))
            self.steps.append(make(outputs[-1], part))
        self._parts[node] = tuple(outputs)

    def _concatenate(self, node: Any) -> None:
        tensors, *rest = node.args
        if (rest or list(node.kwargs.values())) != [1]:
            raise UnsupportedLayerError(f"{node.name}: a concatenation along another dimension than channels")
        parts = tuple(part for tensor in tensors for part in self._parts[tensor])
        producers = [step for step in self.steps if step.output in parts]
        is_only_reader = all(len(tensor.users) == 1 for tensor in tensors)
        if self._merge and is_only_reader and _are_mergeable(producers):
            self._parts[node] = (self._merged(producers),)
        elif len(parts) < _MANY:
            self._parts[node] = parts
        else:
            output = self._new(sum(self._channels[part] for part in parts))
            self.steps.append(Concatenation(output, parts))
            self._parts[node] = (output,)

    def _pad(self, node: Any, module: nn.ZeroPad2d) -> None:
        readers = [self._modules.get(str(reader.target)) for reader in node.users]
        if not all(isinstance(reader, nn.Conv2d) for reader in readers):
            raise UnsupportedLayerError(f"{node.name}: a padding read by something other than a convolution")
        left, right, above, below = module.padding
        self._paddings[node] = left, right, above, below
        self._parts[node] = self._parts[node.args[0]]

    def _convolve(self, parts: Sequence[int], module: nn.Conv2d, padding: Padding = NO_PADDING) -> int:
        """Append a convolution, and return the number of its output."""
        output = self._new(module.out_channels)
        std = self.std if 0 in parts else None
        channels = [self._channels[part] for part in parts]
        if std is None and len(parts) == 1 and is_depthwise(module, padding):
            self.steps.append(Depthwise(output, parts[0], module, padding))
        else:
            self.steps.append(Convolution(output, parts, channels, module, std, padding))
        return output

    def _merged(self, producers: Sequence[Step]) -> int:
        """Replace `producers`, see `_are_mergeable`, by one convolution, and return the number of its output."""
        convolutions = [producer for producer in producers if isinstance(producer, Convolution)]
        self.steps = [step for step in self.steps if step not in producers]
        output = self._convolve(convolutions[0].parts, _merge([convolution.module for convolution in convolutions]))
        last = self.steps[-1]
        if isinstance(last, Convolution):
            last.has_relu = convolutions[0].has_relu
        return output

    def _merge_readers(self) -> None:
        """Replace 1x1 convolutions that read the same tensor, as in Inception modules, by one convolution."""
        groups: dict[tuple[int, bool], list[Convolution]] = {}
        for step in self.steps:
            if _is_pointwise(step):
                groups.setdefault((step.parts[0], step.has_relu), []).append(step)
        for group in groups.values():
            if len(group) > 1:
                self._merge_group(group)

    def _merge_group(self, group: Sequence[Convolution]) -> None:
        channels = [step.module.out_channels for step in group]
        merged = _merge([step.module for step in group])
        part = group[0].parts[0]
        convolution = Convolution(self._new(sum(channels)), [part], [self._channels[part]], merged)
        convolution.has_relu = group[0].has_relu
        index = self.steps.index(group[0])
        self.steps = [step for step in self.steps if step not in group]
        self.steps[index:index] = [
            convolution,
            Separation([step.output for step in group], convolution.output, channels),
        ]

    def _combine(self, node: Any, step: type[Sum | Product]) -> None:
        """Append the sum or product of two layers."""
        left, right = (self._parts.get(argument, ()) for argument in node.args)
        if len(left) != 1 or len(right) != 1:
            raise UnsupportedLayerError(f"{node.name}: a sum or product of something other than two layers")
        output = self._new(self._channels[left[0]])
        self.steps.append(step(output, (*left, *right)))
        self._parts[node] = (output,)

    def _relu(self, node: Any, ceiling: float | None = None) -> None:
        source = node.args[0]
        producers = self._exclusive_producers(source)
        if ceiling is not None and (producers is None or any(len(producer.parts) > 1 for producer in producers)):
            raise UnsupportedLayerError(f"{node.name}: a ReLU6 that cannot be fused with a single convolution")
        if producers is None:
            self._each(node, lambda output, part: Relu(output, [part]))
            return
        for producer in producers:
            producer.has_relu, producer.ceiling = True, ceiling
        self._parts[node] = self._parts[source]

    def _exclusive_producers(self, node: Any) -> list[Convolution] | None:
        """Return the convolutions that compute `node`, if it has a single reader; None otherwise."""
        if len(node.users) > 1:
            return None
        if node.target in _CONCATENATIONS:
            if any(self._exclusive_producers(tensor) is None for tensor in node.args[0]):
                return None
        elif node.op != "call_module" or not isinstance(self._modules[node.target], nn.Conv2d):
            return None
        # The parts of a concatenation may have become one.
        producers = [step for step in self.steps if step.output in self._parts[node]]
        convolutions = [producer for producer in producers if isinstance(producer, Convolution)]
        return convolutions if len(convolutions) == len(producers) else None

    def _move_relu_backwards(self) -> None:
        """Move the backward of a ReLU to its max-pools, which have fewer pixels, or its depthwise convolution."""
        outputs = {part for parts in self.outputs for part in parts}
        for step in self.steps:
            if not isinstance(step, Convolution) or not step.has_relu or step.output in outputs:
                continue
            readers = [reader for reader in self.steps if step.output in reader.parts]
            pools = [reader for reader in readers if isinstance(reader, MaxPool)]
            if len(pools) == len(readers) and not step.ceiling:
                step.applies_relu_backward = False
                for pool in pools:
                    pool.includes_relu = True
            elif len(readers) == 1 and isinstance(readers[0], Depthwise):
                step.applies_relu_backward = False
                readers[0].producer = step

    def _share_gradients(self) -> None:
        """Avoid copying the gradient of a sum.

        If a convolution without a ReLU computes one part just before the sum, it reads its gradient before that of the
        other part changes.
        """
        for before, step in pairwise(self.steps):
            if isinstance(step, Sum) and before.output in step.parts and isinstance(before, Convolution):
                step.shares_gradient = not before.has_relu and step.parts[0] != step.parts[1]


def _merge(modules: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """Return one convolution whose output is the concatenation of the outputs of `modules`."""
    height, width = (max(sides) for sides in zip(*(module.kernel_size for module in modules), strict=True))
    weights, biases = [], []
    for module in modules:
        rows, columns = (height - module.kernel_size[0]) // 2, (width - module.kernel_size[1]) // 2
        weights.append(F.pad(module.weight.detach(), (columns, columns, rows, rows)))
        biases.append(torch.zeros_like(module.weight[:, 0, 0, 0]) if module.bias is None else module.bias.detach())
    kernel_size, padding = (height, width), (height // 2, width // 2)
    merged = nn.Conv2d(modules[0].in_channels, len(torch.cat(biases)), kernel_size, padding=padding)
    merged.weight, merged.bias = (nn.Parameter(torch.cat(each), False) for each in (weights, biases))
    return merged


def _is_pointwise(step: Step) -> TypeGuard[Convolution]:
    """Return whether `step` is a plain 1x1 convolution of one tensor other than the image, with or without a ReLU."""
    if type(step) is not Convolution or step.ceiling is not None or len(step.parts) > 1 or 0 in step.parts:
        return False
    module = step.module
    is_plain = module.kernel_size == module.stride == (1, 1) and module.padding == (0, 0) and module.groups == 1
    return is_plain and step.padding == NO_PADDING


def _is_stochastic_depth(node: Any) -> bool:
    """Return whether `node` is torchvision's stochastic depth outside of training, where it does nothing."""
    return getattr(node.target, "__name__", "") == "stochastic_depth" and node.args[3:] == (False,)


def _are_mergeable(producers: Sequence[Step]) -> bool:
    """Return whether steps are convolutions of one input that keep its height and width, all or none with a ReLU."""
    convolutions = [producer for producer in producers if isinstance(producer, Convolution)]
    if len(convolutions) < 2 or len(convolutions) < len(producers):
        return False
    first = convolutions[0]
    return all(
        convolution.parts == first.parts
        and convolution.ceiling is None
        and convolution.has_relu == first.has_relu
        and convolution.module.stride == convolution.module.dilation == (1, 1)
        and convolution.module.groups == 1
        and convolution.module.padding_mode == "zeros"
        and all(side % 2 == 1 for side in convolution.module.kernel_size)
        and convolution.module.padding == tuple(side // 2 for side in convolution.module.kernel_size)
        for convolution in convolutions
    )
