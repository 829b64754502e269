"""What the command line says: results on standard output, all else on standard error, without any control codes."""

import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from livedream.faults import Fault, explain
from livedream.printable import presentable

log = logging.getLogger(__name__)

_last_line = time.monotonic()


def silence() -> float:
    """Return for how many seconds nothing has been printed."""
    return time.monotonic() - _last_line


def _print(text: str, file: TextIO) -> None:
    global _last_line
    _last_line = time.monotonic()
    print(presentable(text), file=file, flush=True)


def say(text: str) -> None:
    """Print a line of the result."""
    _print(text, sys.stdout)


def say_lines(text: str) -> None:
    """Print several lines of the result, whose line breaks are ours."""
    for line in text.split("\n"):
        say(line)


def remark(text: str) -> None:
    """Print a line about the run: progress, a warning, an error."""
    _print(text, sys.stderr)


def say_error(message: str, hint: str = "") -> None:
    remark(f"error: {message}")
    if hint:
        remark(f"hint: {hint}")


def say_fault(error: BaseException) -> Fault:
    """Say what `error` means, with its traceback where everything is shown (-vv)."""
    log.debug("%s", type(error).__name__, exc_info=error)
    fault = explain(error)
    say_error(fault.message, fault.hint)
    return fault


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of equal length in columns."""
    rows = [[presentable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class Remarks(logging.Handler):
    """Says what the library logs: warnings and worse, or more."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._verbosity = 0

    def louder(self, steps: int) -> None:
        """Say more: one step for information, two for everything with tracebacks. Steps add up."""
        self._verbosity += steps
        self.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(self._verbosity, 2)])
        _logger.setLevel(min(self.level, logging.WARNING))

    def emit(self, record: logging.LogRecord) -> None:
        remark(f"{record.levelname.lower()}: {record.getMessage()}")
        if record.exc_info and self.level <= logging.DEBUG:
            for line in _formatter.formatException(record.exc_info).splitlines():
                remark(line)


_logger = logging.getLogger("livedream")
_formatter = logging.Formatter()


@contextmanager
def warnings_shown() -> Iterator[Remarks]:
    """Say what the library logs as a warning or worse, and what a thread or a destructor raises, as one line each."""
    handler, level = Remarks(), _logger.level
    hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning
    threading.excepthook, sys.unraisablehook = _on_thread_exception, _on_unraisable
    warnings.showwarning = _on_warning
    _logger.addHandler(handler)
    try:
        yield handler
    finally:
        _logger.removeHandler(handler)
        _logger.setLevel(level)
        threading.excepthook, sys.unraisablehook, warnings.showwarning = hooks


def _on_thread_exception(args: threading.ExceptHookArgs, /) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        where = args.thread.name if args.thread else "a thread"
        log.warning("%s (in %s)", explain(args.exc_value).message, where, exc_info=args.exc_value)


def _on_unraisable(args: Any, /) -> None:
    """Python goes on after such an error, in a destructor or a callback, and so does the dream."""
    if args.exc_value is not None:
        log.info("%s (%s)", explain(args.exc_value).message, args.err_msg or "ignored", exc_info=args.exc_value)


def _on_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Python's warnings are for programmers, and show a line of their program."""
    log.info("%s: %s", category.__name__, message)
