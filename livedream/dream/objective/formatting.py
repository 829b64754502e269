"""Writes numbers and names of an objective as text that the parser reads back unchanged."""

import re

# A file or name that needs no quotes: no whitespace and no character with a meaning in an objective.
PLAIN = re.compile(r"""[^\s"|,@()]+""")


def number(value: float) -> str:
    """Return `value` as text: in short form if that is exact, otherwise with all its digits."""
    return short if float(short := f"{value:g}") == value else repr(float(value))


def quoted(text: str, always: bool = False) -> str:
    """Return `text` in double quotes (inner ones doubled) if it needs them, or if `always` is set."""
    if PLAIN.fullmatch(text) and not always:
        return text
    return '"' + text.replace('"', '""') + '"'
