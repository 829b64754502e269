"""One control of a dream: its name, range, default and description."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

from livedream.printable import quoted_value

_TYPE_NAMES = {int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class Control:
    """One control: a row of the table."""

    name: str
    kind: type[int] | type[float] | type[str]
    default: int | float | str
    help: str
    """A few words, without a full stop at the end."""
    details: str = ""
    """Further information, without a full stop at the end."""
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    """The allowed range, both ends included."""
    choices: tuple[str, ...] = ()
    only: Literal["videos", "pictures"] | None = None
    """The kind of source that the control is for; None means both. Live sources count as videos."""
    counterpart: str = ""
    """The corresponding control for the other kind of source."""
    live: bool = True
    """Whether it can change while a dream runs."""
    prepared: bool = False
    """Whether a change needs another network or other sizes, which are prepared while the dream continues unchanged."""
    keys: tuple[str, ...] = ()
    """The keys of a window that turn it: one for less and one for more, or a single one for the next choice."""
    press: float = 0
    """How far one press of a key turns a number, which stops at multiples of this."""

    @property
    def allowed(self) -> str:
        """The allowed values in words: `1 to 20`, `none, gaussian or laplacian`, `text`."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind is str:
            return "text"
        return f"{_TYPE_NAMES[self.kind]} from {self.low:.9g} to {self.high:.9g}"

    @property
    def documentation(self) -> str:
        """How a docstring describes the argument: `steps (int, 1 to 20, default 1): Gradient steps per frame.`"""
        allowed = [" or ".join(map(repr, self.choices)) or self.kind.__name__]
        if self.kind is not str:
            allowed.append(f"{self.low:.9g} to {self.high:.9g} {self.unit}".rstrip())
        sentences = [self._sentence(text) for text in (self.help, self.details) if text]
        return f"{self.name} ({', '.join(allowed)}, default {self.default!r}): {' '.join(sentences)}"

    def _sentence(self, text: str) -> str:
        word = text.partition(" ")[0]
        if word in (*self.choices, self.default):
            return f"{word!r}{text.removeprefix(word)}."  # a value, which has no capital
        return f"{text[0].upper()}{text[1:]}."

    @property
    def meaning(self) -> str:
        """The full description."""
        return f"{self.help}: {self.details}" if self.details else self.help

    def turned(self, value: float, presses: int) -> float:
        """Return `value` after `presses` of the key for more (for less, if negative), kept within the range."""
        # From 0.985, with 0.01 per press, up is 0.99 and down is 0.98. A rounding error does not count as a distance.
        place = value / self.press
        start = math.floor(place + 1e-6) if presses > 0 else math.ceil(place - 1e-6)
        turned = min(max(round((start + presses) * self.press, 9), self.low), self.high)
        return round(turned) if self.kind is int else turned

    def parse(self, text: str) -> int | float | str:
        """Return the value of `text` from a command line; the range is checked later.

        Text that is not a number is returned as it is, so that the settings can report all wrong values together.
        """
        try:
            return self.kind(text)
        except ValueError:
            return text

    def plain(self, value: object) -> object:
        """Return a numpy number or a Fraction as a Python number of this kind, and other values as they are."""
        if self.kind is str or isinstance(value, bool):
            return value
        if isinstance(value, Integral):
            return int(value)
        return float(value) if self.kind is float and isinstance(value, Real) else value

    def fault(self, value: object) -> str | None:
        """Return what is wrong with `value`, or None."""
        right_type = isinstance(value, self.kind) or (self.kind is float and isinstance(value, int))
        if right_type and not isinstance(value, bool):
            if self.choices:
                right_type = value in self.choices
            elif isinstance(value, int | float):
                right_type = self.low <= value <= self.high  # false for nan
            else:
                right_type = value != ""
            if right_type:
                return None
        return f"{self.name} must be {self.allowed}, got {quoted_value(value)}"
