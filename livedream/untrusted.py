"""Files that anybody may have made (presets, recipes, guides, masks, weights): read within bounds, without waiting."""

import os
import re
import stat
import tomllib
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from livedream.errors import ArgumentError
from livedream.printable import quoted_value

LARGEST_TEXT = 1 << 18
"""Bytes of a preset or recipe. The longest that livedream writes itself have some thousands."""
DEEPEST = 20
"""How deep tables and lists may be nested. tomllib recurses, and 20,000 dots in a key take it 1.8 GB."""
_DIGITS = 40
"""Of a number: enough for every float, and Python refuses to read or write more than 4300."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# What brackets and dots mean nothing in: strings of four kinds, and comments. One without an end goes on to the end of
# its line or of the text: were it no match, each of its quotes would be tried, 170 s for 200 kB of them.
_STRINGS = re.compile(
    r'"""(?:[^\\]|\\.|\\\Z)*?(?:"""|\Z)|'
    r"'''.*?(?:'''|\Z)|"
    r'"(?:[^"\\\n]|\\[^\n])*+"?|'
    r"'[^'\n]*+'?|"
    r"\#[^\n]*",
    re.DOTALL,
)


class NotRegularError(OSError):
    """What is named is there and is no regular file. `strerror` says what it is."""


def check_regular(path: Path) -> None:
    """Raise NotRegularError for what is no regular file: to open a pipe waits for whoever writes it, to read a device
    may never end. Other faults are left to whoever opens it.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    _check_mode(mode, path)


def open_regular(path: Path) -> BinaryIO:
    """Open the regular file `path` for reading. Raises OSError, NotRegularError among others, and never waits."""
    check_regular(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_mode(os.fstat(file.fileno()).st_mode, path)  # again: it may have been exchanged
    except BaseException:
        file.close()
        raise
    return file


def _check_mode(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")
        raise NotRegularError(0, f"it is {kind}, not a file", str(path))


def read_text(path: Path) -> str:
    """Return the text in the regular file `path`, UTF-8 with or without a mark at its beginning.

    Raises OSError, also when it is larger than a preset may be, and UnicodeDecodeError.
    """
    with open_regular(path) as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise OSError(0, f"it is larger than {LARGEST_TEXT >> 10} kB", str(path))
    return data.decode("utf-8-sig").replace("\r\n", "\n")


def parse_toml(
    text: str, name: str, *, kind: str = "a preset or recipe", example: str = 'layers = "fire9"'
) -> dict[str, Any]:
    """Return the TOML document `text`. For messages: name: where it stands; kind: what it is; example: a line of it.

    Raises ArgumentError, within a fraction of a second, for what is no TOML, and for what is too large, too deep or has
    numbers of too many digits to be a preset or a recipe.
    """
    excess = _excess(text)
    if excess:
        raise ArgumentError(f"{name} is not {kind}: {excess}", f"write lines such as {example}")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:  # tomllib.TOMLDecodeError is a ValueError; so are its numbers' faults
        raise ArgumentError(f"{name} is not TOML: {_first_line(error)}", f"write lines such as {example}") from error


def _excess(text: str) -> str:
    """Return of what `text` has too much, "" for nothing. In time proportional to its length."""
    if len(text) > LARGEST_TEXT:
        return f"it is larger than {LARGEST_TEXT >> 10} kB"
    bare = _STRINGS.sub("s", text)
    deep = max(accumulate(1 if sign in "[{" else -1 for sign in re.findall(r"[][{}]", bare)), default=0)
    dots = max((run.count(".") for run in re.findall(r"[\w \t.+-]+", bare)), default=0)
    if max(deep, dots) > DEEPEST:
        return f"its tables are nested more than {DEEPEST} deep"
    if re.search(rf"\d[\w.+-]{{{_DIGITS}}}", bare):
        return f"it has a number of more than {_DIGITS} digits"
    return ""


def _first_line(error: BaseException) -> str:
    return quoted_value(str(error).partition("\n")[0])[1:-1] if isinstance(error, ValueError) else "it is too deep"
