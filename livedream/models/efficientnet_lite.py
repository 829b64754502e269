"""EfficientNet-Lite0: EfficientNet-B0 with ReLU6 and without squeeze-and-excitation, for small processors.

Source: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
arXiv:1905.11946, 2019; the Lite variants in tensorflow/tpu, models/official/efficientnet/lite. Implemented here because
the package that comes with the weights (efficientnet-lite-pytorch) prints, and timm's padding cannot be traced.
"""

import torch
from torch import Tensor, nn

_EPSILON = 1e-3  # of batch norm, as in TensorFlow
_STAGES = (
    # blocks, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Block(nn.Module):
    """Expansion, depthwise convolution and projection; with a residual connection if the shapes agree."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.adds = stride == 1 and channels == out
        self.expands = expansion > 1
        if self.expands:
            self.expand_conv = nn.Conv2d(channels, wide, 1, bias=False)
            self.bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self.pads = stride > 1
        if self.pads:
            self.pad = _pad(kernel, stride)
        padding = 0 if self.pads else kernel // 2
        self.depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, padding, groups=wide, bias=False)
        self.bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self.project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out, _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        y = self.pad(y) if self.pads else y
        y = nn.functional.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0: maps images (n, 3, h, w) to logits (n, classes).

    For even h and w it gives the same as TensorFlow's. Layers are named like the weights without their underscores:
    `blocks.5` for `_blocks.5`.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.pad = _pad(3, 2)
        self.conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.bn0 = nn.BatchNorm2d(32, _EPSILON)
        self.relu0 = nn.ReLU6()
        self.blocks = nn.Sequential()
        channels = 32
        for count, kernel, stride, expansion, out in _STAGES:
            for number in range(count):
                self.blocks.append(Block(channels, out, kernel, stride if number == 0 else 1, expansion))
                channels = out
        self.conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(1280, _EPSILON)
        self.relu1 = nn.ReLU6()
        self.fc = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu0(self.bn0(self.conv_stem(self.pad(x))))
        x = self.relu1(self.bn1(self.conv_head(self.blocks(x))))
        return self.fc(torch.mean(x, (2, 3)))


def _pad(kernel: int, stride: int) -> nn.ZeroPad2d:
    """Return TensorFlow's `same` padding for even sides: with stride 2, one more pixel on the right and below."""
    whole = kernel - stride
    return nn.ZeroPad2d((whole // 2, whole - whole // 2) * 2)
