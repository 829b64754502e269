"""Sizes, rates, lengths and tours as they are typed: 1280x720, 30, 29.97, 30000/1001."""

import re
from contextlib import suppress
from fractions import Fraction

from livedream.cli.addresses import looks_like_source
from livedream.cli.moment import EXAMPLES, parse_moment
from livedream.errors import ArgumentError
from livedream.presets.tour import LEAST, MOST, SECONDS
from livedream.printable import quoted_value
from livedream.quantities import exact_rate

_RATE = re.compile(r"\d{1,9}(\.\d{0,99}|/\d{1,9})?|\.\d{1,99}", re.ASCII)
MOST_PIXELS = 2**27
"""Of a frame, as of films: 16384x8192."""
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels. Raises ArgumentError."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ArgumentError(f"invalid size {quoted_value(text)}", "give width and height in pixels: 1280x720")
    width, height = int(found[1]), int(found[2])
    if width * height > MOST_PIXELS:
        gigabytes = 3 * width * height / 1e9
        cure = f"at most {MOST_PIXELS // 10**6} million pixels, for example 7680x4320"
        raise ArgumentError(f"{text.strip()} is too large: one picture has {gigabytes:.1f} GB", cure)
    return width, height


def parse_rate(text: str) -> Fraction:
    """Return frames per second, exactly: 29.97 is 30000/1001. Raises ArgumentError."""
    text = text.strip()
    # Fraction would take 1e999999999 too, and be busy for ever.
    if _RATE.fullmatch(text):
        with suppress(ZeroDivisionError, ArgumentError):
            return exact_rate(float(text) if "." in text else Fraction(text))
    raise ArgumentError(
        f"invalid rate {quoted_value(text)}", "give 0.1 to 1000 frames per second: 30, 29.97 or 30000/1001"
    )


def parse_length(text: str) -> Fraction:
    """Return how long something lasts, in seconds, more than 0. Raises ArgumentError."""
    seconds = parse_moment(text)
    if not seconds:
        raise ArgumentError(f"invalid duration {quoted_value(text)}", f"give more than 0: {EXAMPLES}")
    return seconds


def given_tour(sources: tuple[str, ...], tour: str | None) -> tuple[tuple[str, ...], Fraction | None]:
    """Return the sources, and how many seconds each preset stays; in `--tour film.mp4` the film is no time.

    Raises ArgumentError.
    """
    if tour is not None and not tour[:1].isdecimal() and looks_like_source(tour):
        return (tour, *sources), Fraction(SECONDS)
    return sources, None if tour is None else parse_tour(tour)


def parse_tour(text: str) -> Fraction:
    """Return how many seconds each preset of a tour stays. Raises ArgumentError."""
    try:
        seconds = parse_moment(text)
    except ArgumentError:
        seconds = Fraction(0)
    if not LEAST <= seconds <= MOST:
        cure = f"give {LEAST} to {MOST} seconds, --tour=30, or write --tour last for the usual time"
        raise ArgumentError(f"{quoted_value(text)} is no time for each preset of a tour", cure)
    return seconds
