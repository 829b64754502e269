"""The plan of a pass: which layers, in which order, and in how many parts their activations lie.

The two parts of a concatenation stay parts, and what reads it reads them one after the other; or they are made at once,
by one convolution with the larger kernel. More parts, as those of an Inception module, are laid together, for many read
them; and convolutions of 1x1 that read the same become one.
"""

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from livedream.dream.native.channel_ops import Concatenation, Separation
from livedream.dream.native.depthwise_ops import Depthwise, is_depthwise
from livedream.dream.native.ops import (
    ACTIVATIONS,
    NO_BORDER,
    Activation,
    AveragePool,
    Border,
    Convolution,
    MaxPool,
    Mean,
    Product,
    Relu,
    Step,
    Sum,
    UnfusableError,
)

_CONCATENATIONS = (torch.cat, torch.concat)
_MANY = 3
"""Parts of a concatenation from which on they are laid together."""
_RELUS = (torch.relu, torch.relu_, F.relu)


class Plan:
    """The steps of a pass, in order, and of which tensors the outputs consist.

    mean, std: what a picture is normalised with. merge: whether convolutions of one input whose outputs are
    concatenated (as in SqueezeNet's fire modules) become one, the smaller kernels filled up with zeros: more
    multiplications in fewer calls, which pays where bfloat16 is multiplied by matrix units.
    """

    def __init__(self, traced: fx.GraphModule, mean: Tensor, std: Tensor, merge: bool) -> None:
        self.mean, self.std = mean, std
        self._merge = merge
        self.steps: list[Step] = []
        self.outputs: list[tuple[int, ...]] = []
        self._modules = dict(traced.named_modules())
        self._parts: dict[Any, tuple[int, ...]] = {}
        self._channels: list[int] = []
        self._borders: dict[Any, Border] = {}
        """Of the nodes that lay zeros around what they read, which is left to the convolution that reads them."""
        for node in traced.graph.nodes:
            self._write(node)
        if not all(isinstance(step, Convolution) for step in self.steps if 0 in step.parts):
            raise UnfusableError("something else than a convolution reads the picture")
        self._merge_readers()
        self._move_masks()
        self._lend_gradients()

    def _write(self, node: Any) -> None:
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if node.op == "placeholder":
            first = next(module for module in self._modules.values() if isinstance(module, nn.Conv2d))
            self.dtype = first.weight.dtype
            self._parts[node] = (self._new(first.in_channels),)
        elif node.op == "output":
            self.outputs = [self._parts[wanted] for wanted in node.args[0]]
        elif node.target in _CONCATENATIONS:
            self._concatenate(node)
        elif node.target in (operator.add, torch.add) and len(node.args) == 2 and not node.kwargs:
            self._pair_up(node, Sum)
        elif isinstance(module, nn.Conv2d):
            border = self._borders.get(node.args[0], NO_BORDER)
            self._parts[node] = (self._convolve(self._parts[node.args[0]], module, border),)
        elif isinstance(module, nn.ZeroPad2d):
            self._border(node, module)
        elif isinstance(module, nn.ReLU6) or node.target is F.relu6:
            self._rectify(node, ceiling=6.0)
        elif isinstance(module, nn.ReLU) or node.target in _RELUS:
            self._rectify(node)
        elif isinstance(module, nn.MaxPool2d):
            self._each(node, lambda new, part: MaxPool(new, part, module))
        elif node.target is F.max_pool2d:
            largest = nn.MaxPool2d(*node.args[1:], **node.kwargs)
            self._each(node, lambda new, part: MaxPool(new, part, largest))
        elif isinstance(module, nn.AvgPool2d):
            self._each(node, lambda new, part: AveragePool(new, part, module))
        elif node.target is F.avg_pool2d:
            pool = nn.AvgPool2d(*node.args[1:], **node.kwargs)
            self._each(node, lambda new, part: AveragePool(new, part, pool))
        elif module is not None and type(module) in ACTIVATIONS:
            self._each(node, lambda new, part: Activation(new, part, module))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            self._each(node, lambda new, part: Mean(new, [part]))
        elif node.target in (operator.mul, torch.mul) and len(node.args) == 2 and not node.kwargs:
            self._pair_up(node, Product)
        elif isinstance(module, nn.Identity | nn.Dropout) or _is_dropped(node):
            self._parts[node] = self._parts[node.args[0]]
        else:
            raise UnfusableError(f"{node.name} ({type(module).__name__ if module else node.target})")

    def _new(self, channels: int) -> int:
        self._channels.append(channels)
        return len(self._channels) - 1

    def _each(self, node: Any, make: Callable[[int, int], Step]) -> None:
        """Let `make` write a step of its own for each part of what `node` reads."""
        outputs = []
        for part in self._parts[node.args[0]]:
            outputs.append(self._new(self._channels[part]))
            self.steps.append(make(outputs[-1], part))
        self._parts[node] = tuple(outputs)

    def _concatenate(self, node: Any) -> None:
        tensors, *rest = node.args
        if (rest or list(node.kwargs.values())) != [1]:
            raise UnfusableError(f"{node.name}: a concatenation that is not of channels")
        parts = tuple(part for tensor in tensors for part in self._parts[tensor])
        makers = [step for step in self.steps if step.output in parts]
        alone = all(len(tensor.users) == 1 for tensor in tensors)
        if self._merge and alone and _mergeable(makers):
            self._parts[node] = (self._merged(makers),)
        elif len(parts) < _MANY:
            self._parts[node] = parts
        else:
            output = self._new(sum(self._channels[part] for part in parts))
            self.steps.append(Concatenation(output, parts))
            self._parts[node] = (output,)

    def _border(self, node: Any, module: nn.ZeroPad2d) -> None:
        readers = [self._modules.get(str(reader.target)) for reader in node.users]
        if not all(isinstance(reader, nn.Conv2d) for reader in readers):
            raise UnfusableError(f"{node.name}: a padding that something else than a convolution reads")
        before, after, above, below = module.padding
        self._borders[node] = before, after, above, below
        self._parts[node] = self._parts[node.args[0]]

    def _convolve(self, parts: Sequence[int], module: nn.Conv2d, border: Border = NO_BORDER) -> int:
        """Write the step of a convolution, and return the number of its output."""
        output = self._new(module.out_channels)
        std = self.std if 0 in parts else None
        channels = [self._channels[part] for part in parts]
        if std is None and len(parts) == 1 and is_depthwise(module, border):
            self.steps.append(Depthwise(output, parts[0], module, border))
        else:
            self.steps.append(Convolution(output, parts, channels, module, std, border))
        return output

    def _merged(self, makers: Sequence[Step]) -> int:
        """Put one convolution in the place of `makers`, see `_mergeable`, and return the number of its output."""
        convolutions = [maker for maker in makers if isinstance(maker, Convolution)]
        self.steps = [step for step in self.steps if step not in makers]
        output = self._convolve(convolutions[0].parts, _joint([convolution.module for convolution in convolutions]))
        last = self.steps[-1]
        if isinstance(last, Convolution):
            last.rectified = convolutions[0].rectified
        return output

    def _merge_readers(self) -> None:
        """Put one convolution in the place of those of 1x1 that read the same tensor, as in Inception modules."""
        groups: dict[tuple[int, bool], list[Convolution]] = {}
        for step in self.steps:
            if _is_pointwise(step):
                groups.setdefault((step.parts[0], step.rectified), []).append(step)
        for group in groups.values():
            if len(group) > 1:
                self._replace(group)

    def _replace(self, group: Sequence[Convolution]) -> None:
        channels = [step.module.out_channels for step in group]
        merged = _joint([step.module for step in group])
        part = group[0].parts[0]
        convolution = Convolution(self._new(sum(channels)), [part], [self._channels[part]], merged)
        convolution.rectified = group[0].rectified
        place = self.steps.index(group[0])
        self.steps = [step for step in self.steps if step not in group]
        self.steps[place:place] = [
            convolution,
            Separation([step.output for step in group], convolution.output, channels),
        ]

    def _pair_up(self, node: Any, step: type[Sum | Product]) -> None:
        """Write the sum or product that `node` is of two layers."""
        left, right = (self._parts.get(argument, ()) for argument in node.args)
        if len(left) != 1 or len(right) != 1:
            raise UnfusableError(f"{node.name}: a sum or product of something else than two layers")
        output = self._new(self._channels[left[0]])
        self.steps.append(step(output, (*left, *right)))
        self._parts[node] = (output,)

    def _rectify(self, node: Any, ceiling: float | None = None) -> None:
        before = node.args[0]
        makers = self._only_for(before)
        if ceiling is not None and (makers is None or any(len(maker.parts) > 1 for maker in makers)):
            raise UnfusableError(f"{node.name}: a ReLU6 that no single convolution can take over")
        if makers is None:
            self._each(node, lambda new, part: Relu(new, [part]))
            return
        for maker in makers:
            maker.rectified, maker.ceiling = True, ceiling
        self._parts[node] = self._parts[before]

    def _only_for(self, node: Any) -> list[Convolution] | None:
        """Return the convolutions that make what `node` gives, if nothing else than its one reader reads it."""
        if len(node.users) > 1:
            return None
        if node.target in _CONCATENATIONS:
            if any(self._only_for(tensor) is None for tensor in node.args[0]):
                return None
        elif node.op != "call_module" or not isinstance(self._modules[node.target], nn.Conv2d):
            return None
        # The parts of a concatenation may have become one.
        makers = [step for step in self.steps if step.output in self._parts[node]]
        return [maker for maker in makers if isinstance(maker, Convolution)] if _all_convolve(makers) else None

    def _move_masks(self) -> None:
        """Undo a ReLU behind its max-pools, where there are fewer pixels, or together with the depthwise convolution
        that reads it.
        """
        shown = {part for parts in self.outputs for part in parts}
        for step in self.steps:
            if not isinstance(step, Convolution) or not step.rectified or step.output in shown:
                continue
            readers = [reader for reader in self.steps if step.output in reader.parts]
            pools = [reader for reader in readers if isinstance(reader, MaxPool)]
            if len(pools) == len(readers) and not step.ceiling:
                step.unrectifies = False
                for pool in pools:
                    pool.unrectifies = True
            elif len(readers) == 1 and isinstance(readers[0], Depthwise):
                step.unrectifies = False
                readers[0].maker = step

    def _lend_gradients(self) -> None:
        """Spare the copies of gradients of sums: a convolution without a ReLU that made the one part just before it
        reads its gradient before that of the other part is changed.
        """
        for before, step in pairwise(self.steps):
            if isinstance(step, Sum) and before.output in step.parts and isinstance(before, Convolution):
                step.lends = not before.rectified and step.parts[0] != step.parts[1]


