"""A network's forward and backward pass on a CPU with hand-written layers: faster than autograd, which calls each layer
by itself.

Only the gradient of the image is computed; weights have none.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, fx, nn

from livedream.dream.native.layer_kernels import normalise
from livedream.dream.native.lowering import LoweredNetwork
from livedream.dream.native.ops import Gradients, UnsupportedLayerError, Values, add
from livedream.dream.native.replay import Recording, UnrecordableError, record

_log = logging.getLogger(__name__)

_onednn = torch.ops.mkldnn
# Recordings kept, one for each image shape and number of threads: enough for the octaves of a few streams.
_RECORDINGS = 24

Parts = Sequence[tuple[int, ...]]
"""The numbers of the tensors that each output is concatenated from."""


class NetworkPass(nn.Module):
    """Maps an image to what `traced` returns for the normalised image, with a hand-written backward pass. On a CPU.

    There are two ways to a gradient. As a module it is one autograd function. Without autograd, which saves 0.3 ms per
    step, `run` goes forward and its result goes backward:

        run = network_pass.run(image, wanted)
        gradient = run.backward(gradients_of(run.outputs))

    Weights are copied: later changes to `traced` have no effect.
    """

    def __init__(self, traced: fx.GraphModule, mean: Tensor, std: Tensor, merge: bool = False) -> None:
        """Lower the graph of a network.

        Args:
            traced: the graph; it returns a tuple of activations.
            mean: float32 (1, channels, 1, 1), subtracted from the image.
            std: float32 (1, channels, 1, 1), by which the image is divided then.
            merge: whether parallel convolutions become one, see `LoweredNetwork`.

        Raises:
            UnsupportedLayerError: the network has a layer that ops.py lacks, or torch was built without oneDNN.
        """
        super().__init__()
        if not torch._C._has_mkldnn or not hasattr(_onednn, "_convolution_pointwise"):
            raise UnsupportedLayerError("this torch has no oneDNN")
        if (
            any(weight.dtype == torch.bfloat16 for weight in traced.parameters())
            and not _onednn._is_mkldnn_bf16_supported()
        ):
            raise UnsupportedLayerError("oneDNN has no bfloat16 on this processor")
        self._lowered = LoweredNetwork(traced, mean, std, merge)
        self._recordings: dict[tuple[object, ...], Recording | None] = {}

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for `image`, float32 (n, channels, h, w), differentiable by autograd."""
        return _AutogradPass.apply(image, self)

    def run(self, image: Tensor, wanted: Sequence[bool] | None = None) -> "ForwardRun":
        """Go forward without autograd, which the caller has turned off.

        Args:
            image: float32 (n, channels, h, w).
            wanted: which outputs will have a gradient. If given, the pass is recorded for this shape of image and
                replayed from then on, with the same bits: worth it for images that often have the same shape.

        Raises:
            ReplayError: the replay failed, for example for lack of memory; the caller may try without `wanted`.
        """
        if wanted is not None:
            image = image.contiguous(memory_format=torch.channels_last)
            recording = self._recording_for(image, tuple(wanted))
            if recording is not None:
                replay = recording.replay(image)
                return ForwardRun(self._lowered.outputs, replay.outputs, replay.backward)
        values = self._forward(image)
        return ForwardRun(self._lowered.outputs, values, partial(self._backward, values))

    @torch.no_grad()
    def elements(self, image: Tensor) -> int:
        """Return how many elements a forward pass writes: those of the normalised image and of each layer.

        A ReLU fused with a convolution and a concatenation that stays in parts write none.
        """
        return sum(tensor.numel() for tensor in self._forward(image).values())

    def _recording_for(self, image: Tensor, wanted: tuple[bool, ...]) -> Recording | None:
        """Return the recording for images like `image`, made now if there is none; None if it cannot be recorded."""
        key = image.shape, torch.get_num_threads(), wanted, image.dtype
        if key in self._recordings:
            return self._recordings[key]
        if len(self._recordings) >= _RECORDINGS:
            del self._recordings[next(iter(self._recordings))]
        recording = None
        try:
            outputs = list(dict.fromkeys(chain.from_iterable(self._lowered.outputs)))
            differentiated = {
                part
                for parts, is_wanted in zip(self._lowered.outputs, wanted, strict=True)
                for part in parts
                if is_wanted
            }
            recording = record(self._forward, self._backward, image, outputs, differentiated)
        except UnrecordableError as why:
            _log.info("each step goes layer by layer: %s", why)
        self._recordings[key] = recording
        return recording

    def _forward(self, image: Tensor) -> Values:
        lowered = self._lowered
        values = Values(normalise(image, lowered.mean, lowered.std, lowered.dtype))
        for step in lowered.steps:
            step.forward(values)
        return values

    def _backward(self, values: Values, gradients: Gradients) -> Tensor | None:
        """Return the gradient of the image, float32; None if no gradient reaches it. Consumes `gradients`."""
        gradients = dict(gradients)
        for step in reversed(self._lowered.steps):
            gradient = step.take(values, gradients)
            if gradient is not None:
                step.backward(values, gradients, gradient)
        return gradients[0].float() if 0 in gradients else None


class ForwardRun:
    """A forward pass that was made: its outputs, and the backward pass from their gradients."""

    def __init__(
        self, parts: Parts, values: Mapping[int, Tensor], backward: Callable[[Gradients], Tensor | None]
    ) -> None:
        """Join the outputs.

        Args:
            parts: the numbers of the tensors of each output.
            values: the tensors of the pass by number, at least those of the outputs.
            backward: maps the gradients of those tensors to that of the image.
        """
        self._parts = parts
        self._channels = {part: values[part].shape[1] for part in chain.from_iterable(parts)}
        self._backward = backward
        self.outputs = tuple(
            values[numbers[0]] if len(numbers) == 1 else torch.cat([values[number] for number in numbers], 1)
            for numbers in parts
        )
        """The activations, each (n, channels, h, w)."""

    def backward(self, gradients: Sequence[Tensor | None]) -> Tensor | None:
        """Return the gradient of the image, float32 (n, channels, h, w); None if no gradient reaches it.

        Args:
            gradients: of each output, None for an output without one. They may be overwritten.

        Raises:
            ReplayError: the replay failed.
        """
        return self._backward(self._split(gradients))

    def _split(self, gradients: Sequence[Tensor | None]) -> Gradients:
        """Split the gradients of the outputs into those of the tensors they were joined from."""
        split: Gradients = {}
        for numbers, gradient in zip(self._parts, gradients, strict=True):
            if gradient is not None:
                pieces = torch.split(gradient, [self._channels[number] for number in numbers], 1)
                for number, piece in zip(numbers, pieces, strict=True):
                    add(split, number, piece.contiguous(memory_format=torch.channels_last))
        return split


class _AutogradPass(torch.autograd.Function):
    """The pass as one function of autograd, for objectives without a hand-written gradient."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, network_pass: NetworkPass) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.run = network_pass.run(image)
        # Detached: a tensor that is both kept and returned would keep its own graph alive.
        return tuple(tensor.detach() for tensor in ctx.run.outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None]:
        # Copies: autograd may read its own gradients again.
        return ctx.run.backward([None if gradient is None else gradient.clone() for gradient in gradients]), None
