"""A queue of frames from one thread to the next."""

import threading
from collections import deque
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")


class Ended(Exception):  # noqa: N818  not an error, as StopIteration is none
    """The queue is closed and empty."""


class FrameQueue(Generic[Item]):
    """Up to `depth` items in order, for one thread that puts and one that takes.

    Args:
        depth: the number of items that it holds.
        on_full: "wait" makes the producer wait, so nothing is lost; "drop_oldest" drops the oldest item and counts it,
            so at a depth of 1 the newest item wins.
    """

    dropped: int
    """The number of items that were dropped for newer ones."""

    def __init__(self, depth: int, *, on_full: Literal["wait", "drop_oldest"]) -> None:
        self.dropped = 0
        self._depth = depth
        self._waits = on_full == "wait"
        self._items: deque[Item] = deque()
        self._closed = False
        self._takers = 0
        self._changed = threading.Condition()

    def put(self, item: Item) -> bool:
        """Put `item` in; return False, without keeping it, once the queue is closed."""
        with self._changed:
            while self._waits and len(self._items) == self._depth and not self._closed:
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
        """Take the oldest item; wait for one if there is none.

        Args:
            timeout: seconds to wait at most; None waits until there is one.

        Raises:
            TimeoutError: no item came in time.
            Ended: the queue is closed and empty.
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
        """Wait until an item can be put in without waiting or dropping another, or the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._closed)

    def wait_for_taker(self, timeout: float) -> None:
        """Wait until the consumer waits for an item, the queue is closed, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._takers or self._closed, max(timeout, 0.0))

    def close(self) -> None:
        """Close the producer's end: no more items come; those inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def discard(self) -> None:
        """Close the consumer's end: drop the items inside, and wake a producer that waits."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
