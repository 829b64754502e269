"""What the player and its process tell each other: lines of JSON, and pixels after the line of a frame."""

from fractions import Fraction
from typing import Annotated, Self

from pydantic import BaseModel, Field

from livedream.studio.library.inspection import LONGEST_SIDE

Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
"""Width or height in pixels."""

ASK = b"?"
"""What the player sends for each frame that it wants."""
ALIVE = b"\n"
"""What the process sends while the next frame is not due yet."""


class Ratio(BaseModel):
    """An exact number, not negative."""

    over: int = Field(ge=0)
    under: int = Field(ge=1)

    @classmethod
    def of(cls, value: Fraction) -> Self:
        """Return `value` for a message."""
        return cls(over=value.numerator, under=value.denominator)

    @property
    def value(self) -> Fraction:
        """The number."""
        return Fraction(self.over, self.under)


class Problem(BaseModel):
    """Why the process ends."""

    message: str = Field(max_length=1000)
    hint: str = Field(max_length=1000)


class About(BaseModel):
    """What is played; the first message of the process."""

    still: bool
    """Whether it is a picture: one frame of it is enough."""
    width: Side
    height: Side
    rate: Ratio
    time_base: Ratio
    pixel_aspect: Ratio


class Announced(BaseModel):
    """A frame, whose pixels follow."""

    width: Side
    height: Side
    time: Ratio
    index: int = Field(ge=0)
