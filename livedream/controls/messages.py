"""Short messages for whoever is at the desk."""

import threading
import time
from collections.abc import Callable

SECONDS = 4.0
"""How long a message stands."""
MOST = 4
"""How many stand at a time."""


class Messages:
    """The messages of the last seconds, the newest last. Any thread may tell one, or read them.

    now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._told: list[tuple[float, str, str]] = []

    def tell(self, text: str, about: str = "") -> None:
        """Show `text` for some seconds, in the place of what was told `about` the same thing before."""
        with self._lock:
            kept = [told for told in self._told if not about or told[1] != about]
            self._told = [*kept, (self._now() + SECONDS, about, text)][-MOST:]

    @property
    def texts(self) -> list[str]:
        with self._lock:
            now = self._now()
            self._told = [told for told in self._told if told[0] > now]
            return [text for _, _, text in self._told]
