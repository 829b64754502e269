"""How far a run is: a bar or a line that changes on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from livedream.capture.source import Source
from livedream.cli.output import is_quiet, remark
from livedream.pipeline import Report
from livedream.printable import presentable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PLAIN_SECONDS = 5.0
"""From one line to the next where nothing can be overwritten."""


class Progress:
    """Shows reports on standard error, inside a `with` block.

    of_all: told which share of this source is done, 0 to 1, it says how far all sources are. first: the number of the
    frame with which the run begins.
    """

    def __init__(self, source: Source, of_all: Callable[[float], str] | None = None, *, first: int = 0) -> None:
        self._of_all = of_all
        self._live = source.live
        self._length = max(0, source.length - first) if source.length else None
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._next_line = time.monotonic() + PLAIN_SECONDS
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not is_quiet():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            bar = [BarColumn()] if self._length and not self._live else []
            text = TextColumn("{task.description}", markup=False)
            # It must not ask again whether this is a terminal: for moments it is not (sink/overheard.py).
            console = Console(stderr=True, force_terminal=True)
            # No thread of its own: the reports come often enough.
            self._bar = Progress(*bar, text, console=console, auto_refresh=False, transient=True)
            self._stack.enter_context(self._bar)
            self._task = self._bar.add_task("", total=self._length)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, report: Report) -> None:
        text = (live_status if self._live else file_status)(report, self._length)
        text = "; ".join([text, *report.notices])
        if self._of_all is not None:
            text = f"{self._of_all(min(1.0, report.dreamt / self._length) if self._length else 0.0)}: {text}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=report.dreamt, description=presentable(text), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_SECONDS
            remark(text)


def live_status(report: Report, length: int | None = None) -> str:
    """`212 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped`. The age is that of the sink that lags most."""
    parts = [f"{report.dreamt} frames", f"{report.dreamt_fps:.1f} fps"]
    ages = [sink.age for sink in report.sinks if sink.age is not None]
    if ages:
        median, p95 = max(ages)
        parts.append(f"age {1000 * median:.0f} ms (p95 {1000 * p95:.0f} ms)")
    parts.append(dropped(report))
    return ", ".join(parts)


def file_status(report: Report, length: int | None) -> str:
    """`212 of 300 frames, 24.9 fps, 4 s left`."""
    # The length is a promise of the file's header; who sees that it was wrong says no more of it.
    left = (length or 0) - report.dreamt
    parts = [f"{report.dreamt} of {length} frames" if left >= 0 and length else f"{report.dreamt} frames"]
    parts.append(f"{report.dreamt_fps:.1f} fps")
    if left > 0 and report.dreamt_fps:
        parts.append(f"{duration(left / report.dreamt_fps)} left")
    return ", ".join(parts)


def overall_status(number: int, many: int, share: float, seconds: float) -> str:
    """`2 of 5 (37 % of all, 12:30 left)`: source `number` of `many`, and the share of all that took `seconds`."""
    text = f"{number} of {many} ({100 * share:.0f} % of all"
    return f"{text}, {duration(seconds * (1 - share) / share)} left)" if 0.01 <= share < 1 else f"{text})"


def dropped(report: Report) -> str:
    """`3 dropped`, and where a sink lost more: `3 dropped, 12 more on the way to film.mp4`.

    What was left out on purpose is no loss: `3 dropped, 200 left out to hold the rate`.
    """
    parts = [f"{report.dropped} dropped"]
    parts += [f"{report.skipped} left out to hold the rate"] if report.skipped else []
    parts += [f"{sink.dropped} more on the way to {sink.name}" for sink in report.sinks if sink.dropped]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """`4 s`, `3:20`, `1:02:05`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
