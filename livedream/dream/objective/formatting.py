"""How the words of an objective are written, so that they read back as what they were."""

import re

# A file or a name that needs no quotes: no spaces, nothing that has a meaning of its own.
PLAIN = re.compile(r"""[^\s"|,@()]+""")


def number(value: float) -> str:
    """Return `value` as text, short where that is exact."""
    return short if float(short := f"{value:g}") == value else repr(float(value))


def quoted(text: str, always: bool = False) -> str:
    """Return `text` in double quotes, doubled inside, if it needs any, or always."""
    if PLAIN.fullmatch(text) and not always:
        return text
    return '"' + text.replace('"', '""') + '"'
