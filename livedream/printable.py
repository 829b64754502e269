"""Makes text from unknown origin safe for a terminal: it cannot move the cursor, hide text or imitate other lines."""

import re
import unicodedata

from livedream.urls import redact_text

# Controls (C0, C1), formats (directions of writing, zero width), separators of lines, lone surrogates, which stand for
# bytes of a name that are not text.
_ESCAPED = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
_PLAIN = re.compile(r"[ -~]*")
LONGEST = 200
"""Characters of a value from outside that a message quotes."""


def presentable(text: str) -> str:
    """Return `text` as one line to print or draw, without secrets and without control characters."""
    return printable(redact_text(text))


def printable(text: str) -> str:
    r"""Return `text` with all characters escaped, as \x1b, that do something other than be seen; line breaks too."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escape(letter) if unicodedata.category(letter) in _ESCAPED else letter for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode() if ord(letter) < 0xD800 else _by_number(ord(letter))


def _by_number(number: int) -> str:
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def quoted_value(value: object) -> str:
    """Return `value` as Python writes it, shortened to what a message may quote. Numbers may have any length."""
    if isinstance(value, str):
        text = repr(value[: LONGEST + 1])
    elif isinstance(value, int) and value.bit_length() > 1000:  # Python refuses to write more than 4300 digits
        return f"a number of {value.bit_length()} bits"
    else:
        text = repr(value)
    return text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}..."
