"""Parametrisation of images by their Fourier spectrum in decorrelated colours, for optimisation from noise.

In this space a step changes broad forms as fast as fine ones, and colours in the proportions of photographs. So no
high-frequency patterns and no rainbow colours appear.

Source: C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill, 2017, and tensorflow/lucid,
`optvis/param/spatial.py` (`fft_image`) and `optvis/param/color.py`. The colour matrix is the symmetric root of lucid's
covariance, which differs from lucid's matrix only by a rotation of the decorrelated colours.
"""

import torch
from torch import Tensor, nn

from livedream.dream.image.precondition import color_matrix

_NOISE = 0.01
"""Standard deviation of the initial spectrum."""


class FourierImages(nn.Module):
    """A batch of images, (count, 3, size, size) in RGB from 0 to 1. The parameter is their spectrum.

    All images start from the same noise, drawn from `seed` on the CPU, so that an image depends neither on the rest of
    the batch nor on the device.
    """

    scale: Tensor
    colors: Tensor

    def __init__(self, count: int, size: int, seed: int) -> None:
        super().__init__()
        self.size = size
        generator = torch.Generator().manual_seed(seed)
        noise = _NOISE * torch.randn(1, 3, size, size // 2 + 1, 2, generator=generator)
        self.spectrum = nn.Parameter(noise.repeat(count, 1, 1, 1, 1))
        down, across = torch.fft.fftfreq(size), torch.fft.rfftfreq(size)
        frequency = (down[:, None].square() + across.square()).sqrt()
        # Natural images have a spectrum of 1/f. The factor of 1/4 is lucid's; it keeps noise in the middle of the
        # sigmoid. Repeated for real and imaginary part once: at each step it would take ten times as long.
        scale = (1 / frequency.clamp_min(1 / size) / 4)[..., None].repeat(1, 1, 2)
        self.register_buffer("scale", scale)
        # Optimising decorrelated colours before a matrix preconditions the gradient by the square of the matrix.
        colors = torch.from_numpy(color_matrix(0.5)).float()
        self.register_buffer("colors", colors / colors.norm(dim=0).max())

    def forward(self) -> Tensor:
        spectrum = torch.view_as_complex(self.spectrum * self.scale)
        plain = torch.fft.irfft2(spectrum, (self.size, self.size), norm="ortho")
        return torch.einsum("ij,njhw->nihw", self.colors, plain).sigmoid()

    @torch.no_grad()
    def fade(self, images: Tensor, contrast: float) -> None:
        """Reduce the contrast of each image to at most `contrast`, a standard deviation.

        images: what `forward` returned last.
        """
        factors = (contrast / images.std((1, 2, 3))).clamp_max(1)
        self.spectrum.mul_(factors.view(-1, 1, 1, 1, 1))
