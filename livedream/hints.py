"""Hints that say what to do about an error: with options on the command line, with arguments in Python.

    raise SinkError(f"{path} exists already", f"use {option('overwrite', True)}, or another name")

is shown by the command line as `use --overwrite, or another name`, and in a traceback as `use overwrite=True, or
another name`. Parts that differ are marked inside an ordinary string, so that strings can be combined.
"""

import re
from typing import Self

# Control characters that no text contains. The tests find a marked part that was not resolved.
_BEGIN, _MIDDLE, _END = "\x0e", "\x0f", "\x10"
_MARKED = re.compile(f"{_BEGIN}(.*?){_MIDDLE}(.*?){_END}", re.DOTALL)


def either(command_line: str, python: str) -> str:
    """Return a part of a hint that differs between the command line and Python."""
    return f"{_BEGIN}{command_line}{_MIDDLE}{python}{_END}"


def option(name: str, value: object = None) -> str:
    """Return how to pass the option or keyword argument `name`, with a value if there is one: True for a flag."""
    dashed = f"--{name.replace('_', '-')}"
    if value is None:
        return either(dashed, name)
    return either(dashed if value is True else f"{dashed} {value}", f"{name}={value!r}")


class Hint(str):
    """A hint as Python shows it; `command_line` is the text for the command line."""

    command_line: str

    def __new__(cls, text: str) -> Self:
        """Resolve the parts that `either` and `option` marked in `text`. A Hint is used as it is."""
        hint = super().__new__(cls, _MARKED.sub(r"\2", text))
        hint.command_line = text.command_line if isinstance(text, Hint) else _MARKED.sub(r"\1", text)
        return hint
