"""What the command line says: results on standard output, all else on standard error, without any control codes."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from livedream.printable import presentable


def say(text: str) -> None:
    """Print a line of the result."""
    _print(presentable(text), to_error=False)


def say_lines(text: str) -> None:
    """Print several lines of the result, whose line breaks are ours."""
    for line in text.split("\n"):
        say(line)


def remark(text: str) -> None:
    """Print a line about the run: progress, a warning, an error."""
    _print(presentable(text), to_error=True)


def say_error(message: str, hint: str = "") -> None:
    remark(f"error: {message}")
    if hint:
        remark(f"hint: {hint}")


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of equal length in columns."""
    rows = [[presentable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Say what the library logs as a warning, or worse."""
    handler = _Remarks(logging.WARNING)
    logger = logging.getLogger("livedream")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Remarks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        remark(f"{record.levelname.lower()}: {record.getMessage()}")


def _print(text: str, *, to_error: bool) -> None:
    stream = sys.stderr if to_error else sys.stdout
    encoding = stream.encoding or "utf-8"
    try:
        # A file's name may hold bytes that are no text.
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        # `livedream run film.mp4 | head`: the reader has seen enough, the film is still wanted.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
