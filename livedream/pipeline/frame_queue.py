"""A mailbox: how one thread hands frames to the next."""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ended(Exception):  # noqa: N818  not an error, as StopIteration is none
    """Nothing more will come out of the mailbox."""


class FrameQueue(Generic[Item]):
    """Holds up to `depth` items in order, for one thread that puts and one that takes.

    A full box either lets the giver wait, so that nothing is lost (wait=True), or drops its oldest item and counts it
    (wait=False): at a depth of 1 the newest wins.
    """

    dropped: int
    """How many items a newer one pushed out."""

    def __init__(self, depth: int, *, wait: bool) -> None:
        self.dropped = 0
        self._depth = depth
        self._wait = wait
        self._items: deque[Item] = deque()
        self._closed = False
        self._takers = 0
        self._changed = threading.Condition()

    def put(self, item: Item) -> bool:
        """Put `item` in. Returns False, and keeps nothing, once the box is closed."""
        with self._changed:
            while self._wait and len(self._items) == self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            if len(self._items) == self._depth:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, timeout: float | None = None) -> Item:
        """Take the oldest item, waiting for one.

        timeout: in seconds. Raises TimeoutError when nothing came by then, Ended once the box is closed and empty.
        """
        with self._changed:
            if not self._items and not self._closed:
                self._takers += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._items or self._closed, timeout)
                self._takers -= 1
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._closed:
                raise Ended
            raise TimeoutError

    def wait_for_room(self) -> None:
        """Wait until an item can be put in without waiting or dropping another, or the box is closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._closed)

    def wait_for_taker(self, timeout: float) -> None:
        """Wait until somebody waits for an item, the box is closed, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._takers or self._closed, max(timeout, 0.0))

    def close(self) -> None:
        """The giver's end: nothing more comes, what is inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def discard(self) -> None:
        """The taker's end: close the box and throw away what is inside; a giver who waits is woken."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
