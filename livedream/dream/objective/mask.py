"""One mask of an objective: a picture in a file, or a live mask, which is found anew in each frame. No torch needed."""

from dataclasses import dataclass
from difflib import get_close_matches

from livedream.dream.objective.formatting import number, quoted
from livedream.errors import ArgumentError, unknown

LIVE_MASKS = ("person", "background", "motion", "still")
"""The masks that are found in the frames themselves."""
OF_PERSON = ("person", "background")
"""Those of them that need a search for a person."""
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
            if value is not None and not (_is_number(value) and 0 <= value <= most):
                got = f"{value:g}" if _is_number(value) else repr(value)
                raise ArgumentError(
                    f"the {name} of a mask is a number from 0 to {most:g}, got {got} for {self.name}",
                    "such as mask:person(8, 0.5), feather and strength",
                )

    @property
    def of_person(self) -> bool:
        """Whether a person has to be found for it."""
        return self.live and self.name in OF_PERSON

    def __str__(self) -> str:
        name = self.name if self.live else quoted(self.name, always="." not in self.name)
        numbers = ["" if self.feather is None else number(self.feather)]
        if self.strength is not None:
            numbers.append(number(self.strength))
        return f"mask:{name}" + (f"({', '.join(numbers)})" if any(numbers) else "")


def is_live(name: str) -> bool:
    """Return whether `name` is a live mask, and not a file.

    Raises ArgumentError for no name, and for a live mask that is misspelt.
    """
    if not name:
        raise ArgumentError("a mask has no name", f"choose from {', '.join(LIVE_MASKS)}, or name a file")
    if name not in LIVE_MASKS and "." not in name and get_close_matches(name, LIVE_MASKS):
        raise unknown("mask", name, LIVE_MASKS)
    return name in LIVE_MASKS


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
