"""One mask of an objective: a picture in a file, or a live mask, which is found anew in each frame. No torch needed."""

import math
from dataclasses import dataclass

from livedream.dream.wording import number, quoted
from livedream.errors import ArgumentError

LIVE_MASKS = ("person", "background", "motion", "still")
"""The masks that are found in the frames themselves."""
LARGEST_FEATHER = 500.0
"""Pixels."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where a dream shows. Raises ArgumentError for a number out of range."""

    name: str
    """A live mask, or the name of a file."""
    live: bool = False
    feather: float | None = None
    """Pixels of the frame over which its edge is spread. None: as `mask_feather` says for a live mask, 0 for a file."""
    strength: float | None = None
    """How much it hides, 0..1. None: as `mask_strength` says for a live mask, 1 for a file."""

    def __post_init__(self) -> None:
        if self.live and self.name not in LIVE_MASKS:
            raise ArgumentError(f"no live mask is called {self.name}", f"choose from {', '.join(LIVE_MASKS)}")
        for name, value, most in (("feather", self.feather, LARGEST_FEATHER), ("strength", self.strength, 1.0)):
            if value is not None and not (math.isfinite(value) and 0 <= value <= most):
                raise ArgumentError(
                    f"the {name} of a mask is a number from 0 to {most:g}, got {value:g} for {self.name}",
                    "such as mask:person(8, 0.5), feather and strength",
                )

    def __str__(self) -> str:
        name = self.name if self.live else quoted(self.name, always=self.name in LIVE_MASKS)
        numbers = ["" if self.feather is None else number(self.feather)]
        if self.strength is not None:
            numbers.append(number(self.strength))
        return f"mask:{name}" + (f"({', '.join(numbers)})" if any(numbers) else "")
