"""Layers that concatenate and split channels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from livedream.dream.native import layer_kernels
from livedream.dream.native.ops import Gradients, Step, Values, add

_LAST = torch.channels_last


def _concatenate(tensors: Sequence[Tensor]) -> Tensor:
    first = tensors[0]
    count = sum(tensor.shape[1] for tensor in tensors)
    result = torch.empty((first.shape[0], count, *first.shape[2:]), dtype=first.dtype, memory_format=_LAST)
    start = 0
    for tensor in tensors:
        layer_kernels.copy_channels(tensor, 0, result, start, tensor.shape[1])
        start += tensor.shape[1]
    return result


def _split(x: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Split channels into consecutive pieces of `counts` channels each."""
    parts, start = [], 0
    for count in counts:
        part = torch.empty((x.shape[0], count, *x.shape[2:]), dtype=x.dtype, memory_format=_LAST)
        layer_kernels.copy_channels(x, start, part, 0, count)
        parts.append(part)
        start += count
    return parts


class Concatenation(Step):
    """Concatenates once what many layers read: otherwise each would need one convolution per part."""

    def forward(self, values: Values) -> None:
        values[self.output] = _concatenate([values[part] for part in self.parts])

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        counts = [values[part].shape[1] for part in self.parts]
        for part, piece in zip(self.parts, _split(gradient, counts), strict=True):
            add(gradients, part, piece)


class Separation(Step):
    """Splits the output of a merged convolution into those of the convolutions it replaces."""

    def __init__(self, outputs: Sequence[int], part: int, channels: Sequence[int]) -> None:
        """channels: the channels of each output."""
        super().__init__(outputs[0], [part])
        self._outputs, self._channels = tuple(outputs), tuple(channels)

    def forward(self, values: Values) -> None:
        pieces = _split(values[self.parts[0]], self._channels)
        values.update(zip(self._outputs, pieces, strict=True))

    def take(self, values: Values, gradients: Gradients) -> Tensor | None:
        pieces = [gradients.pop(output, None) for output in self._outputs]
        if all(piece is None for piece in pieces):
            return None
        return _concatenate(
            [
                torch.zeros_like(values[output]) if piece is None else piece
                for output, piece in zip(self._outputs, pieces, strict=True)
            ]
        )

    def backward(self, values: Values, gradients: Gradients, gradient: Tensor) -> None:
        add(gradients, self.parts[0], gradient)
