"""Feature visualization: images drawn from noise that show what an objective responds to."""

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
from livedream.dream.compute.precision import Compute
from livedream.dream.engine import Engine, call_threads
from livedream.dream.image.resize import from_pixels
from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.objective import Objective, WeightedTerm
from livedream.dream.objective.parser import parse
from livedream.dream.objective.terms import Layer, Neuron
from livedream.dream.objective.validation import check_names
from livedream.errors import ArgumentError
from livedream.image import Picture, Pictures
from livedream.presets import settings_of
from livedream.settings import DreamSettings
from livedream.steps import OnStep, StepReport
from livedream.visualize.fourier import FourierImages
from livedream.visualize.transforms import shake

_log = logging.getLogger(__name__)

SIZE = 160
STEPS = 256
LARGEST = 4096
"""Largest width and height in pixels. A single image of this size takes about 5 GB."""
MOST_STEPS = 100_000
_RATE = 0.05
"""Learning rate of Adam, as in lucid."""
_CONTRAST = 0.17
"""Largest contrast of an image, as a standard deviation of values from 0 to 1. Without a limit it would grow at each
step until only black, white and pure colours remain. With it, features that do not contribute fade, and an animal has a
calm background."""
_BATCH = 8
"""Number of images per batch: more need more memory and are not faster."""


