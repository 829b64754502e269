"""Hints, which say what to do about an error: in the words of the command line there, in those of Python elsewhere.

    raise SinkError(f"{path} exists already", f"use {option('overwrite', True)}, or another name")

is shown by the command line as `use --overwrite, or another name`, and in a traceback as `use overwrite=True, or
another name`. A part that is written differently is marked inside an ordinary text, so that it can be put into others.
"""

import re
from typing import Self

# Characters that stand in no text of ours; a part that nobody has resolved shows in a test.
_BEGIN, _MIDDLE, _END = "\x0e", "\x0f", "\x10"
_MARKED = re.compile(f"{_BEGIN}(.*?){_MIDDLE}(.*?){_END}", re.DOTALL)


def either(command_line: str, python: str) -> str:
    """Return a part of a hint that the command line writes in one way, and Python in another."""
    return f"{_BEGIN}{command_line}{_MIDDLE}{python}{_END}"


def option(name: str, value: object = None) -> str:
    """Return how one asks for the option or keyword `name`, with a value if there is one: True for a flag."""
    dashed = f"--{name.replace('_', '-')}"
    if value is None:
        return either(dashed, name)
    return either(dashed if value is True else f"{dashed} {value}", f"{name}={value!r}")


class Hint(str):
    """A hint as Python says it; `command_line` is how the command line does."""

    command_line: str

    def __new__(cls, text: str) -> Self:
        """Resolve what `either` and `option` have marked in `text`. A Hint stays as it is."""
        hint = super().__new__(cls, _MARKED.sub(r"\2", text))
        hint.command_line = text.command_line if isinstance(text, Hint) else _MARKED.sub(r"\1", text)
        return hint
