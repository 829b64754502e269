"""How fast frames go by, how old they are when they arrive, and how many got lost on the way."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from livedream.steps import StepReport

WINDOW_SECONDS = 3.0
"""Over how long a rate is counted: short enough to follow a change, long enough to stand still."""
AGES = 300
"""How many ages a sink remembers."""

Clock = Callable[[], float]


class Rate:
    """Ticks per second over the last WINDOW_SECONDS. Counted, not averaged from the gaps, which jitter."""

    def __init__(self, now: Clock = time.perf_counter) -> None:
        self._now = now
        self._ticks: deque[float] = deque()

    def tick(self) -> None:
        self._ticks.append(self._now())
        self._forget()

    @property
    def per_second(self) -> float:
        """0.0 while there are fewer than two ticks: n ticks bound n - 1 gaps."""
        self._forget()
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / (self._ticks[-1] - self._ticks[0])

    def _forget(self) -> None:
        oldest = self._now() - WINDOW_SECONDS
        while self._ticks and self._ticks[0] < oldest:
            self._ticks.popleft()


@dataclass(frozen=True, slots=True)
class SinkReport:
    """What arrived at one sink."""

    name: str
    written: int
    dropped: int
    """Dreamt frames that a newer one pushed out before the sink took them."""
    fps: float
    """Over the last seconds."""
    age: tuple[float, float] | None
    """Seconds from capture until the sink had the frame: the median and the 95th percentile of the last AGES."""
    fault: str | None = None
    """What it failed at, while the run went on without it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened until now."""

    seconds: float
    """Since the run began."""
    captured: int
    dreamt: int
    dropped: int
    """Captured frames that a newer one pushed out before the dreamer took them, for want of time."""
    captured_fps: float
    dreamt_fps: float
    """Over the last seconds."""
    sinks: tuple[SinkReport, ...]
    """Those with which the run began, in their order, and then those that joined it, also when they have left."""
    notices: tuple[str, ...] = ()
    """What somebody ought to know just now, a line each: a camera lost, a disk full; none when all is well."""
    slow: tuple[str, ...] = ()
    """Those of the notices that say what a slow machine leaves out, or how much slower a film plays."""
    stages: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds that each stage takes, the median and the 95th percentile."""
    skipped: int = 0
    """Captured frames that were left out on purpose: a lower rate is held than the source's."""
    skipped_fps: float = 0.0
    """Over the last seconds."""
    step: StepReport | None = None
    """How far the picture is that is being dreamt, of pictures that are dreamt by themselves."""


class _SinkMeter:
    def __init__(self, name: str, now: Clock) -> None:
        self.name = name
        self.written = 0
        self.rate = Rate(now)
        self.ages: deque[float] = deque(maxlen=AGES)


class Meter:
    """Counts what the threads of a run do. Each may call it at any time.

    now: the clock, in seconds; frames bring the time of their capture on the same clock.
    """

    def __init__(self, sink_names: Sequence[str] = (), now: Clock = time.perf_counter) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._began = now()
        self._captured = 0
        self._dreamt = 0
        self._skipped = 0
        self._captured_rate = Rate(now)
        self._dreamt_rate = Rate(now)
        self._skipped_rate = Rate(now)
        self._sinks: list[_SinkMeter] = []
        self._stages: dict[str, deque[float]] = {}
        for name in sink_names:
            self.add_sink(name)

    def add_sink(self, name: str) -> int:
        """Return the number of one more sink."""
        with self._lock:
            self._sinks.append(_SinkMeter(name, self._now))
            return len(self._sinks) - 1

    def captured(self) -> float:
        """Count a captured frame and return its time of capture."""
        with self._lock:
            self._captured += 1
            self._captured_rate.tick()
            return self._now()

    def skipped(self) -> None:
        """Count a captured frame that is left out."""
        with self._lock:
            self._skipped += 1
            self._skipped_rate.tick()

    def dreamt(self, stages: Mapping[str, float]) -> None:
        """Count a dreamt frame, whose stages took so many seconds each."""
        with self._lock:
            self._dreamt += 1
            self._dreamt_rate.tick()
            for stage, seconds in stages.items():
                self._stages.setdefault(stage, deque(maxlen=AGES)).append(seconds)

    def written(self, sink: int, captured_at: float) -> None:
        """Count a frame that the sink of that number has taken."""
        with self._lock:
            meter = self._sinks[sink]
            meter.written += 1
            meter.rate.tick()
            meter.ages.append(self._now() - captured_at)

    def report(
        self,
        dropped: int = 0,
        sinks_dropped: Sequence[int] = (),
        faults: Sequence[str | None] = (),
        notices: Sequence[str] = (),
        slow: Sequence[str] = (),
        step: StepReport | None = None,
    ) -> Report:
        """Return all counts; what is known elsewhere is told by the caller: what the mailboxes dropped, what failed."""
        with self._lock:
            return Report(
                seconds=self._now() - self._began,
                captured=self._captured,
                dreamt=self._dreamt,
                dropped=dropped,
                captured_fps=self._captured_rate.per_second,
                dreamt_fps=self._dreamt_rate.per_second,
                stages={
                    stage: (percentile(seconds, 50), percentile(seconds, 95)) for stage, seconds in self._stages.items()
                },
                sinks=tuple(
                    SinkReport(
                        name=meter.name,
                        written=meter.written,
                        dropped=lost,
                        fps=meter.rate.per_second,
                        age=(percentile(meter.ages, 50), percentile(meter.ages, 95)) if meter.ages else None,
                        fault=fault,
                    )
                    for meter, lost, fault in zip(
                        self._sinks,
                        sinks_dropped or [0] * len(self._sinks),
                        faults or [None] * len(self._sinks),
                        strict=True,
                    )
                ),
                notices=tuple(notices),
                slow=tuple(slow),
                skipped=self._skipped,
                skipped_fps=self._skipped_rate.per_second,
                step=step,
            )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` (1 to 99) of 100 `values`, at least one, do not exceed; interpolated."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
