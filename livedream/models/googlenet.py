"""GoogLeNet, the network of the first deep dreams.

Source: C. Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842, 2014, with batch normalisation and 3x3
instead of 5x5 kernels in the third branch, like the weights that torchvision publishes. Implemented here because
importing torchvision, which imports torch's compiler, takes longer than importing torch. Layers are named as in
torchvision.
"""

import torch
from torch import Tensor, nn

_EPSILON = 1e-3  # of batch norm, as in TensorFlow


class Convolution(nn.Module):
    """A convolution with batch normalisation and ReLU. With stride 1, it keeps the height and width."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out, _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four parallel branches, concatenated: 1x1, 3x3, another 3x3, and pooling."""

    def __init__(self, channels: int, squeezed: tuple[int, int], out: tuple[int, int, int, int]) -> None:
        """Create the branches.

        Args:
            channels: of the input.
            squeezed: channels to which the second and third branch reduce their input.
            out: channels of the output of each branch.
        """
        super().__init__()
        self.branch1 = Convolution(channels, out[0], 1)
        self.branch2 = nn.Sequential(Convolution(channels, squeezed[0], 1), Convolution(squeezed[0], out[1], 3))
        self.branch3 = nn.Sequential(Convolution(channels, squeezed[1], 1), Convolution(squeezed[1], out[2], 3))
        pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
        self.branch4 = nn.Sequential(pool, Convolution(channels, out[3], 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)), 1)


class GoogLeNet(nn.Module):
    """GoogLeNet: maps images (n, 3, h, w) to logits (n, classes), without the auxiliary classifiers of training."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 64, 7, 2)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = Convolution(64, 64, 1)
        self.conv3 = Convolution(64, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(192, (96, 16), (64, 128, 32, 32))
        self.inception3b = Inception(256, (128, 32), (128, 192, 96, 64))
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(480, (96, 16), (192, 208, 48, 64))
        self.inception4b = Inception(512, (112, 24), (160, 224, 64, 64))
        self.inception4c = Inception(512, (128, 24), (128, 256, 64, 64))
        self.inception4d = Inception(512, (144, 32), (112, 288, 64, 64))
        self.inception4e = Inception(528, (160, 32), (256, 320, 128, 128))
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a = Inception(832, (160, 32), (256, 320, 128, 128))
        self.inception5b = Inception(832, (192, 48), (384, 384, 128, 128))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4c(self.inception4b(self.inception4a(x)))
        x = self.maxpool4(self.inception4e(self.inception4d(x)))
        x = self.inception5b(self.inception5a(x))
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))
