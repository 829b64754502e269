"""Short messages to the person at the window."""

import threading
import time
from collections.abc import Callable

SECONDS = 4.0
"""How long a message is shown."""
MOST = 4
"""How many are shown at a time."""


class Messages:
    """The messages of the last seconds, the newest last. Any thread may add or read them.

    now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._messages: list[tuple[float, str, str]] = []

    def show(self, text: str, about: str = "") -> None:
        """Show `text` for a few seconds, in place of an earlier message `about` the same thing."""
        with self._lock:
            kept = [message for message in self._messages if not about or message[1] != about]
            self._messages = [*kept, (self._now() + SECONDS, about, text)][-MOST:]

    @property
    def texts(self) -> list[str]:
        with self._lock:
            now = self._now()
            self._messages = [message for message in self._messages if message[0] > now]
            return [text for _, _, text in self._messages]
