"""Makes untrusted text safe for a terminal: nothing in it can move the cursor, hide, or forge a line."""

import re
import unicodedata

from livedream.urls import masked

# Controls (C0, C1), formats (text direction, zero width), line separators, and lone surrogates, which stand for bytes
# of a file name that are not valid text.
_ESCAPED = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
_PLAIN = re.compile(r"[ -~]*")
LONGEST = 200
"""The largest number of characters of an untrusted value that a message quotes."""


def presentable(text: str) -> str:
    """Return `text` as one line to print or draw, without secrets and without control characters."""
    return printable(masked(text))


def printable(text: str) -> str:
    r"""Return `text` with all invisible characters and line breaks escaped, for example as \x1b."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escape(letter) if unicodedata.category(letter) in _ESCAPED else letter for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode() if ord(letter) < 0xD800 else _by_number(ord(letter))


def _by_number(number: int) -> str:
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def quoted_value(value: object) -> str:
    """Return the `repr` of `value`, shortened for a message. Numbers may have any length."""
    if isinstance(value, str):
        text = repr(value[: LONGEST + 1])
    elif isinstance(value, int) and value.bit_length() > 1000:  # Python refuses to convert more than 4300 digits
        return f"a number of {value.bit_length()} bits"
    else:
        text = repr(value)
    return text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}..."
