"""Bounds on how often and how much a client may ask."""

import threading
import time
from collections.abc import Callable

from livedream.studio.server.errors import ApiError

REQUESTS_PER_SECOND, BURST = 100.0, 400.0
"""Requests of one address: a page loads 60 files at once and then asks a few times a second."""
TOKENS_PER_SECOND, TOKENS_BURST = 0.2, 10.0
"""Attempts with a wrong token of one address. A token has 192 bits: the limit keeps the log and the processor quiet."""
MOST_ADDRESSES = 1024
"""How many addresses are remembered; the one that was silent longest is forgotten first."""


class RateLimit:
    """A token bucket for each address: `burst` requests at once, and `rate` per second in the long run. Thread-safe."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, address: str, cost: float = 1.0) -> bool:
        """Take `cost` from the bucket of `address`, and return whether there was enough. A cost of 0 only looks."""
        with self._lock:
            now = self._now()
            left, since = self._buckets.pop(address, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= max(cost, 1.0)
            self._buckets[address] = (left - cost if allowed else left, now)
            while len(self._buckets) > MOST_ADDRESSES:
                del self._buckets[next(iter(self._buckets))]
            return allowed


class Slots:
    """A bound on what is open at the same time. Used on one thread: that of the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self) -> bool:
        """Take a slot, and return whether one was free."""
        if self._taken >= self._most:
            return False
        self._taken += 1
        return True

    def free(self) -> None:
        """Return a slot."""
        self._taken -= 1


class WrongTokens:
    """Counts the wrong tokens and keys of each address. The right ones work all the same."""

    def __init__(self) -> None:
        self._rate = RateLimit(TOKENS_PER_SECOND, TOKENS_BURST)

    def note(self, address: str) -> None:
        """Count one. Raises ApiError after too many."""
        if not self._rate.allows(address):
            raise ApiError(429, "too many wrong tokens", "wait a minute", {"retry-after": "60"})
