"""Pictures of what layers, channels and whatever else an objective names look for, drawn from noise."""

import itertools
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from livedream.documented import Documented
from livedream.dream.ascent import Ascent
from livedream.dream.choice import network_for
from livedream.dream.compute.precision import Compute
from livedream.dream.dreamer import Dreamer, beside_others
from livedream.dream.image.resize import from_pixels
from livedream.dream.objective.objective import Objective, WeightedTerm
from livedream.dream.objective.parser import parse
from livedream.dream.objective.terms import Layer, Neuron
from livedream.dream.objective.validation import check_names
from livedream.errors import ArgumentError
from livedream.image import Picture, Pictures
from livedream.presets import settings_of
from livedream.settings import DreamSettings
from livedream.steps import OnStep, StepReport
from livedream.visualize.fourier import FourierPictures
from livedream.visualize.transforms import shake

_log = logging.getLogger(__name__)

SIZE = 160
STEPS = 256
LARGEST = 4096
"""Pixels of a side: one such picture takes some 5 GB."""
MOST_STEPS = 100_000
_RATE = 0.05
"""Adam's, as in lucid."""
_CONTRAST = 0.17
"""What contrast a picture may have, as a standard deviation from 0 to 1. Without a bound it grows from step to step
until all is black, white and pure colours; with it what is of no use fades, and an animal has a quiet ground."""
_BATCH = 8
"""Pictures at a time: more fill the memory and are no faster."""


class Visualizer(metaclass=Documented):
    """Draws from noise what layers and channels of a network look for.

        draw = Visualizer(model="squeezenet")
        eyes, birds = draw(["fire5:12", "fire9:77"])     # a Picture each: RGB uint8 (160, 160, 3)

    Args:
        settings: as for a `Dreamer`: settings, or what names a preset. Model, weights, pooling, seed, device and
            precision count; precision `auto` means float32, whose pictures are the same on every machine with the same
            processor.
        **controls: single controls that are to differ: `model="vgg16"`.

    Raises:
        As a `Dreamer`.
    """

    def __init__(self, settings: DreamSettings | str | os.PathLike[str] | None = None, **controls: Any) -> None:
        settings = settings_of(settings, controls)
        self._settings = settings.replace(precision="float32") if settings.precision == "auto" else settings
        self._dreamer = Dreamer(self._settings)

    @property
    def on_step(self) -> OnStep | None:
        """Called after each step, and while the network is loaded, with how far that is. What it raises ends it."""
        return self._dreamer.on_step

    @on_step.setter
    def on_step(self, on_step: OnStep | None) -> None:
        self._dreamer.on_step = on_step

    def __call__(self, objectives: str | Sequence[str], size: int = SIZE, steps: int = STEPS) -> Pictures:
        """Draw a picture for each of `objectives`.

        A picture depends on its objective, the settings, size and steps, not on those that are drawn beside it, but for
        the last bits of its numbers. The same call returns the same, bit for bit, on the same device.

        Args:
            objectives: texts as in `DreamSettings.layers`: a layer, a channel, a sum of them; or one such text.
            size: width and height in pixels, up to 4096.
            steps: gradient steps, 1 to 100,000; more are sharper.

        Returns:
            A list of Pictures, RGB uint8 (size, size, 3), which a notebook shows as a sheet.

        Raises:
            ArgumentError: there is no such layer, or size or steps are out of range.
        """
        objectives = [objectives] if isinstance(objectives, str) else objectives
        smallest = max(32, network_for(self._settings_for(objectives)).smallest)
        for name, value, least, most, usual in (
            ("size", size, smallest, LARGEST, SIZE),
            ("steps", steps, 1, MOST_STEPS, STEPS),
        ):
            if not least <= value <= most:
                raise ArgumentError(f"{name} must be from {least} to {most}, got {value}", f"{usual} is the default")
        pictures: list[Picture] = []
        for first in range(0, len(objectives), _BATCH):
            batch = objectives[first : first + _BATCH]

            def after(step: int, first: int = first, many: int = len(batch)) -> StepReport:
                done, whole = first // _BATCH * steps + step, math.ceil(len(objectives) / _BATCH) * steps
                return StepReport("drawing", done, whole, share=(first + many * step / steps) / len(objectives))

            pictures += self._draw(batch, size, steps, after)
        return Pictures(pictures, objectives)

    def prepare(self, objectives: Sequence[str]) -> str:
        """Load the network and say what draws, `cpu float32, squeezenet`. Errors in `objectives` come out here."""
        network = self._ascent(objectives).network
        return f"{Compute(network.mean.device, network.dtype)}, {network.name}"

    def channels(self, layers: Sequence[str]) -> dict[str, int]:
        """Return how many channels each of the `layers` has, of those that have a picture, in their order."""
        network = self._ascent(layers).network
        side = max(64, network_for(self._settings_for(layers)).smallest)
        with torch.no_grad():
            found = network(torch.zeros(1, 3, side, side, device=network.mean.device))
        return {layer: found[layer].shape[1] for layer in layers if found[layer].ndim == 4}

    def value(self, objective: str, pixels: np.ndarray) -> float:
        """Return how much of what `objective` names the network sees in a picture, RGB uint8 (h, w, 3)."""
        ascent = self._ascent([objective])
        return ascent.loss(from_pixels(pixels).float().to(ascent.network.mean.device))

    def _ascent(self, objectives: Sequence[str]) -> Ascent:
        for objective in map(parse, objectives):
            if objective.before or objective.masks:
                raise ArgumentError(
                    f"a picture from noise has no octaves and no source, got {objective}", "leave out | and mask:"
                )
        settings = self._settings_for(objectives)
        check_names(settings)
        return self._dreamer.ascent_for(settings)

    def _settings_for(self, objectives: Sequence[str]) -> DreamSettings:
        return self._settings.replace(layers=" + ".join(objectives)) if objectives else self._settings

    def _draw(
        self, objectives: Sequence[str], size: int, steps: int, after: Callable[[int], StepReport]
    ) -> list[Picture]:
        """after: returns how far all is after a step of these objectives, from 1."""
        ascent, seed = self._ascent(objectives), self._settings.seed
        looked_for = _apart(ascent.objective, [parse(text, network=ascent.network.name) for text in objectives])
        pictures = FourierPictures(len(objectives), size, seed).to(ascent.network.mean.device)
        adam = torch.optim.Adam(pictures.parameters(), lr=_RATE, fused=True)
        # What all of them take is what a single picture of as many pixels would.
        with beside_others(ascent, (size * len(objectives), size), 1):
            for step in range(steps):
                adam.zero_grad()
                shown = pictures()
                seen = ascent.network(255 * shake(shown, seed, step))
                values, climbed = _values(looked_for, seen)
                torch.autograd.backward(-climbed.sum())
                adam.step()
                pictures.fade(shown, _CONTRAST)
                if self.on_step is not None:
                    self.on_step(after(step + 1))
        for objective, value in zip(looked_for, values.tolist(), strict=True):
            if value == 0:
                _log.warning("%s stays silent: the picture shows what excites its layer", objective)
        with torch.no_grad():
            pixels = (255 * pictures()).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [picture.view(Picture) for picture in pixels]


