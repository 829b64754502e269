"""A mask of an objective: an image file, or a live mask that is computed for each frame. Does not import torch."""

from dataclasses import dataclass
from difflib import get_close_matches

from livedream.dream.objective.formatting import number, quoted
from livedream.errors import ArgumentError, unknown

LIVE_MASKS = ("person", "background", "motion", "still")
"""The masks that are computed from the frames themselves."""
OF_PERSON = ("person", "background")
"""The live masks that need person segmentation."""
LARGEST_FEATHER = 500.0
"""In pixels of the frame."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where the dream is visible.

    Raises:
        ArgumentError: the live mask is unknown, or a number is out of range.
    """

    name: str
    """The name of a live mask, or the path of a file."""
    live: bool = False
    feather: float | None = None
    """Width of the soft edge in pixels of the frame. None: `mask_feather` for a live mask, 0 for a file."""
    strength: float | None = None
    """How much of the dream it hides, 0..1. None: `mask_strength` for a live mask, 1 for a file."""

    def __post_init__(self) -> None:
        if self.live and self.name not in LIVE_MASKS:
            raise ArgumentError(f"unknown live mask: {self.name}", f"choose from {', '.join(LIVE_MASKS)}")
        for name, value, most in (("feather", self.feather, LARGEST_FEATHER), ("strength", self.strength, 1.0)):
            if value is not None and not (_is_number(value) and 0 <= value <= most):
                got = f"{value:g}" if _is_number(value) else repr(value)
                raise ArgumentError(
                    f"invalid mask {name} {got} for {self.name}: expected a number from 0 to {most:g}",
                    "mask:person(8, 0.5), for example, sets feather and strength",
                )

    @property
    def of_person(self) -> bool:
        """Whether it needs person segmentation."""
        return self.live and self.name in OF_PERSON

    def __str__(self) -> str:
        name = self.name if self.live else quoted(self.name, always="." not in self.name)
        numbers = ["" if self.feather is None else number(self.feather)]
        if self.strength is not None:
            numbers.append(number(self.strength))
        return f"mask:{name}" + (f"({', '.join(numbers)})" if any(numbers) else "")


def is_live(name: str) -> bool:
    """Return whether `name` is a live mask rather than a file.

    Raises:
        ArgumentError: the name is empty, or a misspelt live mask.
    """
    if not name:
        raise ArgumentError("a mask needs a name", f"choose from {', '.join(LIVE_MASKS)}, or give an image file")
    if name not in LIVE_MASKS and "." not in name and get_close_matches(name, LIVE_MASKS):
        raise unknown("mask", name, LIVE_MASKS)
    return name in LIVE_MASKS


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
