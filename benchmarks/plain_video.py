"""Dream a video as the popular scripts do; process.py compares `livedream run` with it.

    python benchmarks/plain_video.py VIDEO TARGET --weights googlenet-1378be20.pth --sizes 180x320,129x229 --steps 12

The structure is that of gordicaleksa/pytorch-deepdream. All frames are written as JPEG files. Each is blended with the
previous dream and dreamt by itself, and each dream is written as a JPEG file, of which FFmpeg's H.264 encoder makes
the video. A step shifts the image, runs torchvision's GoogLeNet in float32 up to the layer, computes the mean square of
its activations and its gradient by autograd, smooths the gradient with three Gaussians, normalizes it, adds it, and
clamps the image to the range of pixels. Nothing of livedream is imported.
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
STEP_SIZE = 0.09
BLEND = 0.85
"""Share of the frame in the image that its dream starts from; the rest is the previous dream."""
JITTER = 32
"""Largest shift in pixels."""
KERNEL_SIZE = 9
"""Width and height of the Gaussian kernels in pixels."""


def gaussian_kernels(sigma: float) -> Tensor:
    """Return three Gaussian kernels for each of three channels, (9, 1, KERNEL_SIZE, KERNEL_SIZE)."""
    kernels = []
    for width in (0.5 * sigma, sigma, 2 * sigma):
        line = torch.exp(-(((torch.arange(KERNEL_SIZE) - KERNEL_SIZE // 2) / width) ** 2) / 2)
        kernels.append(torch.outer(line, line) / line.sum() ** 2)
    return torch.stack(kernels).repeat(3, 1, 1)[:, None]


def step(network: torch.nn.Module, image: Tensor, sigma: float) -> Tensor:
    """Return the image, normalized float32 (1, 3, h, w), after one step."""
    shift = random.randint(-JITTER, JITTER), random.randint(-JITTER, JITTER)
    image = torch.roll(image, shift, (2, 3)).requires_grad_()
    activations = image
    for name in LAYERS:
        activations = network.get_submodule(name)(activations)
    torch.autograd.backward(F.mse_loss(activations, torch.zeros_like(activations)))
    gradient = image.grad
    assert gradient is not None
    padded = F.pad(gradient, [KERNEL_SIZE // 2] * 4, mode="reflect")
    smooth = F.conv2d(padded, gaussian_kernels(sigma), groups=3)
    smooth = smooth.view(1, 3, 3, *smooth.shape[2:]).mean(2)
    with torch.no_grad():
        image = image + STEP_SIZE * (smooth - smooth.mean()) / smooth.std()
        image = torch.maximum(torch.minimum(image, (1 - MEAN) / STD), -MEAN / STD)
    return torch.roll(image.detach(), (-shift[0], -shift[1]), (2, 3))


def read(path: Path) -> np.ndarray:
    """Return an image file as uint8 BGR (h, w, 3)."""
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return pixels.astype(np.uint8, copy=False)


def dream(network: torch.nn.Module, pixels: np.ndarray, shapes: list[tuple[int, int]], steps: int) -> np.ndarray:
    """Dream an image.

    Args:
        network: GoogLeNet.
        pixels: float32 RGB (h, w, 3), 0 to 1.
        shapes: (height, width) of the octaves, which take turns.
        steps: total number of steps.
    """
    image = (torch.from_numpy(pixels).permute(2, 0, 1)[None] - MEAN) / STD
    for number in range(steps):
        image = F.interpolate(image, shapes[number % len(shapes)], mode="bilinear")
        image = step(network, image, (number + 1) / steps * 2 + 0.5)
    image = F.interpolate(image, pixels.shape[:2], mode="bilinear") * STD + MEAN
    return image[0].permute(1, 2, 0).clamp(0, 1).numpy()


def parse_shapes(text: str) -> list[tuple[int, int]]:
    shapes = []
    for shape in text.split(","):
        height, width = shape.split("x")
        shapes.append((int(height), int(width)))
    return shapes


def load_network(weights: str) -> torch.nn.Module:
    network = googlenet(transform_input=False, aux_logits=False, init_weights=False)
    # torchvision's own file also contains the two auxiliary classifiers.
    network.load_state_dict(torch.load(weights), strict=False)
    return network.eval().requires_grad_(False)


def extract_frames(video: str, folder: Path) -> tuple[int, float]:
    """Write the frames as frame-000000.jpg and so on; return their number and the frame rate."""
    capture = cv2.VideoCapture(video)
    rate, count = capture.get(cv2.CAP_PROP_FPS), 0
    while True:
        success, pixels = capture.read()
        if not success:
            return count, rate
        cv2.imwrite(str(folder / f"frame-{count:06}.jpg"), pixels)
        count += 1


def encode_dreams(folder: Path, count: int, rate: float, target: str) -> None:
    with av.open(target, "w") as container:
        stream = container.add_stream("libx264", rate=round(rate))
        for number in range(count):
            pixels = read(folder / f"dream-{number:06}.jpg")
            if not number:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("target", help="video file to write")
    parser.add_argument("--weights", required=True, help="GoogLeNet's weights, as torchvision saves them")
    parser.add_argument("--sizes", required=True, help="HEIGHTxWIDTH of the octaves, which take turns, with commas")
    parser.add_argument("--steps", type=int, required=True, help="total number of steps per frame")
    arguments = parser.parse_args()
    shapes = parse_shapes(arguments.sizes)
    network = load_network(arguments.weights)
    with tempfile.TemporaryDirectory(prefix="plain-video-") as name:
        folder = Path(name)
        count, rate = extract_frames(arguments.video, folder)
        previous = None
        for number in range(count):
            pixels = read(folder / f"frame-{number:06}.jpg")[:, :, ::-1].astype(np.float32) / 255
            blended = pixels if previous is None else BLEND * pixels + (1 - BLEND) * previous
            previous = dream(network, np.ascontiguousarray(blended), shapes, arguments.steps)
            cv2.imwrite(str(folder / f"dream-{number:06}.jpg"), (previous[:, :, ::-1] * 255).astype(np.uint8))
        encode_dreams(folder, count, rate, arguments.target)
    print(count)


if __name__ == "__main__":
    main()
