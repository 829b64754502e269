"""Holds a live run at its rate: dreams less while the machine is too slow, and as asked again when it is not."""

import logging
import statistics
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from livedream.dream.relief import Relief
from livedream.settings import DreamSettings

_log = logging.getLogger(__name__)

_FEWER = {"flow": 0.5, "steps": 0.5}
RELIEFS = (
    Relief(),
    Relief(flow=0.5),
    Relief(**_FEWER),
    *(Relief(height, **_FEWER) for height in (0.85, 0.72, 0.61, 0.52, 0.44)),
)
"""From none to the strongest. First what changes the look the least: a coarser map of the motion, then one long step
for two short ones; then the height, where each level saves a quarter of the pixels."""
_FRAMES = 24
"""Of which the median counts: each octave eight times, and no single late frame changes the look."""
_FULL = 0.95
"""Share of the time of a frame above which it is too much,"""
_ROOM = 0.75
"""and below which, counted at the size before, the dream may grow again: the gap keeps it from going to and fro."""


class Relievable(Protocol):
    """A dreamer that can be told to leave something out."""

    relief: Relief

    @property
    def settings(self) -> DreamSettings: ...


class Governor:
    """Chooses what a dreamer leaves out, so that it keeps up with `rate` frames per second, and no more than that.

    clock: seconds that never go back.
    """

    def __init__(self, dreamer: Relievable, rate: Fraction, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._dreamer = dreamer
        self._budget = float(1 / rate)
        self._clock = clock
        self._level = 0
        self._seconds: deque[float] = deque(maxlen=_FRAMES)
        self._next = -float("inf")

    @property
    def notice(self) -> str | None:
        """What it has chosen, None while the dream is as asked for."""
        if not self._level:
            return None
        relief, steps = RELIEFS[self._level], self._dreamer.settings.steps
        said = [f"at {relief.height:.0%} of the working height"] if relief.height < 1 else []
        if relief.steps_of(steps) < steps:
            said.append(f"in {relief.steps_of(steps)} of {steps} steps")
        said.append(f"with a map of the motion of {relief.flow:.0%}")
        return f"dreaming {', '.join(said)}, to hold {1 / self._budget:.4g} fps"

    def due(self) -> bool:
        """Return whether the time of the next frame has come; if so, it begins. More would be wasted power."""
        now = self._clock()
        if now < self._next - self._budget / 4:
            return False
        self._next = max(self._next, now - self._budget) + self._budget
        return True

    def took(self, seconds: float) -> None:
        """A frame has been dreamt; the longest of the steps that go on side by side took so many seconds."""
        self._seconds.append(seconds)
        if len(self._seconds) < _FRAMES:
            return
        # The mean of the octaves would do, but for one frame in a hundred that waits for somebody else's program.
        median = statistics.median(self._thirds())
        if median > _FULL * self._budget and self._level + 1 < len(RELIEFS):
            self._go_to(self._level + 1)
        elif self._level and median * self._growth(self._level - 1) < _ROOM * self._budget:
            self._go_to(self._level - 1)

    def _thirds(self) -> list[float]:
        """Means of three frames in a row: octaves in turn take different times."""
        seconds = list(self._seconds)
        return [statistics.fmean(seconds[begin : begin + 3]) for begin in range(0, len(seconds), 3)]

    def _growth(self, level: int) -> float:
        """How much longer a frame takes at `level`: as many times as there are more pixels, and more steps."""
        now, then = RELIEFS[self._level], RELIEFS[level]
        steps = self._dreamer.settings.steps
        return (then.height / now.height) ** 2 * then.steps_of(steps) / now.steps_of(steps)

    def _go_to(self, level: int) -> None:
        self._level = level
        self._dreamer.relief = RELIEFS[level]
        self._seconds.clear()
        _log.info("%s", self.notice or "dreaming as asked for again")
