"""Depthwise convolutions on an NVIDIA GPU with PyTorch's own kernels instead of cuDNN's.

cuDNN 9.19 takes half a second per depthwise layer and size to choose an algorithm: EfficientNet-Lite0 was ready on an
H100 after 14 s.
"""

from typing import Any

import torch
from torch import Tensor, fx, nn


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution. Its backward pass convolves the zero-dilated gradient with the rotated kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, layer: nn.Conv2d) -> Tensor:
        ctx.layer, ctx.sides = layer, x.shape[2:]
        return _convolve(x, weight, bias, layer.stride, layer.padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        layer = ctx.layer
        (high, wide), (down, across) = layer.kernel_size, layer.stride
        top, left = layer.padding
        rows, columns = ctx.sides
        # As many rows and columns as the input needs: its last ones may be in no window.
        dilated = gradient.new_zeros(*gradient.shape[:2], rows + 2 * top - high + 1, columns + 2 * left - wide + 1)
        dilated[:, :, ::down, ::across] = gradient
        rotated = layer.weight.flip(2, 3)
        return _convolve(dilated, rotated, None, (1, 1), (high - 1 - top, wide - 1 - left)), None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
    return torch.ops.aten._conv_depthwise2d(x, weight, weight.shape[2:], bias, stride, padding, (1, 1))


class _NativeDepthwise(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return _Depthwise.apply(x, self.weight, self.bias, self)


def avoid_cudnn(traced: fx.GraphModule) -> None:
    """Replace the depthwise convolutions of `traced` by ones that use PyTorch's own kernels."""
    for module in traced.modules():
        if type(module) is not nn.Conv2d or module.dilation != (1, 1) or module.padding_mode != "zeros":
            continue
        if module.groups == module.in_channels == module.out_channels > 1:
            module.__class__ = _NativeDepthwise