class Visualizer(metaclass=Documented):
    """Draws images from noise that show what layers and channels of a network respond to.

        draw = Visualizer(model="squeezenet")
        eyes, birds = draw(["fire5:12", "fire9:77"])     # a Picture each: RGB uint8 (160, 160, 3)

    Args:
        settings: settings or the name of a preset, as for a `Dreamer`. Model, weights, pooling, seed, device and
            precision are used. The precision `auto` means float32, which gives the same images on all machines with the
            same processor.
        **controls: single controls that differ from them: `model="vgg16"`.

    Raises:
        ArgumentError: the preset, control, network or layer does not exist, or a value is out of range.
        DeviceError: the device or precision is not available.
        WeightsError: the weights are missing or damaged.
    """

    def __init__(self, settings: DreamSettings | str | os.PathLike[str] | None = None, **controls: Any) -> None:
        settings = settings_of(settings, controls)
        self._settings = settings.replace(precision="float32") if settings.precision == "auto" else settings
        self._engine = Engine(self._settings)

    @property
    def on_step(self) -> OnStep | None:
        """Called after each step, and while the network loads, with the progress. An exception in it ends the call."""
        return self._engine.on_step

    @on_step.setter
    def on_step(self, on_step: OnStep | None) -> None:
        self._engine.on_step = on_step

    def __call__(self, objectives: str | Sequence[str], size: int = SIZE, steps: int = STEPS) -> Pictures:
        """Draw an image for each objective.

        An image depends on its objective, the settings, size and steps; other images of the same call change only its
        last bits. The same call returns the same images, bit for bit, on the same device.

        Args:
            objectives: one or more objectives as in `DreamSettings.layers`: a layer, a channel, or a sum of them.
            size: width and height in pixels, up to 4096.
            steps: number of gradient steps, 1 to 100,000; more give sharper images.

        Returns:
            A list of Pictures, RGB uint8 (size, size, 3), which a notebook displays as a contact sheet.

        Raises:
            ArgumentError: a layer does not exist, or `size` or `steps` is out of range.
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

            def after(step: int, first: int = first, count: int = len(batch)) -> StepReport:
                done, total = first // _BATCH * steps + step, math.ceil(len(objectives) / _BATCH) * steps
                return StepReport("drawing", done, total, share=(first + count * step / steps) / len(objectives))

            pictures += self._draw(batch, size, steps, after)
        return Pictures(pictures, objectives)

    def prepare(self, objectives: Sequence[str]) -> str:
        """Load the network, check `objectives`, and return a description such as `cpu float32, squeezenet`."""
        network = self._ascent(objectives).network
        return f"{Compute(network.mean.device, network.dtype)}, {network.name}"

    def channels(self, layers: Sequence[str]) -> dict[str, int]:
        """Return the number of channels of each of `layers`, in their order, without layers that are not spatial."""
        network = self._ascent(layers).network
        side = max(64, network_for(self._settings_for(layers)).smallest)
        with torch.no_grad():
            activations = network(torch.zeros(1, 3, side, side, device=network.mean.device))
        return {layer: activations[layer].shape[1] for layer in layers if activations[layer].ndim == 4}

    def value(self, objective: str, pixels: np.ndarray) -> float:
        """Return the value of `objective` for an image, RGB uint8 (h, w, 3)."""
        ascent = self._ascent([objective])
        return ascent.loss(from_pixels(pixels).float().to(ascent.network.mean.device))

    def _ascent(self, objectives: Sequence[str]) -> Ascent:
        for objective in map(parse, objectives):
            if objective.before or objective.masks:
                raise ArgumentError(
                    f"an image from noise has no octaves and no source, got {objective}", "leave out | and mask:"
                )
        settings = self._settings_for(objectives)
        check_names(settings)
        return self._engine.make_ascent(settings)

    def _settings_for(self, objectives: Sequence[str]) -> DreamSettings:
        return self._settings.replace(layers=" + ".join(objectives)) if objectives else self._settings

    def _draw(
        self, objectives: Sequence[str], size: int, steps: int, after: Callable[[int], StepReport]
    ) -> list[Picture]:
        """Draw one batch. after: returns the progress of the whole call after a step of this batch, from 1."""
        ascent, seed = self._ascent(objectives), self._settings.seed
        parts = _split(ascent.objective, [parse(text, network=ascent.network.name) for text in objectives])
        images = FourierImages(len(objectives), size, seed).to(ascent.network.mean.device)
        adam = torch.optim.Adam(images.parameters(), lr=_RATE, fused=True)
        # The batch takes as long as a single image with as many pixels.
        with call_threads(ascent, (size * len(objectives), size), 1):
            for step in range(steps):
                adam.zero_grad()
                shown = images()
                activations = ascent.network(255 * shake(shown, seed, step))
                values, targets = _values(parts, activations)
                torch.autograd.backward(-targets.sum())
                adam.step()
                images.fade(shown, _CONTRAST)
                if self.on_step is not None:
                    self.on_step(after(step + 1))
        for objective, value in zip(parts, values.tolist(), strict=True):
            if value == 0:
                _log.warning("%s does not respond: the image shows what excites its layer", objective)
        with torch.no_grad():
            pixels = (255 * images()).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [picture.view(Picture) for picture in pixels]


def _split(joint: Objective, objectives: Sequence[Objective]) -> list[Objective]:
    """Split `joint`, the sum of `objectives` that is bound to the network, into its parts."""
    ends = itertools.accumulate(len(objective.terms) for objective in objectives)
    return [Objective(joint.terms[end - len(one.terms) : end]) for one, end in zip(objectives, ends, strict=True)]


def _values(objectives: Sequence[Objective], activations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the value of objective i for image i of the batch, and the target of the ascent, both (n,).

    The target is the value or, where it is zero, that of a wider objective: a rectified channel that is zero everywhere
    has no gradient, which in faint noise is the case for most deep channels. Exciting their neighbours excites them
    eventually. (lucid instead passes gradients through an inactive ReLU: `redirected_relu_grad.py`.)
    """
    values, targets = [], []
    for number, objective in enumerate(objectives):
        single = {name: batch[number : number + 1] for name, batch in activations.items()}
        value = target = objective(single)
        for wider in _wider(objective):
            target = torch.where(target == 0, wider(single), target)
        values.append(value)
        targets.append(target)
    return torch.stack(values), torch.stack(targets)


def _wider(objective: Objective) -> list[Objective]:
    """Return wider objectives for one that is zero: the channels of its neurons, then all of its layers."""
    terms = [weighted.term for weighted in objective.terms]
    channels = [WeightedTerm(Layer(term.layer, term.channel)) for term in terms if isinstance(term, Neuron)]
    layers = [WeightedTerm(Layer(name)) for name in objective.layers]
    return [Objective(tuple(wider)) for wider in (channels, layers) if wider]
