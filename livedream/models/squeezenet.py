"""SqueezeNet 1.1, the network that ships in the package.

Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", arXiv:1602.07360, 2016;
version 1.1 of the authors' repository (forresti/SqueezeNet), 2.4 times cheaper than 1.0 at the same accuracy.
"""

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """Squeeze to few channels, then expand with parallel 1x1 and 3x3 kernels."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = torch.relu(self.squeeze1x1(x))
        return torch.relu(torch.cat((self.expand1x1(squeezed), self.expand3x3(squeezed)), 1))


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1: maps images (n, 3, h, w) minus the mean colour to logits (n, classes).

    Layers are named as in the paper. h and w must be at least 17: below that, the input of the last pooling is empty.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fire2 = Fire(64, 16, 64)
        self.fire3 = Fire(128, 16, 64)
        self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fire4 = Fire(128, 32, 128)
        self.fire5 = Fire(256, 32, 128)
        self.pool5 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fire6 = Fire(256, 48, 192)
        self.fire7 = Fire(384, 48, 192)
        self.fire8 = Fire(384, 64, 256)
        self.fire9 = Fire(512, 64, 256)
        self.conv10 = nn.Conv2d(512, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(torch.relu(self.conv1(x)))
        x = self.pool3(self.fire3(self.fire2(x)))
        x = self.pool5(self.fire5(self.fire4(x)))
        x = self.fire9(self.fire8(self.fire7(self.fire6(x))))
        return torch.relu(self.conv10(x)).mean((2, 3))
