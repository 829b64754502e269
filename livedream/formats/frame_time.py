"""The time of a frame, stored in its PNG, so that numbered images can become the same video again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

TIME, DURATION, RATE = "livedream-time", "livedream-duration", "livedream-rate"
"""The keywords of the texts in the PNG. A time is a fraction of a second in ticks, not reduced: 1024/15360."""
_NUMBER = re.compile(r"\d{1,15}(/\d{1,9})?")
"""A number of acceptable size; the file may come from anyone. A time base of FFmpeg has 31 bits."""


@dataclass(frozen=True, slots=True)
class FrameTime:
    """When a frame is shown."""

    time: Fraction
    """Seconds, a multiple of `tick`."""
    tick: Fraction
    """The time base, in seconds."""
    rate: Fraction | None = None
    """Frames per second of the video, the average where it varies."""
    duration: Fraction | None = None
    """Seconds, None if unknown."""

    def texts(self) -> dict[str, str]:
        """Return the texts for the PNG."""
        texts = {TIME: f"{self.time * self.tick.denominator}/{self.tick.denominator}"}
        if self.rate:
            texts[RATE] = str(self.rate)
        if self.duration:
            texts[DURATION] = str(self.duration)
        return texts


def frame_time(texts: Mapping[Any, Any]) -> FrameTime | None:
    """Return the time in the texts of a PNG (`Image.info` of Pillow); None if there is none or it is invalid."""
    numbers = [str(texts.get(name, "")) for name in (TIME, DURATION, RATE)]
    if not numbers[0] or not all(_NUMBER.fullmatch(number) for number in numbers if number):
        return None
    try:
        time, duration, rate = (Fraction(number) if number else None for number in numbers)
        tick = Fraction(1, int(numbers[0].partition("/")[2] or 1))
    except ZeroDivisionError:
        return None
    if (
        time is None
        or time % tick
        or (duration is not None and duration <= 0)
        or (rate is not None and not 0 < rate <= 1000)
    ):
        return None
    return FrameTime(time, tick, rate, duration)
