"""MediaPipe's selfie segmentation, landscape model: where a person is in a picture.

Source: the TFLite file in the npm package @mediapipe/selfie_segmentation 0.1.1675465747 (`scripts/build_weights`), by
Google; its model card: "MediaPipe Selfie Segmentation", 2021. The encoder is MobileNetV3-small (A. Howard et al.,
"Searching for MobileNetV3", arXiv:1905.02244) with fewer channels; each stage of the decoder weighs the channels of the
encoder's stage of the same size.

Written out for torch because OpenCV, which reads the TFLite file too, takes as many threads as the whole process has,
and the dream needs those (`livedream.dream.stream.person`). One search on one thread takes 4 ms here and 7 ms in
OpenCV 5.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIVISOR = 16
"""Both sides of a picture must be multiples of this."""

_ENCODER = (
    # channels in, expanded, out, kernel, stride, channels that the gate squeezes to (0: no gate), hard swish
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
    """A weight 0..1 for each channel, from the mean of each channel (squeeze and excitation): (n, c, 1, 1)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu_()).sigmoid_()


class Bottleneck(nn.Module):
    """Expand to more channels, filter each by itself, weigh them, project to few; a residual where the sizes agree."""

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
    """Scale up to the size of an earlier stage of the encoder, and add that one's channels, weighed."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, out, 1)
        self.gate = Gate(out, out)
        self.mix = nn.Conv2d(out, out, 1)
        self.depthwise = nn.Conv2d(out, out, 3, padding=1, groups=out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        # The original projects after it has scaled up. Both are linear, and this way it is a quarter of the work.
        y = F.interpolate(self.project(x), skip.shape[2:], mode="bilinear", align_corners=False)
        y += skip * self.gate(skip + y)
        y = self.mix(y).relu_()
        return self.depthwise(y).relu_().add_(y)


class SelfieSegmentation(nn.Module):
    """Pictures (n, 3, h, w), RGB 0..1, both sides multiples of 16, to where a person is: (n, 1, h, w), 0..1.

    Trained on 144x256 (height, width).
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
    """Return a convolution with TensorFlow's `same` padding of an even side: a stride of 2 pads one less before."""
    if stride == 1:
        return nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups)
    whole = kernel - stride
    pad = nn.ZeroPad2d((whole // 2, whole - whole // 2) * 2)
    return nn.Sequential(pad, nn.Conv2d(channels, out, kernel, stride, groups=groups))
