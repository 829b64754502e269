"""Estimates the remaining time."""

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 30.0
"""The window for the speed: long enough to be steady, short enough to follow a machine that gets busy."""
MIN_SECONDS = 1.0
"""Measurements over a shorter time are meaningless."""


class TimeLeft:
    """Called repeatedly with the share of the work that is done, 0 to 1, returns the seconds left.

    Returns None while that is unknown, and at the end. Between two steps it counts down. now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changes: deque[tuple[float, float]] = deque()
        """The times when the share changed, and its values."""

    def __call__(self, share: float) -> float | None:
        now = self._now()
        if self._changes and share < self._changes[-1][1]:  # another task has begun
            self._changes.clear()
        if not self._changes or share > self._changes[-1][1]:
            self._changes.append((now, share))
            while len(self._changes) > 2 and self._changes[1][0] < now - WINDOW_SECONDS:
                self._changes.popleft()
        (began, before), (changed, done) = self._changes[0], self._changes[-1]
        if changed - began < MIN_SECONDS or done >= 1:
            return None
        return max(0.0, (1 - done) * (changed - began) / (done - before) - (now - changed))
