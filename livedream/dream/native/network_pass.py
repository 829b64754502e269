"""A network's way forward and back written out for a CPU, faster than autograd, which calls each layer by itself.

Only the gradient of the picture is calculated; weights have none.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, fx, nn

from livedream.dream.native.kernels import normalise
from livedream.dream.native.lowering import Plan
from livedream.dream.native.ops import Gradients, UnfusableError, Values, add
from livedream.dream.native.replay import Recording, ReplayError, Tensors, UnrecordableError, record

_log = logging.getLogger(__name__)

_onednn = torch.ops.mkldnn
# So many sizes of the picture, and numbers of threads: those of the octaves of a few streams.
_RECORDINGS = 24

Slopes = Callable[[tuple[Tensor, ...]], Sequence[Tensor | None]]
"""From the outputs of a network to the gradients of what is looked for by each, None where it is not looked for."""


class FusedBody(nn.Module):
    """Gives what `traced` gives for a normalised picture, a tuple of activations with a gradient towards the picture
    as it was before. On a CPU.

    mean, std: float32 (1, channels, 1, 1), with which a picture is normalised. merge: see Plan.

    Weights are copied: later changes to `traced` are not seen. Raises UnfusableError for a network with other layers
    than those of ops.py, and where torch has no oneDNN.
    """

    def __init__(self, traced: fx.GraphModule, mean: Tensor, std: Tensor, merge: bool = False) -> None:
        super().__init__()
        if not torch._C._has_mkldnn or not hasattr(_onednn, "_convolution_pointwise"):
            raise UnfusableError("this torch has no oneDNN")
        if (
            any(weight.dtype == torch.bfloat16 for weight in traced.parameters())
            and not _onednn._is_mkldnn_bf16_supported()
        ):
            raise UnfusableError("oneDNN has no bfloat16 on this processor")
        self._plan = Plan(traced, mean, std, merge)
        self._recordings: dict[tuple[object, ...], Recording | None] = {}

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """picture: float32 (n, channels, h, w)."""
        return _Walk.apply(picture, self)

    @torch.no_grad()
    def walk(self, picture: Tensor) -> tuple[tuple[Tensor, ...], Callable[[Sequence[Tensor | None]], Tensor | None]]:
        """Return what it gives for `picture`, and the way back from gradients of that, which it may overwrite, to the
        picture's: float32, None where none leads there.
        """
        values = self._forward(picture)

        @torch.no_grad()
        def back(gradients: Sequence[Tensor | None]) -> Tensor | None:
            return self._backward(values, self._apart(values, gradients))

        return self._together(values), back

    @torch.no_grad()
    def elements(self, picture: Tensor) -> int:
        """Return how many numbers it writes on the way forward: those of the normalised picture and of each layer.

        A ReLU that a convolution takes over, or a concatenation that stays in parts, has none of its own.
        """
        return sum(tensor.numel() for tensor in self._forward(picture).values())

    @torch.no_grad()
    def gradient(self, picture: Tensor, slopes: Slopes, which: tuple[bool, ...]) -> Tensor | None:
        """Return the gradient of `picture`, as `walk` does, in fewer calls from its second time on: for pictures that
        have often the same size.

        slopes: from the outputs to their gradients. which: of these are not None, the same for all pictures.
        """
        picture = picture.contiguous(memory_format=torch.channels_last)

        def slopes_of_parts(found: Tensors) -> Tensors:
            return self._apart(found, slopes(self._together(found)))

        try:
            recording = self._recording_for(picture, slopes_of_parts, which)
            if recording is not None:
                return recording.play(picture, slopes_of_parts)
        except ReplayError as error:
            # What is short for it, such as memory, a walk either has or says.
            _log.warning("%s; it is made once more", error)
        found, back = self.walk(picture)
        return back(slopes(found))

    def _recording_for(
        self, picture: Tensor, slopes: Callable[[Tensors], Tensors], which: tuple[bool, ...]
    ) -> Recording | None:
        """Return the way of `gradient` for such pictures, recorded now if it was not; None where it cannot be."""
        how = picture.shape, torch.get_num_threads(), which, picture.dtype
        if how in self._recordings:
            return self._recordings[how]
        if len(self._recordings) >= _RECORDINGS:
            del self._recordings[next(iter(self._recordings))]
        recording = None
        try:
            shown = list(dict.fromkeys(chain.from_iterable(self._plan.outputs)))
            recording = record(self._forward, self._backward, shown, picture, slopes)
        except UnrecordableError as why:
            _log.info("each step goes layer by layer: %s", why)
        self._recordings[how] = recording
        return recording

    def _forward(self, picture: Tensor) -> Values:
        plan = self._plan
        values = Values(normalise(picture, plan.mean, plan.std, plan.dtype))
        for step in plan.steps:
            step.forward(values)
        return values

    def _backward(self, values: Values, known: Gradients) -> Tensor | None:
        known = dict(known)
        for step in reversed(self._plan.steps):
            gradient = step.take(values, known)
            if gradient is not None:
                step.backward(values, known, gradient)
        return known[0].float() if 0 in known else None

    def _together(self, values: Mapping[int, Tensor]) -> tuple[Tensor, ...]:
        """Return the outputs, from their parts."""
        return tuple(
            values[parts[0]] if len(parts) == 1 else torch.cat([values[part] for part in parts], 1)
            for parts in self._plan.outputs
        )

    def _apart(self, values: Mapping[int, Tensor], gradients: Sequence[Tensor | None]) -> Gradients:
        """Return the gradients of the parts, from those of the outputs."""
        known: Gradients = {}
        for parts, gradient in zip(self._plan.outputs, gradients, strict=True):
            if gradient is not None:
                pieces = torch.split(gradient, [values[part].shape[1] for part in parts], 1)
                for part, piece in zip(parts, pieces, strict=True):
                    add(known, part, piece.contiguous(memory_format=torch.channels_last))
        return known


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, body: FusedBody) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        found, ctx.back = body.walk(picture)
        # Detached: a tensor that is kept and returned would keep its own pass alive.
        return tuple(tensor.detach() for tensor in found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None]:
        # Copies: autograd may need its own once more.
        return ctx.back([None if gradient is None else gradient.clone() for gradient in gradients]), None
