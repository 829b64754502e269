"""Prints results on standard output and everything else on standard error, without control codes."""

import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from livedream.faults import Fault, explain
from livedream.printable import presentable, printable

log = logging.getLogger(__name__)

_last_line = time.monotonic()


def silence() -> float:
    """Return the seconds since something was printed."""
    return time.monotonic() - _last_line


def begin_silence() -> None:
    """Count the seconds since the last line from now on."""
    global _last_line
    _last_line = time.monotonic()


def _print(text: str, file: TextIO) -> None:
    begin_silence()
    print(presentable(text), file=file, flush=True)


LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
"""The levels of messages, by their names on the command line."""


@dataclass(slots=True)
class _Console:
    """What is printed in addition to errors."""

    level: int = logging.WARNING
    prints_result: bool = False
    """Whether the output of the command is its result, as for `livedream models`, and is printed in any case."""
    json_progress: bool = False
    """Whether the progress is printed as lines of JSON, for a program."""

    @property
    def quiet(self) -> bool:
        return self.level >= logging.ERROR


_console = _Console()


def is_quiet() -> bool:
    """Return whether only errors are printed (-q)."""
    return _console.quiet


def prints_json_progress() -> bool:
    """Return whether the progress is printed as lines of JSON (--progress json)."""
    return _console.json_progress


def print_json_progress() -> None:
    """From now on, print the progress as lines of JSON."""
    _console.json_progress = True


def say_progress(line: str) -> None:
    """Print a line of JSON about the progress on standard error, also with -q: a program has asked for it."""
    _print(line, sys.stderr)


def say(text: str) -> None:
    """Print a line on standard output: a result, or a description of the run."""
    if _console.prints_result or not _console.quiet:
        _print(text, sys.stdout)


def say_lines(text: str) -> None:
    """Print a text of several lines on standard output."""
    for line in text.split("\n"):
        say(line)


def say_link(label: str, link: str) -> None:
    """Print a link that contains a token, which every other line hides."""
    if not _console.quiet:
        begin_silence()
        print(printable(f"{label}: {link}"), file=sys.stdout, flush=True)


def remark(text: str) -> None:
    """Print a line about the run on standard error: progress, a warning."""
    if not _console.quiet:
        _print(text, sys.stderr)


def say_error(message: str, hint: str = "") -> None:
    _print(f"error: {message}", sys.stderr)
    if hint:
        _print(f"hint: {hint}", sys.stderr)


def say_fault(error: BaseException) -> Fault:
    """Print what `error` means, with its traceback at level debug (-vv)."""
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
    """Prints the log of the library: warnings and errors, or as much as the command line requests."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def print_from(self, level: int) -> None:
        """Print messages from `level` on, one of LEVELS; at level `error`, print errors only."""
        _console.level = level
        self.setLevel(level)
        _logger.setLevel(min(level, logging.WARNING))

    def louder(self, steps: int) -> None:
        """Print more: one step adds information, two add everything with tracebacks. Steps add up."""
        self.print_from(max(logging.DEBUG, self.level - 10 * steps))

    def command_prints_result(self) -> None:
        """Make `say` print in any case."""
        _console.prints_result = True

    def emit(self, record: logging.LogRecord) -> None:
        _print(f"{record.levelname.lower()}: {record.getMessage()}", sys.stderr)
        if record.exc_info and self.level <= logging.DEBUG:
            for line in _formatter.formatException(record.exc_info).splitlines():
                _print(line, sys.stderr)


_logger = logging.getLogger("livedream")
_formatter = logging.Formatter()


@contextmanager
def warnings_shown() -> Iterator[Remarks]:
    """Print warnings and errors that the library logs, and what threads and destructors raise, as one line each."""
    global _console
    handler, level, console = Remarks(), _logger.level, _console
    hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning
    threading.excepthook, sys.unraisablehook = _on_thread_exception, _on_unraisable
    warnings.showwarning = _on_warning
    _logger.addHandler(handler)
    _console = _Console()
    try:
        yield handler
    finally:
        _console = console
        _logger.removeHandler(handler)
        _logger.setLevel(level)
        threading.excepthook, sys.unraisablehook, warnings.showwarning = hooks


def _on_thread_exception(args: threading.ExceptHookArgs, /) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        where = args.thread.name if args.thread else "a thread"
        log.warning("%s (in %s)", explain(args.exc_value).message, where, exc_info=args.exc_value)


def _on_unraisable(args: Any, /) -> None:
    """Log an error in a destructor or a callback; Python continues after it, and so does the dream."""
    if args.exc_value is not None:
        log.info("%s (%s)", explain(args.exc_value).message, args.err_msg or "ignored", exc_info=args.exc_value)


def _on_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Log a warning of Python's, which is meant for programmers."""
    log.info("%s: %s", category.__name__, message)
