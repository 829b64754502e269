"""A tour: presets that change by themselves."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from livedream.errors import ArgumentError
from livedream.settings import DreamSettings

SECONDS = Fraction(20)
"""How long a preset stays by default."""
LEAST, MOST = 2, 3600
"""The allowed range, in seconds."""


class Tour:
    """The order of the presets: a function of the seed and the time of a frame, so that a video can be repeated.

    Each round shows every preset once, in a new random order, and no preset comes twice in a row.
    """

    def __init__(
        self,
        presets: Mapping[str, DreamSettings],
        seconds: Fraction,
        *,
        seed: int,
        began: Fraction = Fraction(0),
        first: str | None = None,
    ) -> None:
        """Draw nothing yet; orders are drawn on demand.

        Args:
            presets: at least two, by name.
            seconds: how long each preset stays.
            seed: of the random orders.
            began: the time of the frame with which the tour begins.
            first: the preset that is shown at the beginning; the first round leaves it out.

        Raises:
            ArgumentError: there are too few presets, or `seconds` is out of range.
        """
        if len(presets) < 2:
            raise ArgumentError(f"a tour needs at least two presets, got {len(presets)}")
        if not LEAST <= seconds <= MOST:
            raise ArgumentError(
                f"invalid time per preset of a tour: {float(seconds):g} s",
                f"give {LEAST} to {MOST} seconds",
            )
        self.seconds = seconds
        self._presets = presets
        self._seed = seed
        self._began = began
        self._order: list[str] = []
        """The presets of all changes so far; change 1 comes first."""
        self._first = first

    def changes(self, time: Fraction) -> int:
        """Return the number of changes up to and including a frame of that time."""
        return max(0, (time - self._began) // self.seconds)

    def moment(self, number: int) -> Fraction:
        """Return the time of change `number`, from 1 on."""
        return self._began + number * self.seconds

    def preset(self, number: int) -> tuple[str, DreamSettings]:
        """Return the name and the settings of the preset that comes with change `number`, from 1 on."""
        while len(self._order) < number:
            self._order += self._round()
        name = self._order[number - 1]
        return name, self._presets[name]

    def _round(self) -> list[str]:
        """Draw the order of the next round; the first round leaves out the preset that is already shown."""
        names = sorted(name for name in self._presets if self._order or name != self._first)
        order = np.random.default_rng((self._seed, len(self._order))).permutation(len(names))
        drawn = [names[place] for place in order]
        if self._order and drawn[0] == self._order[-1]:
            drawn[:2] = reversed(drawn[:2])
        return drawn
