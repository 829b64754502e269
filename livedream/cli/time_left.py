"""How long something will still take."""

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 30.0
"""Over how long the speed is measured: long enough to stand still, short enough to follow a machine that gets busy."""
LEAST_SECONDS = 1.0
"""What is measured over less says nothing."""


class TimeLeft:
    """Called with how much of the work is done, 0 to 1, again and again, it returns the seconds that are left.

    None while nobody knows, and at the end. Between two steps it counts down. now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changes: deque[tuple[float, float]] = deque()
        """When the share changed, and to what."""

    def __call__(self, share: float) -> float | None:
        now = self._now()
        if self._changes and share < self._changes[-1][1]:  # something else has begun
            self._changes.clear()
        if not self._changes or share > self._changes[-1][1]:
            self._changes.append((now, share))
            while len(self._changes) > 2 and self._changes[1][0] < now - WINDOW_SECONDS:
                self._changes.popleft()
        (began, before), (changed, done) = self._changes[0], self._changes[-1]
        if changed - began < LEAST_SECONDS or done >= 1:
            return None
        return max(0.0, (1 - done) * (changed - began) / (done - before) - (now - changed))