def _apart(joint: Objective, objectives: Sequence[Objective]) -> list[Objective]:
    """Take the sum of `objectives`, which the network has checked and made ready, apart again."""
    ends = itertools.accumulate(len(objective.terms) for objective in objectives)
    return [Objective(joint.terms[end - len(one.terms) : end]) for one, end in zip(objectives, ends, strict=True)]


def _values(objectives: Sequence[Objective], seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return for picture number i of those `seen` the value of objective number i, and what to climb, both (n,).

    To climb is the value, and where it is zero what is around it: a rectified channel that is silent everywhere has no
    gradient, and in faint noise most of the deep ones are. Of what excites the others something excites it in the end.
    (lucid lets gradients through a silent ReLU instead: `redirected_relu_grad.py`.)
    """
    values, climbed = [], []
    for number, objective in enumerate(objectives):
        found = {name: activations[number : number + 1] for name, activations in seen.items()}
        value = wanted = objective(found)
        for wider in _around(objective):
            wanted = torch.where(wanted == 0, wider(found), wanted)
        values.append(value)
        climbed.append(wanted)
    return torch.stack(values), torch.stack(climbed)


def _around(objective: Objective) -> list[Objective]:
    """Return what may wake `objective` while it is silent: the channels of its neurons, then all of its layers."""
    goals = [weighted.term for weighted in objective.terms]
    channels = [WeightedTerm(Layer(goal.layer, goal.channel)) for goal in goals if isinstance(goal, Neuron)]
    layers = [WeightedTerm(Layer(name)) for name in objective.layers]
    return [Objective(tuple(terms)) for terms in (channels, layers) if terms]
