"""A tour: presets that follow one another by themselves."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from livedream.errors import ArgumentError
from livedream.settings import DreamSettings

SECONDS = Fraction(20)
"""How long a preset stays as a rule."""
LEAST, MOST = 2, 3600
"""The allowed range of that."""


class Tour:
    """Which preset comes when: a function of the seed and of the time of a frame, so that a film repeats.

    Each preset comes once before any comes again, in an order drawn anew each time round, and never twice in a row.
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
        """presets: at least two, by name. seconds: how long each stays. began: the time of the frame with which the
        tour begins. first: the preset that is shown then, if it is one of them: it has had its turn.

        Raises ArgumentError for too few presets and for `seconds` out of range.
        """
        if len(presets) < 2:
            raise ArgumentError(f"a tour needs two presets, there are {len(presets)}")
        if not LEAST <= seconds <= MOST:
            raise ArgumentError(
                f"a preset of a tour stays for {LEAST} to {MOST} seconds, got {float(seconds):g}",
                "write --tour=20 for 20 seconds",
            )
        self.seconds = seconds
        self._presets = presets
        self._seed = seed
        self._began = began
        self._order: list[str] = []
        """Of all changes so far, the first of them number 1."""
        self._first = first

    def changes(self, time: Fraction) -> int:
        """Return how many changes there have been up to a frame of that time, with this frame."""
        return max(0, (time - self._began) // self.seconds)

    def moment(self, number: int) -> Fraction:
        """Return the time of change `number`, from 1 on."""
        return self._began + number * self.seconds

    def preset(self, number: int) -> tuple[str, DreamSettings]:
        """Return what comes with change `number`, from 1 on: its name and its settings."""
        while len(self._order) < number:
            self._order += self._round()
        name = self._order[number - 1]
        return name, self._presets[name]

    def _round(self) -> list[str]:
        """Draw the next order of all presets; the first one leaves out what is shown already."""
        names = sorted(name for name in self._presets if self._order or name != self._first)
        order = np.random.default_rng((self._seed, len(self._order))).permutation(len(names))
        drawn = [names[place] for place in order]
        if self._order and drawn[0] == self._order[-1]:
            drawn[:2] = reversed(drawn[:2])
        return drawn
