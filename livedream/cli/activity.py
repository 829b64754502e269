"""Shows the current task while nothing else is printed: loading, reading, the steps of a picture."""

import threading
import time
from types import TracebackType
from typing import Self

from livedream.cli.progress import duration, step_status
from livedream.cli.signals import stop_requested
from livedream.cli.status_line import StatusLine
from livedream.cli.time_left import TimeLeft
from livedream.steps import StepReport

REFRESH_SECONDS = 0.2
"""Between two updates of the line: often enough for the spinner, and no load for a benchmark."""
QUICK_SECONDS = 0.5
"""The delay for tasks that usually take less time."""
LONG_SECONDS = 2.0
"""After this time, the line shows how long the task has taken."""

_current: "Activity | None" = None


class Activity:
    """Shows a task in a StatusLine while the thread that does it is busy, inside a `with` block.

    An activity inside another one only changes the text of the outer one.

    Args:
        text: the task.
        delay: seconds until it appears, for tasks that are usually quick.
    """

    def __init__(self, text: str, delay: float = 0.0) -> None:
        self._text = text
        self._delay = delay
        self._began = time.monotonic()
        self._report = StepReport(text)
        self._time_left = TimeLeft()
        self._line: StatusLine | None = None
        self._outer: Activity | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, name="livedream-activity", daemon=True)

    def __enter__(self) -> Self:
        global _current
        self._outer = _current
        if self._outer is not None:
            self._before = self._outer._report
            self._outer._set(self._report)
            return self
        _current = self
        self._line = StatusLine().__enter__()
        if not self._delay:
            # On this thread: the work that follows, such as the import of torch, may block all others.
            self._show()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _current
        if self._outer is not None:
            self._outer._set(self._before)
            return
        _current = None
        self._ended.set()
        self._thread.join()
        if self._line is not None:
            self._line.__exit__(kind, error, trace)

    def step(self, report: StepReport) -> None:
        """Show the progress. Any thread may call it. Raises KeyboardInterrupt when a signal has requested the end."""
        (self._outer or self)._set(report)
        # The main thread got the signal, and may be waiting for this one.
        if stop_requested():
            raise KeyboardInterrupt

    def _set(self, report: StepReport) -> None:
        if report.task != self._report.task:
            self._began = time.monotonic()
        self._report = report

    def _keep_showing(self) -> None:
        if not self._ended.wait(self._delay):
            self._show()
        while not self._ended.wait(REFRESH_SECONDS):
            self._show()

    def _show(self) -> None:
        report = self._report
        if self._line is None:
            return
        if stop_requested():
            self._line.show("stopping")
            return
        if report.total:
            self._line.show(f"{report.task}: {step_status(report, self._time_left(report.share))}", report.share)
            return
        seconds = time.monotonic() - self._began
        self._line.show(f"{report.task}, {duration(seconds)}" if seconds >= LONG_SECONDS else report.task)
