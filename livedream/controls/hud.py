"""What a window says over its picture: notices for some seconds, and the numbers of the run while they are wanted."""

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
"""How long a notice that lasts must have been away before it shows over the picture again."""
WELCOME = "? lists the keys, h shows numbers"


class View(Protocol):
    """The window, as far as its state is told."""

    @property
    def view(self) -> str: ...
    @property
    def full_screen(self) -> bool: ...


class Hud:
    """Rows of text for one sink of the run.

    A picture on a stage carries no text that nobody asked for: a notice that lasts ("camera lost") shows for some
    seconds after it came, and from then on with the numbers alone. One that comes and goes, as what a run leaves out on
    a machine that is just too slow, shows once. In full screen, that the machine is slow stands with the numbers alone:
    it may turn out at any time, and the audience need not know.

    sink: the number of that sink, the window, in the run's reports. window: the window itself. now: the clock of the
    notices, in seconds.
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
        """When, and how many had been dropped by then; over the time over which the other rates are counted."""
        self._known: dict[tuple[str, int], tuple[float, float]] = {}
        """The notices that last, by their kind and number: when they came, and when they were there last."""

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
        """Return what stands over the picture now. The first call welcomes: then the window has its first picture."""
        if not self._welcomed:
            self._welcomed = True
            self._controller.messages.tell(WELCOME)
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
        """Return those of the notices that came a short time ago. One that counts on, or adds a detail, is no new one:
        `camera lost, reconnecting (try 4)`, `dreaming at working height 133 instead of 256, to hold 25 fps`."""
        now = self._now()
        slow = self._report.slow if self._report is not None else ()
        many: Counter[str] = Counter()
        known = {key: (came, last) for key, (came, last) in self._known.items() if now < last + FORGOTTEN_SECONDS}
        recent = []
        for text in lasting:
            kind = re.sub(r"\d+", "#", text.split(", ")[0])
            key = kind, many[kind]
            many[kind] += 1
            came, _ = known.get(key, (now, now))
            known[key] = came, now
            if now < came + SECONDS and not (self._window.full_screen and text in slow):
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
