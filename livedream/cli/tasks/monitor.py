"""Watches a run: keeps its newest report, shows it, and ends the run between two frames when a signal has come."""

import time
from collections.abc import Callable, Sequence

from livedream.capture.source import Source
from livedream.cli.console import remark
from livedream.cli.signals import Stop
from livedream.cli.tasks.reporting import conclusion
from livedream.pipeline import Report


class RunMonitor:
    """The newest report of a run, and the time since it began."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def begin(self, stop: Stop, *observers: Callable[[Report], object]) -> Callable[[Report], None]:
        """Start the clock, and return what the run calls with each report.

        From now on a signal waits until the run reports a frame, then the call raises Stopped. observers: called with
        each report before that, in this order.
        """

        def on_progress(report: Report) -> None:
            self.report = report
            for observe in observers:
                observe(report)
            stop.check()

        stop.hold()
        self._began = time.monotonic()
        return on_progress

    def report_stop(self, source: Source, sink_specs: Sequence[str], unfinished: str | None = None) -> None:
        """Print what a run dreamt until it was stopped. unfinished: see `conclusion`."""
        if self.report is None or not self.report.dreamt:
            self.report_nothing()
        else:
            remark(f"stopped: {conclusion(self.report, source, sink_specs, unfinished, seconds=self.seconds)}")

    @staticmethod
    def report_nothing() -> None:
        """Print that a run was stopped before it dreamt a frame."""
        remark("stopped: nothing was written")
