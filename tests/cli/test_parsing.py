"""Sizes, rates and times as they are typed."""

from fractions import Fraction

import pytest

from livedream.cli.parsing import parse_moment, parse_rate
from livedream.errors import ArgumentError


def test_rates_of_ntsc_are_exact() -> None:
    rates = {text: parse_rate(text) for text in ("29.97", "23.976", "59.94", "30", "30.0", "12.5", "30000/1001")}
    assert rates == {
        "29.97": Fraction(30000, 1001),
        "23.976": Fraction(24000, 1001),
        "59.94": Fraction(60000, 1001),
        "30": 30,
        "30.0": 30,
        "12.5": Fraction(25, 2),
        "30000/1001": Fraction(30000, 1001),
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("90", 90), ("1:30", 90), ("0:01:30.000", 90), (".5", Fraction(1, 2)), ("29.97", Fraction(2997, 100))],
        *[("90s", 90), ("1m30s", 90), ("1M 30S", 90), ("1.5m", 90), ("2h", 7200), ("250ms", Fraction(1, 4))],
        *[("1:02:03.5", Fraction(7447, 2)), ("1h2m3s500ms", Fraction(7447, 2)), ("2m", 120), ("2ms", Fraction(1, 500))],
    ],
)
def test_moments(text: str, seconds: Fraction | int) -> None:
    assert parse_moment(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-1", "1:60", "soon", "1e5", "nan", "1:2:3:4", "1/2", "s", "30s1m", "1:30s", "9" * 10 + "s", "300000h"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ArgumentError, match="invalid time "):
        parse_moment(text)
