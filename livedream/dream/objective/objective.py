"""What a dream maximises: terms that add, scale, and change from octave to octave, in Python and as text.

    "fire6 + 0.5*fire9:77"    is    layer("fire6") + 0.5 * channel("fire9", 77)
    "fire4 | fire9"           is    layer("fire4") | layer("fire9")

Composable objectives follow greentfrapp/lucent.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livedream.dream.objective.formatting import number
from livedream.dream.objective.mask import Mask, is_live
from livedream.dream.objective.terms import (
    Bindable,
    Class,
    Direction,
    Guide,
    Layer,
    Mean,
    Neuron,
    Term,
    TotalVariation,
)
from livedream.errors import ArgumentError
from livedream.models import find_channels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term of an objective and its weight."""

    term: Term
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise ArgumentError(
                f"invalid weight {self.weight} for {self.term}: expected a finite number",
                f"for example 0.5*{self.term}",
            )


@dataclass(frozen=True, slots=True)
class Objective:
    """A weighted sum of terms to maximise, and optionally a schedule of sums from octave to octave.

    Build one with `layer`, `channel`, `mean`, `neuron`, `direction`, `class_logit`, `guide`, `tv` and `mask`, combine
    them with `+`, `-`, `*` and `|`, or parse text with `parse`.
    """

    terms: tuple[WeightedTerm, ...]
    """The terms; with a schedule, those of the full size."""
    masks: tuple[Mask, ...] = ()
    """Where the dream is visible. Several masks multiply."""
    before: tuple["Objective", ...] = ()
    """The objectives of the smaller octaves, smallest first; empty if all octaves share one objective."""

    @property
    def parts(self) -> tuple["Objective", ...]:
        """The objectives of the schedule, from the smallest octave to the full size, each without a schedule."""
        return (*self.before, Objective(self.terms, self.masks)) if self.before else (self,)

    @property
    def layers(self) -> list[str]:
        """The names of the layers it reads, without duplicates."""
        return list(dict.fromkeys(name for weighted in self._all_terms for name in weighted.term.layers))

    @property
    def files(self) -> list[Path]:
        """The files it reads, without duplicates."""
        names = [path for weighted in self._all_terms for path in weighted.term.files]
        masks = [Path(mask.name) for mask in self.all_masks if not mask.live]
        return list(dict.fromkeys([*names, *masks]))

    @property
    def all_masks(self) -> tuple[Mask, ...]:
        """The masks of all octaves, without duplicates: a mask applies to the whole dream."""
        return tuple(dict.fromkeys(mask for part in self.parts for mask in part.masks))

    @property
    def needs_whole_image(self) -> bool:
        """Whether a term depends on the position in the image, so that the image cannot be split into tiles."""
        return any(weighted.term.needs_whole_image for weighted in self._all_terms)

    @property
    def _all_terms(self) -> list[WeightedTerm]:
        return [weighted for part in self.parts for weighted in part.terms]

    def at(self, share: float) -> "Objective":
        """Return the objective of one octave.

        Args:
            share: position of the octave, from 0 (smallest) to 1 (full size), evenly spaced.
        """
        if not self.before:
            return self
        return self.parts[math.floor(share * len(self.before) + 0.5)]

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        """Check that the channels and classes exist.

        Args:
            model: name of the network.
            channels: number of channels of each layer.

        Raises:
            ArgumentError: the network lacks a channel or class.
        """
        for weighted in self._all_terms:
            weighted.term.check(model, channels)

    def named(self, network: str) -> "Objective":
        """Return it with channel names such as `dog` or `feathers` replaced by the channels of `network`.

        Each name becomes one direction for every layer that holds some of its channels.

        Raises:
            ArgumentError: a channel name is used where only a layer is allowed.
        """
        before = tuple(part.named(network) for part in self.before)
        terms = tuple(resolved for weighted in self.terms for resolved in _resolve_name(weighted, network))
        return Objective(terms, self.masks, before)

    def bind(self, network: Bindable) -> "Objective":
        """Return it with what its terms need of `network`. Reads all its files but the masks.

        Raises:
            SourceError: a file cannot be read.
            ArgumentError: the network lacks a class, or a vector has the wrong length.
        """
        before = tuple(part.bind(network) for part in self.before)
        terms = tuple(WeightedTerm(weighted.term.bind(network), weighted.weight) for weighted in self.terms)
        return Objective(terms, self.masks, before)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        """Return its value, a float32 scalar.

        Args:
            activations: by layer name, each (n, channels, h, w).
        """
        first, *rest = self.terms
        total = first.weight * first.term(activations)
        for weighted in rest:
            total = total + weighted.weight * weighted.term(activations)
        return total

    @property
    def has_gradient(self) -> bool:
        """Whether all terms have a hand-written gradient, so that `layer_gradients` can be called."""
        return all(weighted.term.has_gradient for weighted in self.terms)

    def layer_gradients(self, activations: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
        """Return the gradient of its value with respect to the activations of each layer it reads.

        Args:
            activations: by layer name, each (n, channels, h, w).

        Returns:
            By layer name, in the shape and dtype of the activations.
        """
        gradients: dict[str, Tensor] = {}
        for weighted in self.terms:
            (name,), gradient = weighted.term.layers, weighted.term.gradient(activations, weighted.weight)
            gradients[name] = gradients[name] + gradient if name in gradients else gradient
        return gradients

    def __add__(self, other: "Objective") -> "Objective":
        """Return the sum. A schedule adds the other objective to each of its octaves."""
        if not isinstance(other, Objective):
            return NotImplemented
        if self.before and other.before:
            raise ArgumentError(f"cannot add two schedules: {self} and {other}", "write one schedule of sums")
        before = tuple(part + other for part in self.before) or tuple(self + part for part in other.before)
        return Objective(self.terms + other.terms, self.masks + other.masks, before)

    def __sub__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return self + -1 * other

    def __neg__(self) -> "Objective":
        return -1 * self

    def __mul__(self, factor: float) -> "Objective":
        if not isinstance(factor, int | float | np.number):
            return NotImplemented
        if self.masks and not self._all_terms:
            raise ArgumentError(
                f"cannot multiply the mask {self} by {factor:g}", "set the strength of the mask instead"
            )
        terms = tuple(WeightedTerm(weighted.term, weighted.weight * factor) for weighted in self.terms)
        return Objective(terms, self.masks, tuple(part * factor for part in self.before))

    __rmul__ = __mul__

    def __or__(self, larger: "Objective") -> "Objective":
        """Return a schedule: this objective in small octaves, `larger` in larger ones."""
        return Objective(larger.terms, larger.masks, (*self.parts, *larger.before))

    def __str__(self) -> str:
        if self.before:
            return " | ".join(map(str, self.parts))
        text = "".join(map(_signed, self.terms)) + "".join(f" + {mask}" for mask in self.masks)
        return text.removeprefix(" + ") if text.startswith(" + ") else text.replace(" - ", "-", 1)


def _resolve_name(weighted: WeightedTerm, network: str) -> list[WeightedTerm]:
    """Return the directions that a channel name stands for, or `weighted` itself if it holds no channel name."""
    for name in weighted.term.layers:
        channels = find_channels(network, name)
        if channels is None:
            continue
        if weighted.term != Layer(name):
            raise ArgumentError(
                f"{name} is a name of channels, not a layer: {weighted.term}", f"write {name}, or 0.5*{name}"
            )
        entries: dict[str, list[tuple[int, float]]] = {}
        for channel in channels:
            entries.setdefault(channel.layer, []).append((channel.channel, channel.pull / len(channels)))
        return [WeightedTerm(Direction(layer, tuple(vector)), weighted.weight) for layer, vector in entries.items()]
    return [weighted]


def _signed(weighted: WeightedTerm) -> str:
    size = abs(weighted.weight)
    scaled = f"{weighted.term}" if size == 1 else f"{number(size)}*{weighted.term}"
    return f" {'-' if weighted.weight < 0 else '+'} {scaled}"


def _objective(term: Term) -> Objective:
    return Objective((WeightedTerm(term),))


def layer(name: str) -> Objective:
    """Maximise a whole layer: the mean of its squared activations."""
    return _objective(Layer(name))


def channel(name: str, index: int) -> Objective:
    """Maximise channel `index` (from 0) of the layer `name`: the mean of its squared activations."""
    return _objective(Layer(name, index))


def mean(name: str, index: int | None = None) -> Objective:
    """Maximise the plain mean of a layer, or of its channel `index`: positive and negative activations cancel."""
    return _objective(Mean(name, index))


def neuron(name: str, index: int, x: float = 0.5, y: float = 0.5) -> Objective:
    """Maximise one neuron: channel `index` of a layer at one position.

    Args:
        name: the layer.
        index: the channel, from 0.
        x: horizontal position, from 0 (left) to 1 (right).
        y: vertical position, from 0 (top) to 1 (bottom).

    Raises:
        ArgumentError: the position is out of range.
    """
    return _objective(Neuron(name, index, x, y))


def direction(name: str, vector: "Sequence[float] | np.ndarray | str | os.PathLike[str]") -> Objective:
    """Maximise a direction in the channel space of a layer.

    Args:
        name: the layer.
        vector: one number per channel, (channels,), or the path of a .npy file that holds them.

    Raises:
        ArgumentError: the vector has another shape, only zeros, or values that are not finite.
    """
    if isinstance(vector, str | os.PathLike):
        return _objective(Direction(name, file=os.fspath(vector)))
    numbers = np.asarray(vector, np.float32)
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or not numbers.any():
        raise ArgumentError(
            f"invalid direction of shape {numbers.shape}: expected one finite number per channel, not all of them 0",
            "pass an array of shape (channels,)",
        )
    return _objective(Direction(name, tuple((int(index), float(numbers[index])) for index in np.flatnonzero(numbers))))


def class_logit(name: str | int) -> Objective:
    """Maximise the score, before softmax, of a class or group of classes, given by name or of a class by number."""
    return _objective(Class(str(name)))


def guide(file: str | os.PathLike[str], name: str) -> Objective:
    """Maximise the features of another image: at each position, the guide's best match in the layer `name`.

    Args:
        file: path of the guide, an image file.
        name: the layer.
    """
    return _objective(Guide(os.fspath(file), name))


def tv() -> Objective:
    """The total variation of the image, to be subtracted: `layer("fire6") - 0.5 * tv()` is smoother."""
    return _objective(TotalVariation())


def mask(what: str | os.PathLike[str], *, feather: float | None = None, strength: float | None = None) -> Objective:
    """Show the dream in one part of the frame only. Add it to another objective.

        layer("fire6") + mask("person", feather=8)

    Args:
        what: "person", "background", "motion" or "still", found in each frame; or an image file, which shows the dream
            where it is white and the source where it is black or transparent. A path object is always a file.
        feather: pixels of the frame over which the edge of the mask is spread, 0 to 500. None follows `mask_feather`
            for a mask that is found in the frames, and leaves a file as it is painted.
        strength: how much the mask hides, 0 to 1; with 0.5 half of the dream shows outside of it. None follows
            `mask_strength` for a mask that is found in the frames, and is 1 for a file.

    Raises:
        ArgumentError: a number is out of range, or the name of a mask is misspelt.
    """
    live = isinstance(what, str) and is_live(what)
    return Objective((), (Mask(os.fspath(what), live, feather, strength),))
