"""Bounded, non-blocking reading of files from untrusted sources: presets, recipes, guides, masks, weights."""

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
"""The maximum size of a preset or recipe in bytes. Those that livedream writes have a few thousand."""
DEEPEST = 20
"""The maximum nesting of tables and lists. tomllib recurses: for a key with 20,000 dots it needs 1.8 GB."""
_DIGITS = 40
"""Of a number: sufficient for every float. Python refuses to convert more than 4300."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Strings of four kinds and comments, in which brackets and dots have no meaning. One without an end extends to the end
# of its line or of the text: otherwise every quote in it would be tried, which takes 170 s for 200 kB of quotes.
_STRINGS = re.compile(
    r'"""(?:[^\\]|\\.|\\\Z)*?(?:"""|\Z)|'
    r"'''.*?(?:'''|\Z)|"
    r'"(?:[^"\\\n]|\\[^\n])*+"?|'
    r"'[^'\n]*+'?|"
    r"\#[^\n]*",
    re.DOTALL,
)


class NotRegularError(OSError):
    """The path exists and is not a regular file. `strerror` says what it is."""


def check_regular(path: Path) -> None:
    """Raise NotRegularError for a path that exists and is not a regular file.

    Opening a pipe blocks until a writer opens it, and reading a device may never end. Other errors occur on opening.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    _check_mode(mode, path)


def open_regular(path: Path) -> BinaryIO:
    """Open the regular file `path` for reading, without blocking. Raises OSError, including NotRegularError."""
    check_regular(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_mode(os.fstat(file.fileno()).st_mode, path)  # again: the file may have been replaced
    except BaseException:
        file.close()
        raise
    return file


def _check_mode(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")
        raise NotRegularError(0, f"it is {kind}, not a file", str(path))


def read_text(path: Path) -> str:
    """Return the text in the regular file `path`, UTF-8 with or without a byte order mark.

    Raises:
        OSError: it cannot be read, or is larger than a preset may be.
        UnicodeDecodeError: it is not UTF-8.
    """
    with open_regular(path) as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise OSError(0, f"it is larger than {LARGEST_TEXT >> 10} kB", str(path))
    return data.decode("utf-8-sig").replace("\r\n", "\n")


def parse_toml(
    text: str, name: str, *, kind: str = "a preset or recipe", example: str = 'layers = "fire9"'
) -> dict[str, Any]:
    """Parse a TOML document, in bounded time.

    Args:
        text: the document.
        name: of its file, for messages.
        kind: of the document, for messages.
        example: a line of such a document, for messages.

    Raises:
        ArgumentError: it is not TOML, or it is too large, too deeply nested or has numbers with too many digits.
    """
    excess = _excess(text)
    if excess:
        raise ArgumentError(f"{name} is not {kind}: {excess}", f"write lines such as {example}")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:  # tomllib.TOMLDecodeError is a ValueError, as are errors in numbers
        raise ArgumentError(f"{name} is not TOML: {_first_line(error)}", f"write lines such as {example}") from error


def _excess(text: str) -> str:
    """Describe which limit `text` exceeds, "" for none, in time proportional to its length."""
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
