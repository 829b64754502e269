"""What a dream looks for: goals that add, scale, and change from octave to octave, in Python and as text.

    "fire6 + 0.5*fire9:77"    is    layer("fire6") + 0.5 * channel("fire9", 77)
    "fire4 | fire9"           is    layer("fire4") | layer("fire9")

Source of the form: greentfrapp/lucent, objectives that compose.
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
    """`weight` times a goal."""

    goal: Term
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise ArgumentError(f"a weight is a finite number, got {self.weight} for {self.goal}", "such as 0.5")


@dataclass(frozen=True, slots=True)
class Objective:
    """A sum of terms, to be made as large as possible. Where there is a schedule, that of the full size."""

    terms: tuple[WeightedTerm, ...]
    masks: tuple[Mask, ...] = ()
    """Where the dream shows: they multiply."""
    before: tuple["Objective", ...] = ()
    """What the smaller octaves dream of, from the smallest on; none where all dream of the same."""

    @property
    def parts(self) -> tuple["Objective", ...]:
        """What the octaves dream of, from the smallest to the full size, each without a schedule."""
        return (*self.before, Objective(self.terms, self.masks)) if self.before else (self,)

    @property
    def layers(self) -> list[str]:
        """The layers it looks at, each once."""
        return list(dict.fromkeys(name for term in self._all_terms for name in term.goal.layers))

    @property
    def files(self) -> list[Path]:
        """The files that it is made of, each once."""
        names = [path for term in self._all_terms for path in term.goal.files]
        masks = [Path(mask.name) for mask in self.all_masks if not mask.live]
        return list(dict.fromkeys([*names, *masks]))

    @property
    def all_masks(self) -> tuple[Mask, ...]:
        """The masks of all octaves, each once: a mask holds for the whole dream."""
        return tuple(dict.fromkeys(mask for part in self.parts for mask in part.masks))

    @property
    def whole(self) -> bool:
        """Whether it looks at the picture as a whole, so that no tile will do."""
        return any(term.goal.whole for term in self._all_terms)

    @property
    def _all_terms(self) -> list[WeightedTerm]:
        return [term for part in self.parts for term in part.terms]

    def at(self, share: float) -> "Objective":
        """Return what an octave dreams of. share: 0 for the smallest, 1 for the full size, evenly between."""
        if not self.before:
            return self
        return self.parts[math.floor(share * len(self.before) + 0.5)]

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        """Raise ArgumentError when the network called `model` has no such channel or class.

        channels: how many channels there are, by layer.
        """
        for term in self._all_terms:
            term.goal.check(model, channels)

    def named(self, network: str) -> "Objective":
        """Return it with the channels of the network called `network` in place of their names: `dog`, `feathers`.

        Each name becomes a direction in every layer that has some of its channels. Raises ArgumentError for a name in a
        place where only a layer can stand.
        """
        before = tuple(part.named(network) for part in self.before)
        terms = tuple(term for named in self.terms for term in _unnamed(named, network))
        return Objective(terms, self.masks, before)

    def bind(self, network: Bindable) -> "Objective":
        """Return it with all that it needs of `network`; files but masks are read. Raises SourceError."""
        before = tuple(part.bind(network) for part in self.before)
        terms = tuple(WeightedTerm(term.goal.bind(network), term.weight) for term in self.terms)
        return Objective(terms, self.masks, before)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        """Return the value, a float32 scalar, from the activations (n, channels, h, w) of its layers by name."""
        first, *rest = self.terms
        total = first.weight * first.goal(activations)
        for term in rest:
            total = total + term.weight * term.goal(activations)
        return total

    @property
    def has_slopes(self) -> bool:
        """Whether all its goals know their slope."""
        return all(term.goal.has_gradient for term in self.terms)

    def slopes(self, activations: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
        """Return the gradient of its value by each layer that it looks at, in the type of the activations."""
        found: dict[str, Tensor] = {}
        for term in self.terms:
            (name,), slope = term.goal.layers, term.goal.slope(activations, term.weight)
            found[name] = found[name] + slope if name in found else slope
        return found

    def __add__(self, other: "Objective") -> "Objective":
        """Add up: with a schedule, to what each of its octaves dreams of."""
        if not isinstance(other, Objective):
            return NotImplemented
        if self.before and other.before:
            raise ArgumentError(f"two schedules do not add: {self} and {other}", "write one schedule of sums")
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
            raise ArgumentError(f"a mask is only added, got {factor:g} times {self}", "give it a strength instead")
        terms = tuple(WeightedTerm(term.goal, term.weight * factor) for term in self.terms)
        return Objective(terms, self.masks, tuple(part * factor for part in self.before))

    __rmul__ = __mul__

    def __or__(self, larger: "Objective") -> "Objective":
        """Dream of this at small octaves, and of `larger` at larger ones."""
        return Objective(larger.terms, larger.masks, (*self.parts, *larger.before))

    def __str__(self) -> str:
        if self.before:
            return " | ".join(map(str, self.parts))
        text = "".join(map(_signed, self.terms)) + "".join(f" + {mask}" for mask in self.masks)
        return text.removeprefix(" + ") if text.startswith(" + ") else text.replace(" - ", "-", 1)


def _unnamed(term: WeightedTerm, network: str) -> list[WeightedTerm]:
    """Return the terms that `term` stands for: itself, where it names no channels."""
    for name in term.goal.layers:
        channels = find_channels(network, name)
        if channels is None:
            continue
        if term.goal != Layer(name):
            raise ArgumentError(f"{name} names channels and no layer, got {term.goal}", f"write {name}, or 0.5*{name}")
        entries: dict[str, list[tuple[int, float]]] = {}
        for channel in channels:
            entries.setdefault(channel.layer, []).append((channel.channel, channel.pull / len(channels)))
        return [WeightedTerm(Direction(layer, tuple(found)), term.weight) for layer, found in entries.items()]
    return [term]


def _signed(term: WeightedTerm) -> str:
    size = abs(term.weight)
    scaled = f"{term.goal}" if size == 1 else f"{number(size)}*{term.goal}"
    return f" {'-' if term.weight < 0 else '+'} {scaled}"


def _of(goal: Term) -> Objective:
    return Objective((WeightedTerm(goal),))


def layer(name: str) -> Objective:
    """Dream of all channels of the layer called `name`: the mean of their squares."""
    return _of(Layer(name))


def channel(name: str, index: int) -> Objective:
    """Dream of channel `index`, from 0, of the layer called `name`: the mean of its squares."""
    return _of(Layer(name, index))


def mean(name: str, index: int | None = None) -> Objective:
    """Dream of the plain mean of a layer, or of its channel `index`: what is dark and what is bright cancel."""
    return _of(Mean(name, index))


def neuron(name: str, index: int, x: float = 0.5, y: float = 0.5) -> Objective:
    """Dream of one neuron: channel `index` of a layer at a place. x, y: from 0 (left, top) to 1 (right, bottom)."""
    return _of(Neuron(name, index, x, y))


def direction(name: str, vector: "Sequence[float] | np.ndarray | str | os.PathLike[str]") -> Objective:
    """Dream of a direction in the space of the channels of a layer.

    vector: a number for each channel, (channels,), or the .npy file that holds them.
    """
    if isinstance(vector, str | os.PathLike):
        return _of(Direction(name, file=os.fspath(vector)))
    numbers = np.asarray(vector, np.float32)
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or not numbers.any():
        raise ArgumentError(
            f"a direction is a number for each channel, not all 0, got shape {numbers.shape}", "give (channels,)"
        )
    return _of(Direction(name, tuple((int(index), float(numbers[index])) for index in np.flatnonzero(numbers))))


def class_logit(name: str | int) -> Objective:
    """Dream of a class that the network knows, by its name or number: its score before softmax."""
    return _of(Class(str(name)))


def guide(file: str | os.PathLike[str], name: str) -> Objective:
    """Dream of what another picture, `file`, has in the layer called `name`: each place of what fits it best there."""
    return _of(Guide(os.fspath(file), name))


def tv() -> Objective:
    """The total variation of the picture, to be subtracted: `layer("fire6") - 0.5 * tv()` is smoother."""
    return _of(TotalVariation())


def mask(what: str | os.PathLike[str], *, feather: float | None = None, strength: float | None = None) -> Objective:
    """Show the dream in one part of the frame only: add it to what is dreamt of.

        layer("fire6") + mask("person", feather=8)

    Args:
        what: "person", "background", "motion" or "still", found in each frame; or a picture file, which shows the dream
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
