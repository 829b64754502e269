"""Times as they are typed: 90, 90s, 1m30s, 1:30 and 0:01:30.000 are the same; 250ms."""

import re
from fractions import Fraction

from livedream.errors import ArgumentError
from livedream.printable import quoted_value

EXAMPLES = "90, 90.5s, 1m30s, 1:30, 1:02:03.5 or 250ms"
# At most nine digits before the point, 31 years: FFmpeg counts in 64 bits, in units down to a nanosecond.
_NUMBER = r"\d{1,9}(?:\.\d{0,99})?|\.\d{1,99}"
_SECONDS = re.compile(_NUMBER, re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,5}):)?([0-5]?\d):([0-5]?\d(?:\.\d{0,99})?)", re.ASCII)
_UNITS = re.compile(
    "".join(rf"(?:({_NUMBER})\s*{unit}\s*)?" for unit in ("h", "m", "s", "ms")), re.ASCII | re.IGNORECASE
)
_SECONDS_OF = (Fraction(3600), Fraction(60), Fraction(1), Fraction(1, 1000))
"""The seconds of the units."""


def parse_moment(text: str) -> Fraction:
    """Return the seconds that `text` means, exactly: `12.04`, `1m30s`, `250ms`, `mm:ss` or `hh:mm:ss.ms`.

    Raises ArgumentError.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return 3600 * Fraction(hours or 0) + 60 * Fraction(minutes) + Fraction(seconds)
    if text and (found := _UNITS.fullmatch(text)):
        parts = zip(found.groups(), _SECONDS_OF, strict=True)
        seconds = sum((Fraction(number) * of for number, of in parts if number), Fraction(0))
        if seconds < 10**9:
            return seconds
    raise ArgumentError(f"invalid time {quoted_value(text)}", f"give {EXAMPLES}")
