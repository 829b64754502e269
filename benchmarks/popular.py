"""Pictures as the popular implementations make them, and livedream beside them: same network, weights, size and steps.

    python benchmarks/popular.py [--model NAME] [--rounds N]

Prints a Markdown table of two rows: a still dream beside a plain loop (network loaded once, hook on the layer, octaves,
jitter, float32, autograd), and one channel from noise beside torch-lucent, if that is installed. On the CPU.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream import models
from livedream.dream.choice import network_for
from livedream.dream.dreamer import Dreamer
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.octaves import octave_shapes, working_shape
from livedream.settings import DreamSettings
from livedream.visualize.visualizer import SIZE, STEPS, Visualizer

PHOTO = 640, 360
"""Width and height of the still."""


def still_settings(model: str) -> DreamSettings:
    """Return those of google/deepdream: ten steps of 1.5 at each of four octaves, of the gradient as it is."""
    return DreamSettings(
        model=model,
        still_height=PHOTO[1],
        octaves=4,
        octave_scale=1.4,
        smallest_octave=round(PHOTO[1] / 1.4**3),  # a still has as many octaves as there are down to this one
        still_steps=10,
        step_size=1.5,
        natural_color=0,
        coarseness=0,
        device="cpu",
    )


class PlainStill:
    """Dreams a picture, uint8 (h, w, 3), plainly. Source: google/deepdream, dream.ipynb; hooks as in its ports."""

    def __init__(self, settings: DreamSettings) -> None:
        row = network_for(settings)
        self._settings = settings
        self._network = models.load(row.name)
        self._network.get_submodule(row.best).register_forward_hook(self._keep)
        self._smallest = row.smallest
        self._mean, self._std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (row.mean, row.std))
        self._found = torch.empty(0)

    def _keep(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        self._found = output

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        whole = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        height, width = pixels.shape[:2]
        size = working_shape(height, width, settings.still_height, self._smallest)
        sizes = octave_shapes(size, settings.octaves, settings.octave_scale, self._smallest)
        detail = torch.zeros(1, 3, 1, 1)
        for number, octave in enumerate(reversed(sizes)):
            picture = F.interpolate(whole, octave, mode="bilinear", antialias=True)
            dream = picture + F.interpolate(detail, octave, mode="bilinear")
            for step in range(settings.still_steps):
                shift = draw_shift(settings.seed, number, step, settings.jitter, octave)
                dream = self._step(dream, shift).clamp(0, 255)
            detail = dream - picture
        return (picture + detail).round().byte()[0].permute(1, 2, 0).numpy()

    def _step(self, picture: Tensor, shift: tuple[int, int]) -> Tensor:
        leaf = torch.roll(picture, shift, (2, 3)).requires_grad_()
        self._network((leaf - self._mean) / self._std)
        torch.autograd.backward(self._found.square().mean())
        # The way back has filled leaf.grad.
        gradient = torch.roll(leaf.grad, (-shift[0], -shift[1]), (2, 3))  # type: ignore[arg-type]
        self._network.zero_grad()
        return picture + gradient / gradient.abs().mean() * self._settings.step_size


class LucentChannel:
    """Draws one channel from noise with torch-lucent, its own transformations and optimiser, on livedream's weights."""

    def __init__(self, model: str) -> None:
        from lucent.optvis import param, render, transform

        row = models.find_network(model)
        network = models.load(model)
        mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (row.mean, row.std))
        transforms = [*transform.standard_transforms, lambda picture: (255 * picture - mean) / std]

        def draw(channel: int) -> np.ndarray:
            torch.manual_seed(0)
            (picture,) = render.render_vis(
                network,
                f"{row.best.replace('.', '_')}:{channel}",
                lambda: param.image(SIZE),
                transforms=transforms,
                thresholds=(STEPS,),
                preprocess=False,
                progress=False,
                show_image=False,
                fixed_image_size=SIZE,  # else it enlarges the picture to 224
            )
            return np.asarray(picture[0])

        self._draw = draw

    def __call__(self, channel: int) -> np.ndarray:
        return self._draw(channel)


def seconds_of(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each of `ways`, called in turns, after a first call that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if number:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def table(model: str, rounds: int) -> list[str]:
    """Measure, and return the lines of a Markdown table."""
    photo = np.random.default_rng(0).integers(0, 256, (PHOTO[1], PHOTO[0], 3), np.uint8)
    settings = still_settings(model)
    plain, dreamer = PlainStill(settings), Dreamer(settings)
    still = seconds_of({"theirs": lambda: plain(photo), "ours": lambda: dreamer(photo)}, rounds)
    best = models.find_network(model).best
    lines = [
        "| what | seconds | livedream | times as fast |",
        "|---|--:|--:|--:|",
        _row(f"{model}, still of {PHOTO[0]}x{PHOTO[1]}, 4 octaves of 10 steps; a plain loop", still),
    ]
    channel = f"{model}, {best}:42 from noise, {SIZE}x{SIZE}, {STEPS} steps; torch-lucent"
    if find_spec("lucent") is None:
        return [*lines, f"| {channel} | not installed | | |"]
    lucent, draw = LucentChannel(model), Visualizer(DreamSettings(model=model, device="cpu"))
    return [
        *lines,
        _row(channel, seconds_of({"theirs": lambda: lucent(42), "ours": lambda: draw([f"{best}:42"])}, rounds)),
    ]


def _row(what: str, seconds: dict[str, float]) -> str:
    return f"| {what} | {seconds['theirs']:.2f} | {seconds['ours']:.2f} | {seconds['theirs'] / seconds['ours']:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="squeezenet")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sys.stdout.write("\n".join(table(arguments.model, arguments.rounds)) + "\n")


if __name__ == "__main__":
    main()
