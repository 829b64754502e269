"""A picture as its Fourier spectrum, in colours that do not depend on each other: what is optimised from noise.

Steps in such a picture change broad forms as fast as fine ones, and colours as they go together in photographs, so that
no high-frequency pattern and no rainbow comes out.

Source: C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill, 2017, and tensorflow/lucid,
`optvis/param/spatial.py` (`fft_image`) and `optvis/param/color.py`. The matrix of the colours is the symmetric root of
lucid's covariance, the same up to a rotation of the independent colours.
"""

import torch
from torch import Tensor, nn

from livedream.dream.image.precondition import color_matrix

_NOISE = 0.01
"""Standard deviation of the spectrum with which a picture begins."""


class FourierPictures(nn.Module):
    """Pictures to be optimised, (count, 3, size, size) in RGB from 0 to 1; its parameter is their spectrum.

    All begin with the same noise, drawn from `seed` on the CPU, so that a picture depends neither on those beside it
    nor on the device.
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
        # Natural pictures have 1/f; /4 is lucid's, with which noise fills the middle of the sigmoid.
        # For real and imaginary part each: spread out here once, a tenth of the time of doing so at each step.
        scale = (1 / frequency.clamp_min(1 / size) / 4)[..., None].repeat(1, 1, 2)
        self.register_buffer("scale", scale)
        # To optimise independent colours behind a matrix is to precondition the gradient by its square.
        colors = torch.from_numpy(color_matrix(0.5)).float()
        self.register_buffer("colors", colors / colors.norm(dim=0).max())

    def forward(self) -> Tensor:
        spectrum = torch.view_as_complex(self.spectrum * self.scale)
        plain = torch.fft.irfft2(spectrum, (self.size, self.size), norm="ortho")
        return torch.einsum("ij,njhw->nihw", self.colors, plain).sigmoid()

    @torch.no_grad()
    def fade(self, shown: Tensor, contrast: float) -> None:
        """Make each picture that was `shown` with more than this contrast, its deviation, paler by the excess."""
        factors = (contrast / shown.std((1, 2, 3))).clamp_max(1)
        self.spectrum.mul_(factors.view(-1, 1, 1, 1, 1))
