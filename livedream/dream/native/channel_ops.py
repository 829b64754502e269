"""Channels of several tensors laid together in one, and of one tensor laid apart in several."""

from collections.abc import Sequence

import torch
from torch import Tensor

from livedream.dream.native import kernels
from livedream.dream.native.ops import Gradients, Step, Values, add

_LAST = torch.channels_last


def _together(tensors: Sequence[Tensor]) -> Tensor:
    """Return the channels of all, one after the other."""
    first = tensors[0]
    count = sum(tensor.shape[1] for tensor in tensors)
    result = torch.empty((first.shape[0], count, *first.shape[2:]), dtype=first.dtype, memory_format=_LAST)
    start = 0
    for tensor in tensors:
        kernels.copy_channels(tensor, 0, result, start, tensor.shape[1])
        start += tensor.shape[1]
    return result


def _apart(x: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Return the first of so many channels each, the next, and so on."""
    parts, start = [], 0
    for count in counts:
        part = torch.empty((x.shape[0], count, *x.shape[2:]), dtype=x.dtype, memory_format=_LAST)
        kernels.copy_channels(x, start, part, 0, count)
        parts.append(part)
        start += count
    return parts


class Concatenation(Step):
    """What many layers read is laid together once: each would read each part by a convolution of its own."""

    def forward(self, values: Values) -> None:
        values[self.output] = _together([values[part] for part in self.parts])

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        counts = [values[part].shape[1] for part in self.parts]
        for part, piece in zip(self.parts, _apart(gradient, counts), strict=True):
            add(known, part, piece)


class Separation(Step):
    """What several convolutions gave that were made one, each in a tensor of its own again."""

    def __init__(self, outputs: Sequence[int], part: int, channels: Sequence[int]) -> None:
        """channels: of each output."""
        super().__init__(outputs[0], [part])
        self._outputs, self._channels = tuple(outputs), tuple(channels)

    def forward(self, values: Values) -> None:
        pieces = _apart(values[self.parts[0]], self._channels)
        values.update(zip(self._outputs, pieces, strict=True))

    def take(self, values: Values, known: Gradients) -> Tensor | None:
        gradients = [known.pop(output, None) for output in self._outputs]
        if all(gradient is None for gradient in gradients):
            return None
        return _together(
            [
                torch.zeros_like(values[output]) if gradient is None else gradient
                for output, gradient in zip(self._outputs, gradients, strict=True)
            ]
        )

    def backward(self, values: Values, known: Gradients, gradient: Tensor) -> None:
        add(known, self.parts[0], gradient)