def _joint(modules: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """Return a convolution that gives the channels of all, one after the other."""
    high, wide = (max(sides) for sides in zip(*(module.kernel_size for module in modules), strict=True))
    weights, biases = [], []
    for module in modules:
        above, beside = (high - module.kernel_size[0]) // 2, (wide - module.kernel_size[1]) // 2
        weights.append(F.pad(module.weight.detach(), (beside, beside, above, above)))
        biases.append(torch.zeros_like(module.weight[:, 0, 0, 0]) if module.bias is None else module.bias.detach())
    joint = nn.Conv2d(modules[0].in_channels, len(torch.cat(biases)), (high, wide), padding=(high // 2, wide // 2))
    joint.weight, joint.bias = (nn.Parameter(torch.cat(each), False) for each in (weights, biases))
    return joint


def _all_convolve(makers: Sequence[Step]) -> bool:
    return all(isinstance(maker, Convolution) for maker in makers)


def _is_pointwise(step: Step) -> TypeGuard[Convolution]:
    """Whether `step` is a convolution of 1x1 of one tensor, each pixel by itself, with a ReLU at most."""
    if type(step) is not Convolution or step.ceiling is not None or len(step.parts) > 1 or 0 in step.parts:
        return False
    module = step.module
    plain = module.kernel_size == module.stride == (1, 1) and module.padding == (0, 0) and module.groups == 1
    return plain and step.border == NO_BORDER


def _is_dropped(node: Any) -> bool:
    """Whether `node` is torchvision's stochastic depth outside of training: it does nothing."""
    return getattr(node.target, "__name__", "") == "stochastic_depth" and node.args[3:] == (False,)


def _mergeable(makers: Sequence[Step]) -> bool:
    """Whether steps are convolutions of one input that give pictures of its size, and all or none are rectified."""
    convolutions = [maker for maker in makers if isinstance(maker, Convolution)]
    if len(convolutions) < 2 or len(convolutions) < len(makers):
        return False
    first = convolutions[0]
    return all(
        convolution.parts == first.parts
        and convolution.ceiling is None
        and convolution.rectified == first.rectified
        and convolution.module.stride == convolution.module.dilation == (1, 1)
        and convolution.module.groups == 1
        and convolution.module.padding_mode == "zeros"
        and all(side % 2 == 1 for side in convolution.module.kernel_size)
        and convolution.module.padding == tuple(side // 2 for side in convolution.module.kernel_size)
        for convolution in convolutions
    )
