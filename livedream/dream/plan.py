"""The plan of a pass: which layers, in which order, and in how many parts their activations lie.

A concatenation is never copied together: its parts stay parts, and what reads it reads them one after the other.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from livedream.dream.layers import AveragePool, Convolution, MaxPool, Relu, Step, Sum, UnfusableError

_CONCATENATIONS = (torch.cat, torch.concat)
_RELUS = (torch.relu, torch.relu_, F.relu)


class Plan:
    """The steps of a pass, in order, and of which tensors the outputs consist."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.steps: list[Step] = []
        self.outputs: list[tuple[int, ...]] = []
        self._modules = dict(traced.named_modules())
        self._parts: dict[Any, tuple[int, ...]] = {}
        self._channels: list[int] = []
        for node in traced.graph.nodes:
            self._write(node)
        self._move_masks()

    def _write(self, node: Any) -> None:
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if node.op == "placeholder":
            first = next(module for module in self._modules.values() if isinstance(module, nn.Conv2d))
            self._parts[node] = (self._new(first.in_channels),)
        elif node.op == "output":
            self.outputs = [self._parts[wanted] for wanted in node.args[0]]
        elif node.target in _CONCATENATIONS:
            self._concatenate(node)
        elif node.target in (operator.add, torch.add) and len(node.args) == 2 and not node.kwargs:
            self._sum(node)
        elif isinstance(module, nn.Conv2d):
            parts = self._parts[node.args[0]]
            output = self._new(module.out_channels)
            channels = [self._channels[part] for part in parts]
            self.steps.append(Convolution(output, parts, channels, module))
            self._parts[node] = (output,)
        elif isinstance(module, nn.ReLU) or node.target in _RELUS:
            self._rectify(node)
        elif isinstance(module, nn.MaxPool2d):
            self._each(node, lambda new, part: MaxPool(new, part, module))
        elif isinstance(module, nn.AvgPool2d):
            self._each(node, lambda new, part: AveragePool(new, part, module))
        elif isinstance(module, nn.Identity | nn.Dropout):
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
        self._parts[node] = tuple(part for tensor in tensors for part in self._parts[tensor])

    def _sum(self, node: Any) -> None:
        left, right = (self._parts.get(argument, ()) for argument in node.args)
        if len(left) != 1 or len(right) != 1:
            raise UnfusableError(f"{node.name}: a sum of something else than two layers")
        output = self._new(self._channels[left[0]])
        self.steps.append(Sum(output, (*left, *right)))
        self._parts[node] = (output,)

    def _rectify(self, node: Any) -> None:
        before = node.args[0]
        makers = self._only_for(before)
        if makers is None:
            self._each(node, lambda new, part: Relu(new, [part]))
            return
        for maker in makers:
            maker.rectified = True
        self._parts[node] = self._parts[before]

    def _only_for(self, node: Any) -> list[Convolution] | None:
        """Return the convolutions that make what `node` gives, if nothing else than its one reader reads it."""
        if len(node.users) > 1:
            return None
        if node.target in _CONCATENATIONS:
            found = [self._only_for(tensor) for tensor in node.args[0]]
            every = [makers for makers in found if makers is not None]
            return [maker for makers in every for maker in makers] if len(every) == len(found) else None
        if node.op != "call_module" or not isinstance(self._modules[node.target], nn.Conv2d):
            return None
        (part,) = self._parts[node]
        return [step for step in self.steps if step.output == part and isinstance(step, Convolution)]

    def _move_masks(self) -> None:
        """Undo a ReLU behind its max-pools, where there are fewer pixels."""
        shown = {part for parts in self.outputs for part in parts}
        for step in self.steps:
            if not isinstance(step, Convolution) or not step.rectified or step.output in shown:
                continue
            readers = [reader for reader in self.steps if step.output in reader.parts]
            pools = [reader for reader in readers if isinstance(reader, MaxPool)]
            if len(pools) == len(readers):
                step.unrectifies = False
                for pool in pools:
                    pool.unrectifies = True
