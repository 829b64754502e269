"""A frame: one picture of a source, with its time."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from livedream.documented import Documented


@dataclass(frozen=True, eq=False, slots=True)
class Frame(metaclass=Documented):
    """One picture and its time. A frame is a value: keep it as long as you like, and do not write into it.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), not empty.
        time: seconds since the source began, exact: pts times time base for a video, the clock for a camera.
        index: how many frames the source captured before this one; a dropped frame leaves a gap.
        source: the picture that was dreamt on, in the form of `pixels`, for sinks that show both; None if it was not
            kept.
        duration: how many seconds it is shown, above 0; None until the next frame.

    Raises:
        TypeError: an argument has another type.
        ValueError: an argument has another shape, or is out of range.
    """

    pixels: np.ndarray
    time: Fraction
    index: int
    source: np.ndarray | None = None
    duration: Fraction | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.pixels, np.ndarray):
            raise TypeError(f"pixels must be a numpy array, got {type(self.pixels).__name__}")
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
            raise ValueError(f"pixels must be RGB uint8 (height, width, 3), got {dtype} {shape}")
        if not isinstance(self.time, Fraction):
            raise TypeError(f"time must be a Fraction of seconds, got {type(self.time).__name__}")
        if isinstance(self.index, bool) or not isinstance(self.index, int):
            raise TypeError(f"index must be an int, got {type(self.index).__name__}")
        if self.index < 0:
            raise ValueError(f"index must not be negative, got {self.index}")
        if self.duration is not None and not isinstance(self.duration, Fraction):
            raise TypeError(f"duration must be a Fraction of seconds or None, got {type(self.duration).__name__}")
        if self.duration is not None and self.duration <= 0:
            raise ValueError(f"duration must be positive, got {self.duration}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def with_pixels(self, pixels: np.ndarray) -> "Frame":
        """Return a frame of the same time and index with other pixels.

        Args:
            pixels: RGB, uint8, shape (height, width, 3), of any size.
        """
        return Frame(pixels, self.time, self.index, duration=self.duration)

    def _repr_png_(self) -> bytes:
        """Return the frame as PNG, which notebooks show."""
        from livedream.image import encode_png

        return encode_png(self.pixels)

    def __repr__(self) -> str:
        return f"Frame({self.size[0]}x{self.size[1]}, time={float(self.time):.3f} s, index={self.index})"
