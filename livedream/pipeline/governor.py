"""Holds a live run at its rate: dreams smaller while the machine is too slow, and as asked again when it is not."""

import logging
import statistics
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

_log = logging.getLogger(__name__)

RELIEFS = (1.0, 0.85, 0.72, 0.61, 0.52, 0.44)
"""Shares of the working height, from none to the strongest relief; each step saves a quarter of the pixels."""
_FRAMES = 24
"""Of which the median counts: each octave eight times, and no single late frame changes the look."""
_FULL = 0.95
"""Share of the time of a frame above which it is too much,"""
_ROOM = 0.75
"""and below which, counted at the size before, the dream may grow again: the gap keeps it from going to and fro."""


class Relievable(Protocol):
    """A dreamer that can be told to dream at a share of its working height."""

    relief: float


class Governor:
    """Chooses how high a dreamer dreams, so that it keeps up with `rate` frames per second, and no more than that.

    Called by the thread that dreams. clock: seconds that never go back.
    """

    def __init__(self, dreamer: Relievable, rate: Fraction, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._dreamer = dreamer
        self._budget = float(1 / rate)
        self._clock = clock
        self._level = 0
        self._seconds: deque[float] = deque(maxlen=_FRAMES)
        self._began: float | None = None
        self._next = -float("inf")

    @property
    def notice(self) -> str | None:
        """What it has chosen, None while the dream is as asked for."""
        if not self._level:
            return None
        return f"dreaming at {RELIEFS[self._level]:.0%} of the working height, to hold {1 / self._budget:.4g} fps"

    def due(self) -> bool:
        """Return whether the time of the next frame has come; then it begins. More than the rate would be wasted."""
        now = self._clock()
        if now < self._next - self._budget / 4:
            return False
        self._next = max(self._next, now - self._budget) + self._budget
        self._began = now
        return True

    def done(self) -> None:
        """The frame that began has been dreamt."""
        if self._began is None:
            return
        self._seconds.append(self._clock() - self._began)
        if len(self._seconds) < _FRAMES:
            return
        # The mean of the octaves would do, but for one frame in a hundred that waits for somebody else's program.
        seconds = statistics.median(self._thirds())
        if seconds > _FULL * self._budget and self._level + 1 < len(RELIEFS):
            self._go_to(self._level + 1)
        elif self._level and seconds * self._growth() < _ROOM * self._budget:
            self._go_to(self._level - 1)

    def _thirds(self) -> list[float]:
        """Means of three frames in a row: octaves in turn take different times."""
        seconds = list(self._seconds)
        return [statistics.fmean(seconds[begin : begin + 3]) for begin in range(0, len(seconds), 3)]

    def _growth(self) -> float:
        """How much longer a frame takes one level up: as many times as there are more pixels."""
        return (RELIEFS[self._level - 1] / RELIEFS[self._level]) ** 2

    def _go_to(self, level: int) -> None:
        self._level = level
        self._dreamer.relief = RELIEFS[level]
        self._seconds.clear()
        _log.info("%s", self.notice or "dreaming at the full working height again")
