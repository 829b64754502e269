"""Sizes, rates and tours as they are typed: 1280x720, 30, 29.97, 30000/1001."""

import re
from fractions import Fraction

from livedream.cli.moment import parse_moment
from livedream.errors import ArgumentError
from livedream.presets.tour import LEAST, MOST

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels. Raises ArgumentError."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ArgumentError(f"{text!r} is no size", "give width and height in pixels: 1280x720")
    return int(found[1]), int(found[2])


def parse_rate(text: str) -> Fraction:
    """Return frames per second, exactly. Raises ArgumentError."""
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not Fraction(1, 10) <= rate <= 1000:
        raise ArgumentError(f"{text!r} is no rate", "give frames per second: 30, 29.97 or 30000/1001")
    return rate


def parse_tour(text: str) -> Fraction:
    """Return how many seconds each preset of a tour stays. Raises ArgumentError."""
    try:
        seconds = parse_moment(text)
    except ArgumentError:
        seconds = Fraction(0)
    if not LEAST <= seconds <= MOST:
        cure = f"give {LEAST} to {MOST} seconds, --tour=30, or write --tour last for the usual time"
        raise ArgumentError(f"{text!r} is no time for each preset of a tour", cure)
    return seconds
