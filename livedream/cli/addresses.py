"""Sources and sinks that are not typed: every user of a machine can read what others type, in the list of processes."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from livedream.errors import ArgumentError
from livedream.untrusted import read_text
from livedream.urls import conceal

SOURCE, TO = "LIVEDREAM_SOURCE", "LIVEDREAM_TO"
"""The variables of the environment that name sources and sinks."""


def sources_given(typed: Sequence[str], file: str | None) -> tuple[str, ...]:
    """Return the sources: those that are typed or in the file called `file`, else those of the environment.

    Raises ArgumentError when they are in both, when one is empty, and for a file that cannot be read or names nothing.
    """
    if any(not name.strip() for name in typed):
        raise ArgumentError("a source without a name", "name a film, a picture, a folder or a camera")
    if typed and file is not None:
        raise ArgumentError("SOURCE and --source-file both name a source", "leave out one of them")
    return _concealed(tuple(typed) or (_in_file(file) if file is not None else _in_environment(SOURCE)))


def sinks_given(typed: Sequence[str], file: str | None) -> tuple[str, ...]:
    """Return the sinks: those that are typed and those in the file called `file`, else those of the environment.

    Raises ArgumentError for a file that cannot be read or names nothing.
    """
    return _concealed((*typed, *(_in_file(file) if file is not None else ())) or _in_environment(TO))


def looks_like_source(word: str) -> bool:
    """Return whether `word` can hardly mean anything but a source: a file, an address, the number of a camera."""
    if word.partition(":")[0] in ("demo", "screen") or word.isdecimal() or "/" in word:
        return True
    with suppress(OSError):  # a name that is too long
        return Path(word).suffix[1:2].isalpha() or Path(word).is_dir()
    return False


def _in_file(name: str) -> tuple[str, ...]:
    try:
        found = _lines(read_text(Path(name)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ArgumentError(f"{name} cannot be read: {reason}", "name a file with an address on each line") from error
    if not found:
        raise ArgumentError(f"{name} names no source or sink", "write an address on each line")
    return found


def _in_environment(variable: str) -> tuple[str, ...]:
    return _lines(os.environ.get(variable, ""))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _concealed(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        conceal(name)
    return names
