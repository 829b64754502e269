"""A network's way forward and back written out for a CPU, faster than autograd, which calls each layer by itself.

Only the gradient of the picture is calculated; weights have none.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from livedream.dream.kernels import normalise
from livedream.dream.layers import Gradients, UnfusableError, Values, add
from livedream.dream.plan import Plan

_onednn = torch.ops.mkldnn


class FusedBody(nn.Module):
    """Gives what `traced` gives for a normalised picture, a tuple of activations with a gradient towards the picture
    as it was before. On a CPU.

    mean, std: float32 (1, channels, 1, 1), with which a picture is normalised. merge: see Plan.

    Weights are copied: later changes to `traced` are not seen. Raises UnfusableError for a network with other layers
    than convolutions, ReLUs, poolings, concatenations and sums, and where torch has no oneDNN.
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

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """picture: float32 (n, channels, h, w)."""
        return _Walk.apply(picture, self)

    @torch.no_grad()
    def walk(self, picture: Tensor) -> tuple[tuple[Tensor, ...], Callable[[Sequence[Tensor | None]], Tensor | None]]:
        """Return what it gives for `picture`, and the way back from gradients of that, which it may overwrite, to the
        picture's: float32, None where none leads there.
        """
        plan = self._plan
        values = Values(normalise(picture, plan.mean, plan.std, plan.dtype))
        for step in plan.steps:
            step.forward(values)

        @torch.no_grad()
        def back(gradients: Sequence[Tensor | None]) -> Tensor | None:
            known: Gradients = {}
            for parts, gradient in zip(plan.outputs, gradients, strict=True):
                if gradient is not None:
                    channels = [values[part].shape[1] for part in parts]
                    for part, piece in zip(parts, torch.split(gradient, channels, 1), strict=True):
                        add(known, part, piece.contiguous(memory_format=torch.channels_last))
            for step in reversed(plan.steps):
                if step.output in known:
                    step.backward(values, known, known.pop(step.output))
            return known[0].float() if 0 in known else None

        return tuple(_join(values, parts) for parts in plan.outputs), back


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


def _join(values: Values, parts: Sequence[int]) -> Tensor:
    return values[parts[0]] if len(parts) == 1 else torch.cat([values[part] for part in parts], 1)
