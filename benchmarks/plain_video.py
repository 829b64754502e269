"""A film dreamt as the popular scripts do it: what `livedream run` is measured against as a process, start to end.

    python benchmarks/plain_video.py FILM TARGET --weights googlenet-1378be20.pth --sizes 180x320,129x229 --steps 12

The structure is that of gordicaleksa/pytorch-deepdream: all frames are written out as JPEG files, each is dreamt by
itself from a blend with the dream before it, each dream is written as a JPEG file, and FFmpeg's H.264 encoder makes the
film of these. A step rolls the picture, runs torchvision's GoogLeNet in float32 up to the layer, takes the mean square
of its activations, goes back by autograd, smooths the gradient by three Gaussians, normalises it, adds it and clamps
the picture to what a picture can be. Nothing of livedream is imported.

sizes: (height)x(width) of the octaves, which take turns. steps: of a frame, in all, as many as livedream makes.
"""

import argparse
import random
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models import googlenet

LAYERS = (
    *("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3"),
    *("inception4a", "inception4b", "inception4c"),
)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
STEP = 0.09
BLEND = 0.85
"""Share of a frame in what its dream begins with; the rest is the dream before it."""
JITTER = 32
SIDE = 9
"""Of the Gaussians, in pixels."""


def gaussians(sigma: float) -> Tensor:
    """Return three Gaussians for each of three channels, (9, 1, SIDE, SIDE)."""
    kernels = []
    for width in (0.5 * sigma, sigma, 2 * sigma):
        line = torch.exp(-(((torch.arange(SIDE) - SIDE // 2) / width) ** 2) / 2)
        kernels.append(torch.outer(line, line) / line.sum() ** 2)
    return torch.stack(kernels).repeat(3, 1, 1)[:, None]


def step(network: torch.nn.Module, picture: Tensor, sigma: float) -> Tensor:
    shift = random.randint(-JITTER, JITTER), random.randint(-JITTER, JITTER)
    picture = torch.roll(picture, shift, (2, 3)).requires_grad_()
    seen = picture
    for name in LAYERS:
        seen = network.get_submodule(name)(seen)
    torch.autograd.backward(F.mse_loss(seen, torch.zeros_like(seen)))
    gradient = picture.grad
    assert gradient is not None
    smooth = F.conv2d(F.pad(gradient, [SIDE // 2] * 4, mode="reflect"), gaussians(sigma), groups=3)
    smooth = smooth.view(1, 3, 3, *smooth.shape[2:]).mean(2)
    with torch.no_grad():
        picture = picture + STEP * (smooth - smooth.mean()) / smooth.std()
        picture = torch.maximum(torch.minimum(picture, (1 - MEAN) / STD), -MEAN / STD)
    return torch.roll(picture.detach(), (-shift[0], -shift[1]), (2, 3))


def read(path: Path) -> np.ndarray:
    """Return an image, BGR uint8 (h, w, 3)."""
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return pixels.astype(np.uint8, copy=False)


def dream(network: torch.nn.Module, pixels: np.ndarray, sizes: list[tuple[int, int]], steps: int) -> np.ndarray:
    """Return `pixels`, float32 RGB (h, w, 3), 0..1, after so many steps."""
    picture = (torch.from_numpy(pixels).permute(2, 0, 1)[None] - MEAN) / STD
    for number in range(steps):
        picture = F.interpolate(picture, sizes[number % len(sizes)], mode="bilinear")
        picture = step(network, picture, (number + 1) / steps * 2 + 0.5)
    picture = F.interpolate(picture, pixels.shape[:2], mode="bilinear") * STD + MEAN
    return picture[0].permute(1, 2, 0).clamp(0, 1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film")
    parser.add_argument("target")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--sizes", required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    sizes = []
    for size in arguments.sizes.split(","):
        height, width = size.split("x")
        sizes.append((int(height), int(width)))
    network = googlenet(transform_input=False, aux_logits=False, init_weights=False)
    # The file has two more classifiers, where it is torchvision's own.
    network.load_state_dict(torch.load(arguments.weights), strict=False)
    network.eval().requires_grad_(False)
    with tempfile.TemporaryDirectory(prefix="plain-video-") as name:
        folder = Path(name)
        film = cv2.VideoCapture(arguments.film)
        rate, count = film.get(cv2.CAP_PROP_FPS), 0
        while (got := film.read())[0]:
            cv2.imwrite(str(folder / f"frame-{count:06}.jpg"), got[1])
            count += 1
        before = None
        for number in range(count):
            pixels = read(folder / f"frame-{number:06}.jpg")[:, :, ::-1].astype(np.float32) / 255
            begin = pixels if before is None else BLEND * pixels + (1 - BLEND) * before
            before = dream(network, np.ascontiguousarray(begin), sizes, arguments.steps)
            cv2.imwrite(str(folder / f"dream-{number:06}.jpg"), (before[:, :, ::-1] * 255).astype(np.uint8))
        with av.open(arguments.target, "w") as target:
            stream = target.add_stream("libx264", rate=round(rate))
            for number in range(count):
                picture = read(folder / f"dream-{number:06}.jpg")
                if not number:
                    stream.height, stream.width = picture.shape[:2]
                target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            target.mux(stream.encode())
    print(count)


if __name__ == "__main__":
    main()
