"""Untrusted text cannot move the cursor, reverse a line or forge a line."""

import pytest

from livedream.printable import LONGEST, presentable, printable, quoted_value


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("film.mp4", "film.mp4"),
        ("Käse 🧀 映画 فيلم.mp4", "Käse 🧀 映画 فيلم.mp4"),
        ("e\u0301", "e\u0301"),
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("a\x1b]0;title\x07", r"a\x1b]0;title\x07"),
        ("a\r\nerror: forged", r"a\r\nerror: forged"),
        ("a\tb\x00\x7f", r"a\tb\x00\x7f"),
        ("a\x85\x9b31m", r"a\x85\x9b31m"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("gpj.\u202efdp", r"gpj.\u202efdp"),
        ("\u2066\u2067\u2068\u2069\u200e\u200f\u061c", r"\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
        ("a\u200b\u200c\u200d\u2060\ufeffb", r"a\u200b\u200c\u200d\u2060\ufeffb"),
        ("\U000e0041", r"\U000e0041"),
        (b"caf\xe9".decode(errors="surrogateescape"), r"caf\udce9"),
    ],
)
def test_invisible_characters_are_escaped(text: str, escaped: str) -> None:
    assert printable(text) == escaped
    assert printable(escaped) == escaped
    printable(text).encode()


def test_addresses_are_masked_too() -> None:
    assert presentable("a\x1bb rtsp://u:pw@cam/1") == r"a\x1bb rtsp://cam/1"


@pytest.mark.parametrize(
    "value", ["x" * 10**6, 16**100_000, [1] * 10**5, "\x1b\n"], ids=["text", "number", "list", "escape"]
)
def test_a_value_of_any_size_is_quoted(value: object) -> None:
    text = quoted_value(value)
    assert len(text) <= LONGEST + 10
    assert text.isprintable()
