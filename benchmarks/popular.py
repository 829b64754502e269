"""Compare livedream with popular implementations on images: same network, weights, size and steps, on the CPU.

    python benchmarks/popular.py [--model NAME] [--rounds N]

The output is a Markdown table of two rows: a still, compared with a plain loop (network loaded once, hook on the layer,
octaves, jitter, float32, autograd), and one channel from noise, compared with torch-lucent if that is installed.
"""

import argparse
import sys
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream import models
from livedream.bench.rounds import median_seconds
from livedream.dream.dreamer import Dreamer
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.octaves import octave_shapes, working_shape
from livedream.dream.objective.network_choice import network_for
from livedream.settings import DreamSettings
from livedream.visualize.visualizer import SIZE, STEPS, Visualizer

STILL_SIZE = 640, 360
"""(width, height) of the still."""


def still_settings(model: str) -> DreamSettings:
    """Return the settings of google/deepdream: ten steps of 1.5 at each of four octaves, with the plain gradient."""
    return DreamSettings(
        model=model,
        still_height=STILL_SIZE[1],
        octaves=4,
        octave_scale=1.4,
        smallest_octave=round(STILL_SIZE[1] / 1.4**3),  # the number of octaves of a still follows from it
        still_steps=10,
        step_size=1.5,
        natural_color=0,
        coarseness=0,
        device="cpu",
    )


class PlainStill:
    """Dreams an image, uint8 RGB (h, w, 3), in a plain loop.

    After google/deepdream, dream.ipynb, with hooks as in its ports.
    """

    def __init__(self, settings: DreamSettings) -> None:
        network_info = network_for(settings)
        self._settings = settings
        self._network = models.load(network_info.name)
        self._network.get_submodule(network_info.best).register_forward_hook(self._store_activation)
        self._smallest = network_info.smallest
        self._mean, self._std = (
            torch.tensor(values).view(1, 3, 1, 1) for values in (network_info.mean, network_info.std)
        )
        self._activation = torch.empty(0)

    def _store_activation(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        self._activation = output

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        full = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        height, width = pixels.shape[:2]
        shape = working_shape(height, width, settings.still_height, self._smallest)
        shapes = octave_shapes(shape, settings.octaves, settings.octave_scale, self._smallest)
        detail = torch.zeros(1, 3, 1, 1)
        for number, octave in enumerate(reversed(shapes)):
            image = F.interpolate(full, octave, mode="bilinear", antialias=True)
            dream = image + F.interpolate(detail, octave, mode="bilinear")
            for step in range(settings.still_steps):
                shift = draw_shift(settings.seed, number, step, settings.jitter, octave)
                dream = self._step(dream, shift).clamp(0, 255)
            detail = dream - image
        return (image + detail).round().byte()[0].permute(1, 2, 0).numpy()

    def _step(self, image: Tensor, shift: tuple[int, int]) -> Tensor:
        leaf = torch.roll(image, shift, (2, 3)).requires_grad_()
        self._network((leaf - self._mean) / self._std)
        torch.autograd.backward(self._activation.square().mean())
        # The backward pass has set leaf.grad.
        gradient = torch.roll(leaf.grad, (-shift[0], -shift[1]), (2, 3))  # type: ignore[arg-type]
        self._network.zero_grad()
        return image + gradient / gradient.abs().mean() * self._settings.step_size


class LucentChannel:
    """Visualizes one channel from noise with torch-lucent: its transformations and optimizer, livedream's weights."""

    def __init__(self, model: str) -> None:
        from lucent.optvis import param, render, transform

        network_info = models.find_network(model)
        network = models.load(model)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network_info.mean, network_info.std))
        transforms = [*transform.standard_transforms, lambda image: (255 * image - mean) / std]

        def draw(channel: int) -> np.ndarray:
            torch.manual_seed(0)
            (image,) = render.render_vis(
                network,
                f"{network_info.best.replace('.', '_')}:{channel}",
                lambda: param.image(SIZE),
                transforms=transforms,
                thresholds=(STEPS,),
                preprocess=False,
                progress=False,
                show_image=False,
                fixed_image_size=SIZE,  # otherwise it enlarges the image to 224
            )
            return np.asarray(image[0])

        self._draw = draw

    def __call__(self, channel: int) -> np.ndarray:
        return self._draw(channel)


def table(model: str, rounds: int) -> list[str]:
    """Measure, and return the lines of a Markdown table.

    Args:
        model: name of the network.
        rounds: number of rounds, of which the median counts.
    """
    image = np.random.default_rng(0).integers(0, 256, (STILL_SIZE[1], STILL_SIZE[0], 3), np.uint8)
    settings = still_settings(model)
    plain, dreamer = PlainStill(settings), Dreamer(settings)
    still = median_seconds({"theirs": lambda: plain(image), "ours": lambda: dreamer(image)}, rounds, warm_up=1)
    best = models.find_network(model).best
    lines = [
        "| what | seconds | livedream | times as fast |",
        "|---|--:|--:|--:|",
        _row(f"{model}, still of {STILL_SIZE[0]}x{STILL_SIZE[1]}, 4 octaves of 10 steps; a plain loop", still),
    ]
    channel = f"{model}, {best}:42 from noise, {SIZE}x{SIZE}, {STEPS} steps; torch-lucent"
    if find_spec("lucent") is None:
        return [*lines, f"| {channel} | not installed | | |"]
    lucent, visualizer = LucentChannel(model), Visualizer(DreamSettings(model=model, device="cpu"))
    channels = {"theirs": lambda: lucent(42), "ours": lambda: visualizer([f"{best}:42"])}
    return [
        *lines,
        _row(channel, median_seconds(channels, rounds, warm_up=1)),
    ]


def _row(title: str, seconds: dict[str, float]) -> str:
    return f"| {title} | {seconds['theirs']:.2f} | {seconds['ours']:.2f} | {seconds['theirs'] / seconds['ours']:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="squeezenet", help="name of the network")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds, of which the median counts")
    arguments = parser.parse_args()
    sys.stdout.write("\n".join(table(arguments.model, arguments.rounds)) + "\n")


if __name__ == "__main__":
    main()
