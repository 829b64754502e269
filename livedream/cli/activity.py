"""Shows what livedream is doing while nothing else is printed: loading, reading, steps of a picture."""

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
"""From one look of the line to the next: often enough for the spinner, and no load for a benchmark."""
QUICK_SECONDS = 0.5
"""What is usually done within this time is shown only when it takes longer."""
LONG_SECONDS = 2.0
"""After how long the line says for how long it has been so."""

_shown: "Activity | None" = None


class Activity:
    """Shows what is being done while the thread that does it is busy, inside a `with` block; as a StatusLine does.

    One inside another only changes what the outer one says. text: what is done. delay: seconds after which it appears,
    for what is usually quick.
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
        global _shown
        self._outer = _shown
        if self._outer is not None:
            self._before = self._outer._report
            self._outer._set(self._report)
            return self
        _shown = self
        self._line = StatusLine().__enter__()
        if not self._delay:
            # By this thread: what comes now, such as the import of torch, may let no other one run.
            self._show()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _shown
        if self._outer is not None:
            self._outer._set(self._before)
            return
        _shown = None
        self._ended.set()
        self._thread.join()
        if self._line is not None:
            self._line.__exit__(kind, error, trace)

    def step(self, report: StepReport) -> None:
        """Show how far it is. Any thread may call it. Raises KeyboardInterrupt when somebody wants the end."""
        (self._outer or self)._set(report)
        # The main thread may have been told, and wait for this one.
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
