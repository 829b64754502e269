"""Seconds and frames per second as programs give them, made exact."""

import math
from fractions import Fraction
from numbers import Rational, Real

from livedream.errors import ArgumentError

_NTSC_TOLERANCE = Fraction(1, 200)
"""Of 24000/1001 people write 23.976 and 23.98."""
SLOWEST, FASTEST = Fraction(1, 10), Fraction(1000)
"""Frames per second."""


def exact_seconds(value: Fraction | float, name: str) -> Fraction:
    """Return a moment in seconds as a fraction; a float is the decimal number as which Python prints it (0.1 is 1/10).

    Raises TypeError for other types than numbers, ArgumentError for nan and infinity. name: of the argument.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if isinstance(value, Rational):
        return Fraction(value)
    if not math.isfinite(value):
        raise ArgumentError(f"{name} must be a finite number, got {value}", "give a number such as 1.5")
    return Fraction(repr(float(value)))


def exact_rate(value: Fraction | float, name: str = "rate") -> Fraction:
    """Return frames per second as a fraction; 29.97, 23.976 and the like are the rates of NTSC, such as 30000/1001.

    Raises as `exact_seconds`, and ArgumentError for a rate that nothing has.
    """
    rate = exact_seconds(value, name)
    if not SLOWEST <= rate <= FASTEST:
        raise ArgumentError(
            f"{name} must be from {float(SLOWEST):g} to {FASTEST} frames per second, got {value}",
            "give a number such as 30 or 29.97",
        )
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    is_ntsc = not isinstance(value, Rational) and rate.denominator > 1 and abs(rate - ntsc) < _NTSC_TOLERANCE
    return ntsc if is_ntsc else rate
