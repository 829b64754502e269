"""The text over the picture of a window: messages for a few seconds, and on request the statistics of the run."""

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from livedream.controls.controller import LiveController
from livedream.controls.messages import SECONDS
from livedream.controls.recorder import Recorder
from livedream.pipeline import Report
from livedream.pipeline.meter import WINDOW_SECONDS

Rows = list[tuple[str, ...]]

STAGES_A_ROW = 4
FORGOTTEN_SECONDS = 60.0
"""How long a lasting notice must have been absent before it appears over the picture again."""
WELCOME = "? lists the keys, h shows numbers"


class View(Protocol):
    """The state of the window that is shown as text."""

    @property
    def view(self) -> str: ...
    @property
    def full_screen(self) -> bool: ...


class Hud:
    """Rows of text for the window of a run.

    A picture on a stage must not carry text that nobody requested. A lasting notice ("camera lost") is shown for a few
    seconds after it appears, and from then on only with the numbers. A notice that comes and goes, such as the lower
    quality on a machine that is just too slow, is shown once. In full screen, notices that the machine is slow appear
    only with the numbers: they may come at any time, and the audience need not know.

    Args:
        sink: the index of the window in the run's reports.
        window: the window itself.
        now: the clock of the notices, in seconds.
    """

    def __init__(
        self,
        controller: LiveController,
        recorder: Recorder,
        sink: int,
        window: View,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shows_numbers = False
        self._controller = controller
        self._recorder = recorder
        self._sink = sink
        self._window = window
        self._now = now
        self._welcomed = False
        self._report: Report | None = None
        self._dropped: deque[tuple[float, int]] = deque([(0.0, 0)])
        """Times, and how many frames had been dropped by then; over the window of the other rates."""
        self._known: dict[tuple[str, int], tuple[float, float]] = {}
        """The lasting notices by kind and index: when they appeared, and when they were last present."""

    def toggle_numbers(self) -> None:
        self.shows_numbers = not self.shows_numbers

    def update(self, report: Report) -> None:
        """Take the newest report."""
        self._report = report
        self._recorder.update(report)
        self._dropped.append((report.seconds, report.dropped + report.sinks[self._sink].dropped))
        while self._dropped[0][0] < report.seconds - WINDOW_SECONDS:
            self._dropped.popleft()

    def rows(self) -> Rows:
        """Return the text over the picture. The first call, when the window has its first picture, adds a welcome."""
        if not self._welcomed:
            self._welcomed = True
            self._controller.messages.show(WELCOME)
        rows: Rows = []
        lasting = self._report.notices if self._report is not None else ()
        recent = self._recent(lasting)
        if self.shows_numbers:
            if self._report is not None:
                rows += self._numbers(self._report)
            rows += self._look()
            if self._recorder.recording is not None:
                rows.append((f"REC {self._recorder.recording}",))
            recent = lasting
        return rows + [(text,) for text in (*recent, *self._controller.messages.texts)]

    def _recent(self, lasting: Sequence[str]) -> Sequence[str]:
        """Return the notices that appeared a short time ago.

        A notice whose numbers change, or that gains a detail, is not a new one: `camera lost, reconnecting (try 4)`,
        `dreaming at working height 133 instead of 256, to hold 25 fps`.
        """
        now = self._now()
        slow = self._report.slow if self._report is not None else ()
        counts: Counter[str] = Counter()
        known = {key: times for key, times in self._known.items() if now < times[1] + FORGOTTEN_SECONDS}
        recent = []
        for text in lasting:
            kind = re.sub(r"\d+", "#", text.split(", ")[0])
            key = kind, counts[kind]
            counts[kind] += 1
            appeared, _ = known.get(key, (now, now))
            known[key] = appeared, now
            if now < appeared + SECONDS and not (self._window.full_screen and text in slow):
                recent.append(text)
        self._known = known
        return recent

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
        controller = self._controller
        preset = f"preset {controller.preset}"
        if controller.changed:
            preset += ", changed: " + ", ".join(map(controller.value, controller.changed))
        turned = ", ".join(controller.value(control) for control in controller.controls)
        switches = {
            "tour": controller.touring,
            "mirror": controller.mirrored,
            "freeze": controller.frozen,
            "full screen": self._window.full_screen,
        }
        flags = [f"{name} {'on' if on else 'off'}" for name, on in switches.items()]
        return [(controller.description,), (preset,), (turned,), (", ".join([f"view {self._window.view}", *flags]),)]
