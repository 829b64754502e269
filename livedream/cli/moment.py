"""Moments of a film as they are typed: 90, 1:30 and 0:01:30.000 are the same."""

import re
from fractions import Fraction

from livedream.errors import ArgumentError
from livedream.printable import quoted_value

# At most nine digits before the point, 31 years: FFmpeg counts in 64 bits, in units down to a nanosecond.
_SECONDS = re.compile(r"\d{1,9}(\.\d{0,99})?|\.\d{1,99}", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,5}):)?([0-5]?\d):([0-5]?\d(?:\.\d{0,99})?)", re.ASCII)


def parse_moment(text: str) -> Fraction:
    """Return the seconds that `text` means, exactly: `12.04`, `mm:ss` or `hh:mm:ss.ms`. Raises ArgumentError."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return 3600 * Fraction(hours or 0) + 60 * Fraction(minutes) + Fraction(seconds)
    raise ArgumentError(
        f"{quoted_value(text)} is no moment of a film", "give seconds (90.5) or hours:minutes:seconds (0:01:30.5)"
    )
