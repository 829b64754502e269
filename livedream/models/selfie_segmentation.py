"""MediaPipe's selfie segmentation, landscape model: finds where a person is in an image.

Source: the TFLite file in the npm package @mediapipe/selfie_segmentation 0.1.1675465747 (`scripts/build_weights`), by
Google; its model card: "MediaPipe Selfie Segmentation", 2021. The encoder is MobileNetV3-small (A. Howard et al.,
"Searching for MobileNetV3", arXiv:1905.02244) with fewer channels; each stage of the decoder weights the channels of
the encoder's stage of the same size.

Implemented in torch because OpenCV, which can read the TFLite file, uses all threads of the process, and the dream
needs those (see `livedream.dream.image.person`). One inference on one thread takes 4 ms here and 7 ms in OpenCV 5.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIVISOR = 16
"""The height and width of an image must be multiples of this."""

_ENCODER = (
    # channels in, expanded, out, kernel, stride, channels inside the gate (0: no gate), hard swish
    (16, 16, 16, 3, 2, 8, False),
    (16, 72, 24, 3, 2, 0, False),
    (24, 88, 24, 3, 1, 0, False),
    (24, 96, 32, 5, 2, 24, True),
    (32, 128, 32, 5, 1, 32, True),
    (32, 128, 32, 5, 1, 32, True),
    (32, 96, 32, 5, 1, 24, True),
    (32, 96, 32, 5, 1, 24, True),
)


class Gate(nn.Module):
    """Squeeze and excitation: a weight 0..1 for each channel, (n, c, 1, 1), from the means of the channels."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu_()).sigmoid_()


class Bottleneck(nn.Module):
    """Expansion, depthwise convolution, gate and projection; with a residual connection at stride 1."""

    def __init__(
        self, channels: int, expanded: int, out: int, kernel: int, stride: int, squeezed: int, swish: bool
    ) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, expanded, 1)
        self.depthwise = _same_conv(expanded, expanded, kernel, stride, groups=expanded)
        self.gate = Gate(expanded, squeezed) if squeezed else None
        self.project = nn.Conv2d(expanded, out, 1)
        self.activation = nn.Hardswish(inplace=True) if swish else nn.ReLU(inplace=True)
        self.is_residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.depthwise(self.activation(self.expand(x))))
        if self.gate is not None:
            y *= self.gate(y)
        y = self.project(y)
        return y.add_(x) if self.is_residual else y


class DecoderStage(nn.Module):
    """Upsamples to the size of an earlier stage of the encoder and adds the gated channels of that stage."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, out, 1)
        self.gate = Gate(out, out)
        self.mix = nn.Conv2d(out, out, 1)
        self.depthwise = nn.Conv2d(out, out, 3, padding=1, groups=out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        # The original projects after upsampling. Both are linear, and this order takes a quarter of the work.
        y = F.interpolate(self.project(x), skip.shape[2:], mode="bilinear", align_corners=False)
        y += skip * self.gate(skip + y)
        y = self.mix(y).relu_()
        return self.depthwise(y).relu_().add_(y)


class SelfieSegmentation(nn.Module):
    """Maps RGB images (n, 3, h, w), 0..1, to the confidence that a pixel shows a person, (n, 1, h, w), 0..1.

    h and w must be multiples of 16. It was trained on 256x144 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _same_conv(3, 16, 3, 2)
        self.encoder = nn.ModuleList(Bottleneck(*row) for row in _ENCODER)
        self.context = nn.Conv2d(32, 128, 1)
        self.context_gate = nn.Conv2d(32, 128, 1)
        self.decoder = nn.ModuleList((DecoderStage(128, 24), DecoderStage(24, 16), DecoderStage(16, 16)))
        self.head = nn.ConvTranspose2d(16, 1, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        half = F.hardswish(self.stem(x))
        quarter = self.encoder[0](half)
        eighth = self.encoder[2](self.encoder[1](quarter))
        y = eighth
        for block in self.encoder[3:]:
            y = block(y)
        gate = self.context_gate(y.mean((2, 3), keepdim=True)).sigmoid_()
        y = self.context(y).relu_().mul_(gate)
        for stage, skip in zip(self.decoder, (eighth, quarter, half), strict=True):
            y = stage(y, skip)
        return torch.sigmoid(self.head(y))


def _same_conv(channels: int, out: int, kernel: int, stride: int, groups: int = 1) -> nn.Module:
    """Return a convolution with TensorFlow's `same` padding for even sides: stride 2 pads one pixel less before."""
    if stride == 1:
        return nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups)
    whole = kernel - stride
    pad = nn.ZeroPad2d((whole // 2, whole - whole // 2) * 2)
    return nn.Sequential(pad, nn.Conv2d(channels, out, kernel, stride, groups=groups))
