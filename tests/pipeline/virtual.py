"""Time that passes only while all threads of a run wait: a run of many seconds, exact to the microsecond, at once.

However slow or loaded the machine is, a step takes the time that the test says it takes.
"""

import functools
import importlib
import threading
from collections.abc import Callable
from types import SimpleNamespace, TracebackType

import pytest

from livedream.pipeline import dream_stages, frame_queue, playback
from livedream.pipeline.meter import Meter

_POLL = 0.005
"""Real seconds between two looks for a thread that has begun or ended; all else is told."""


class VirtualTime:
    """A clock for the threads of a run, whose names begin with `livedream-`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.changed = threading.Condition()
        self._begun = False
        self._waiting: dict[threading.Thread, tuple[Callable[[], object], float]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.changed:
            self.wait_for(lambda: False, seconds)

    def wait_for(self, condition: Callable[[], object], seconds: float | None) -> bool:
        """Wait, holding `changed`, until `condition` is true or so many seconds have passed; return which."""
        until = float("inf") if seconds is None else self.now + seconds
        self._waiting[threading.current_thread()] = condition, until
        while not condition() and self.now < until:
            if not self._pass():
                self.changed.wait(_POLL)
        del self._waiting[threading.current_thread()]
        return bool(condition())

    def _pass(self) -> bool:
        """Let time pass until somebody has waited long enough, if nobody has anything to do; return whether it did."""
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("livedream-")]
        # Those of the sinks are the last to begin.
        self._begun = self._begun or any(thread.name.startswith("livedream-sink-") for thread in threads)
        if not self._begun:
            return False
        for thread in threads:
            condition, until = self._waiting.get(thread, (lambda: True, 0.0))
            if self.now >= until or condition():
                return False
        soonest = min(until for _, until in self._waiting.values())
        if soonest == float("inf"):
            return False
        self.now = soonest
        self.changed.notify_all()
        return True


class _Condition:
    """Stands in for threading.Condition."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._notified = 0

    def __enter__(self) -> bool:
        return self._time.changed.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._time.changed.__exit__(kind, error, trace)

    def wait(self) -> bool:
        before = self._notified
        return self._time.wait_for(lambda: self._notified != before, None)

    def wait_for(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        return self._time.wait_for(condition, timeout)

    def notify_all(self) -> None:
        self._notified += 1
        self._time.changed.notify_all()


def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Return the time by which runs go from now on: their mailboxes, steps and meter, and the clock of a film."""
    time = VirtualTime()
    monkeypatch.setattr(frame_queue, "threading", SimpleNamespace(Condition=functools.partial(_Condition, time)))
    monkeypatch.setattr(playback, "threading", SimpleNamespace(Condition=functools.partial(_Condition, time)))
    monkeypatch.setattr(playback, "time", SimpleNamespace(perf_counter=time))
    monkeypatch.setattr(dream_stages, "time", SimpleNamespace(perf_counter=time))
    monkeypatch.setattr(importlib.import_module("livedream.pipeline.run"), "Meter", functools.partial(Meter, now=time))
    return time
