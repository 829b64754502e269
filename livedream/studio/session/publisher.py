"""Compares the state with what was published last, and tells the listeners what has changed."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from livedream.studio.session.state import difference

Listener = Callable[[Mapping[str, Any]], None]
"""Takes a message; called by any thread, and must return at once."""


class Publisher:
    """Gives each change of the state a number, and passes it to all listeners in the same order.

    state: returns the present state.
    """

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._published = state()
        self.revision = 0

    def listen(self, listener: Listener) -> None:
        """Add a listener."""
        with self._lock:
            self._listeners.append(listener)

    def hello(self) -> dict[str, Any]:
        """Return the present state with its number, as the first message for somebody who joins."""
        with self._lock:
            self.publish()
            return {"type": "hello", "rev": self.revision, "state": self._published}

    def publish(self, by: str | None = None) -> int:
        """Tell the listeners what has changed since the last time, and return the number of the state.

        by: the client that made the change.
        """
        with self._lock:
            state = self._state()
            changed = difference(self._published, state)
            if changed:
                self._published = state
                self.revision += 1
                self._tell({"type": "patch", "rev": self.revision, "state": changed, "by": by})
            return self.revision

    def change(self, make: Callable[[], object], by: str | None = None) -> int:
        """Make a change of the client `by`, publish it, and return the number of the state.

        What changed before by itself is published first: `by` gets no patch of its own change.
        """
        with self._lock:
            self.publish()
            make()
            return self.publish(by)

    def current(self) -> dict[str, Any]:
        """Return the present state with its number."""
        with self._lock:
            self.publish()
            return {**self._published, "rev": self.revision}

    def tell(self, message: Mapping[str, Any]) -> None:
        """Pass a message that is not about the state to all listeners."""
        with self._lock:
            self._tell(message)

    def _tell(self, message: Mapping[str, Any]) -> None:
        for listener in self._listeners:
            listener(message)
