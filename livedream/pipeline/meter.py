"""The rate of frames, their age when they arrive, and how many were dropped."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from livedream.documented import Documented
from livedream.steps import StepReport

WINDOW_SECONDS = 3.0
"""The period over which a rate is counted: short enough to follow a change, long enough for a steady display."""
AGES = 300
"""How many of the last ages are kept for each sink."""

Clock = Callable[[], float]


class Rate:
    """Ticks per second over the last WINDOW_SECONDS: counted, because the gaps between them jitter."""

    def __init__(self, now: Clock = time.perf_counter) -> None:
        self._now = now
        self._ticks: deque[float] = deque()

    def tick(self) -> None:
        self._ticks.append(self._now())
        self._forget()

    @property
    def per_second(self) -> float:
        """0.0 with fewer than two ticks: n ticks enclose n - 1 gaps."""
        self._forget()
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / (self._ticks[-1] - self._ticks[0])

    def _forget(self) -> None:
        oldest = self._now() - WINDOW_SECONDS
        while self._ticks and self._ticks[0] < oldest:
            self._ticks.popleft()


@dataclass(frozen=True, slots=True)
class SinkReport(metaclass=Documented):
    """The frames of one sink."""

    name: str
    written: int
    dropped: int
    """Dreamt frames that were replaced by a newer one before the sink took them."""
    fps: float
    """Frames per second over the last three seconds."""
    age: tuple[float, float] | None
    """Seconds from the capture of a frame until the sink had it: median and 95th percentile of the last 300 frames.
    None before the first frame."""
    fault: str | None = None
    """The error that took it out of the run; None if there was none."""


@dataclass(frozen=True, slots=True)
class Report(metaclass=Documented):
    """The state of a run: frames counted until now, present rates, and notices."""

    seconds: float
    """Seconds since the run began."""
    captured: int
    dreamt: int
    dropped: int
    """Captured frames that were replaced by a newer one before the dreamer took them, for lack of time."""
    captured_fps: float
    dreamt_fps: float
    """Frames per second over the last three seconds."""
    sinks: tuple[SinkReport, ...]
    """The sinks with which the run began, in order, then those that joined; also after they have left."""
    notices: tuple[str, ...] = ()
    """What users should know now, one line each: a lost camera, a full disk. Empty when all is well."""
    slow: tuple[str, ...] = ()
    """Those of the notices that are about a machine that is too slow."""
    stages: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds of each stage of a frame: median and 95th percentile."""
    skipped: int = 0
    """Captured frames that were skipped on purpose, to hold a rate below that of the source."""
    skipped_fps: float = 0.0
    """Frames per second over the last three seconds."""
    step: StepReport | None = None
    """The progress of the photograph that is being dreamt; None for the frames of a video."""


class _SinkMeter:
    def __init__(self, name: str, now: Clock) -> None:
        self.name = name
        self.written = 0
        self.rate = Rate(now)
        self.ages: deque[float] = deque(maxlen=AGES)


class Meter:
    """Counts the frames of a run. Any thread may call it at any time.

    Args:
        now: the clock, in seconds, on which frames have the time of their capture.
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
        """Add a sink and return its number."""
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
        """Count a captured frame that is skipped."""
        with self._lock:
            self._skipped += 1
            self._skipped_rate.tick()

    def dreamt(self, stages: Mapping[str, float]) -> None:
        """Count a dreamt frame. stages: seconds by stage."""
        with self._lock:
            self._dreamt += 1
            self._dreamt_rate.tick()
            for stage, seconds in stages.items():
                self._stages.setdefault(stage, deque(maxlen=AGES)).append(seconds)

    def written(self, sink: int, captured_at: float) -> None:
        """Count a frame that sink number `sink` has taken."""
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
        """Return all counts, with what the caller knows: dropped frames of the queues, errors and notices."""
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
    """Return the percentile `percent` (1 to 99) of `values`, which must not be empty; interpolated."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
