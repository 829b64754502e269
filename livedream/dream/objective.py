"""What a dream looks for: layers and channels that add and scale, in Python and as text.

    "fire6 + 0.5*fire9:77"    is    layer("fire6") + 0.5 * channel("fire9", 77)

Source of the form: greentfrapp/lucent, objectives that compose.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from livedream.errors import ArgumentError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Term:
    """`weight` times the mean of the squared activations of a layer, or of one of its channels."""

    layer: str
    channel: int | None = None
    weight: float = 1.0

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        found = activations[self.layer]
        if self.channel is not None:
            found = found[:, self.channel]
        # float32: the squares of half-precision activations overflow, and their sum loses its small parts.
        return self.weight * found.float().square().mean()

    def __str__(self) -> str:
        name = self.layer if self.channel is None else f"{self.layer}:{self.channel}"
        return name if self.weight == 1 else f"{self.weight:g}*{name}"


@dataclass(frozen=True, slots=True)
class Objective:
    """A sum of terms, to be made as large as possible."""

    terms: tuple[Term, ...]

    @property
    def layers(self) -> list[str]:
        """The layers it looks at, each once."""
        return list(dict.fromkeys(term.layer for term in self.terms))

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        """Return the value, a float32 scalar, from the activations (n, channels, h, w) of its layers by name."""
        total = self.terms[0](activations)
        for term in self.terms[1:]:
            total = total + term(activations)
        return total

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.terms + other.terms)

    def __mul__(self, factor: float) -> "Objective":
        return Objective(tuple(Term(term.layer, term.channel, term.weight * factor) for term in self.terms))

    __rmul__ = __mul__

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms))


def layer(name: str) -> Objective:
    """Dream of all channels of the layer called `name`."""
    return Objective((Term(name),))


def channel(name: str, index: int) -> Objective:
    """Dream of channel `index`, from 0, of the layer called `name`."""
    return Objective((Term(name, index),))


_term = re.compile(r"(?:(?P<weight>-?\d+(?:\.\d*)?|-?\.\d+)\s*\*\s*)?(?P<layer>[A-Za-z][\w.]*)(?::(?P<channel>\d+))?")


def parse(text: str) -> Objective:
    """Return the objective that `text` means. Raises ArgumentError for text of another form."""
    terms = []
    for part in text.split("+"):
        match = _term.fullmatch(part.strip())
        if match is None:
            raise ArgumentError(
                f"layers must be a sum of layers and channels, got {text!r}",
                "write fire6, or fire9:77 for one channel, or a sum such as fire6 + 0.5*fire9:77",
            )
        index = match["channel"]
        terms.append(Term(match["layer"], None if index is None else int(index), float(match["weight"] or 1)))
    return Objective(tuple(terms))
