"""Sources and sinks from files and variables, because every user of the machine can see typed ones in `ps`."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from livedream.errors import ArgumentError
from livedream.untrusted import read_text
from livedream.urls import register_secrets

SOURCE, TO = "LIVEDREAM_SOURCE", "LIVEDREAM_TO"
"""The environment variables for sources and sinks."""


def sources_given(typed: Sequence[str], file: str | None) -> tuple[str, ...]:
    """Return the sources that are typed or listed in the file called `file`, or else those in the environment.

    Raises ArgumentError when they are typed and in a file, when one is empty, and when the file is unreadable or empty.
    """
    if any(not name.strip() for name in typed):
        raise ArgumentError("the name of a source is empty", "name a video, a picture, a folder or a camera")
    if typed and file is not None:
        raise ArgumentError("SOURCE and --source-file cannot be combined", "leave out one of them")
    return _concealed(tuple(typed) or (_in_file(file) if file is not None else _in_environment(SOURCE)))


def sinks_given(typed: Sequence[str], file: str | None) -> tuple[str, ...]:
    """Return the sinks that are typed and listed in the file called `file`, or else those in the environment.

    Raises ArgumentError when the file is unreadable or empty.
    """
    return _concealed((*typed, *(_in_file(file) if file is not None else ())) or _in_environment(TO))


def looks_like_source(word: str) -> bool:
    """Return whether `word` is very likely a source: a file, an address, the number of a camera."""
    if word.partition(":")[0] in ("demo", "screen") or word.isdecimal() or "/" in word:
        return True
    with suppress(OSError):  # the name is too long
        return Path(word).suffix[1:2].isalpha() or Path(word).is_dir()
    return False


def _in_file(name: str) -> tuple[str, ...]:
    try:
        found = _lines(read_text(Path(name)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ArgumentError(
            f"{name} cannot be read: {reason}", "name a text file with one source or sink per line"
        ) from error
    if not found:
        raise ArgumentError(f"{name} contains no source or sink", "write one per line")
    return found


def _in_environment(variable: str) -> tuple[str, ...]:
    return _lines(os.environ.get(variable, ""))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _concealed(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        register_secrets(name)
    return names
