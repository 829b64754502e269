"""What a window says over its picture: the numbers of the run, if they are wanted, and the notices."""

from collections import deque

from livedream.desk.desk import Desk, shown
from livedream.desk.takes import Takes
from livedream.pipeline import Report
from livedream.pipeline.meter import WINDOW_SECONDS

Rows = list[tuple[str, ...]]

STAGES_A_ROW = 4


class Status:
    """Rows of text for one sink of the run.

    sink: the number of that sink, the window, in the run's reports.
    """

    def __init__(self, desk: Desk, takes: Takes, sink: int) -> None:
        self.shows_numbers = False
        self._desk = desk
        self._takes = takes
        self._sink = sink
        self._report: Report | None = None
        self._dropped: deque[tuple[float, int]] = deque([(0.0, 0)])
        """When, and how many had been dropped by then; over the time over which the other rates are counted."""

    def toggle_numbers(self) -> None:
        self.shows_numbers = not self.shows_numbers

    def update(self, report: Report) -> None:
        """Take the newest report."""
        self._report = report
        self._takes.update(report)
        self._dropped.append((report.seconds, report.dropped + report.sinks[self._sink].dropped))
        while self._dropped[0][0] < report.seconds - WINDOW_SECONDS:
            self._dropped.popleft()

    def rows(self) -> Rows:
        """Return what stands over the picture now."""
        rows: Rows = []
        if self.shows_numbers:
            if self._report is not None:
                rows += self._numbers(self._report)
            rows += self._look()
        recording = self._takes.recording
        if recording is not None:
            rows.append((f"REC {recording}",))
        lasting = self._report.notices if self._report is not None else ()
        return rows + [(text,) for text in (*lasting, *self._desk.notices.texts)]

    def _numbers(self, report: Report) -> Rows:
        sink = report.sinks[self._sink]
        (began, before), (ended, after) = self._dropped[0], self._dropped[-1]
        lost = (after - before) / (ended - began) if ended > began else 0.0
        rates = (report.captured_fps, report.dreamt_fps, sink.fps, lost)
        names = ("captured", "dreamt", "shown", "dropped")
        fps = [f"{name} {rate:.1f}" for name, rate in zip(names, rates, strict=True)]
        rows: Rows = [("fps", *fps, *([f"left out {report.skipped_fps:.1f}"] if report.skipped else []))]
        if sink.age is not None:
            p50, p95 = (f"{1000 * age:.0f}" for age in sink.age)
            rows.append(("age ms", f"p50 {p50}", f"p95 {p95}"))
        stages = [f"{name} {1000 * p50:.1f}" for name, (p50, _) in report.stages.items()]
        for begin in range(0, len(stages), STAGES_A_ROW):
            rows.append(("" if begin else "stage ms", *stages[begin : begin + STAGES_A_ROW]))
        return rows

    def _look(self) -> Rows:
        settings = self._desk.settings
        turned = [shown(control, getattr(settings, control.name)) for control in self._desk.controls if control.press]
        switches = {"tour": self._desk.touring, "mirror": self._desk.mirrored, "freeze": self._desk.frozen}
        flags = [name for name, on in switches.items() if on]
        return [(self._desk.description,), (", ".join([f"preset {self._desk.preset}", *flags]),), (", ".join(turned),)]
