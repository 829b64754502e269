"""Conceals errors: frames that damage has destroyed are replaced by the frame before."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Generic, TypeVar

Image = TypeVar("Image")

HELD = 8
"""Frames that are buffered after damage: a decoder that has lost frames may output the others in the wrong order."""


class Concealment(Generic[Image]):
    """Passes on the frames of a video and repeats the last intact one in place of frames lost to damage.

    Lost frames are found by the times of the packets, in ticks as stored in the file. A packet without a frame does not
    prove damage, since some codecs have frames that are not shown: so it counts only from an error up to the next key
    frame. If the packets are lost too, the gap is filled at the usual distance, unless it is longer than `longest`,
    which rather indicates a wrong time.

    Args:
        step: ticks from one frame to the next, usually.
        longest: ticks of the longest gap that is filled.
    """

    def __init__(self, step: int, longest: int) -> None:
        self.filled = 0
        """The number of repeated frames."""
        self._step = step
        self._longest = longest
        self._expected: list[int] = []
        self._held: list[tuple[int, int, Image]] = []
        self._numbers = itertools.count()
        self._damaged = False
        self._whole_from: int | None = None
        self._last: tuple[Image, int] | None = None

    def expect(self, ticks: int | None, *, key: bool) -> None:
        """Register a packet that was read. key: whether it is a key frame."""
        if ticks is None:
            return
        heapq.heappush(self._expected, ticks)
        if self._damaged and key and self._whole_from is None:
            self._whole_from = ticks

    def damage(self) -> None:
        """Register that something could not be read or decoded."""
        self._damaged, self._whole_from = True, None

    def put(self, image: Image, ticks: int | None) -> Iterator[tuple[Image, int | None]]:
        """Add the next decoded frame; yield the frames that are due, with their times."""
        if ticks is None:
            yield image, None
            return
        healed = self._whole_from is not None and ticks >= self._whole_from
        heapq.heappush(self._held, (ticks, next(self._numbers), image))
        yield from self._release(HELD if self._damaged and not healed else 0)
        if healed:
            self._damaged, self._whole_from = False, None

    def repeat(self, ticks: int) -> Iterator[tuple[Image, int | None]]:
        """Repeat the last frame at `ticks`; yield as `put` does."""
        if self._last is not None:
            yield from self.put(self._last[0], ticks)

    def rest(self) -> Iterator[tuple[Image, int]]:
        """Yield the remaining frames at the end of the video."""
        yield from self._release(0)
        if self._damaged and self._last is not None:
            image, last = self._last
            for ticks in sorted(set(self._expected)):
                if last < ticks <= last + self._longest:
                    self.filled += 1
                    yield image, ticks

    def _release(self, room: int) -> Iterator[tuple[Image, int]]:
        while len(self._held) > room:
            ticks, _, image = heapq.heappop(self._held)
            lost = self._lost_before(ticks)
            if self._last is not None:
                for time in lost:
                    self.filled += 1
                    yield self._last[0], time
            self._last = image, ticks
            yield image, ticks

    def _lost_before(self, ticks: int) -> list[int]:
        overdue = set()
        while self._expected and self._expected[0] <= ticks:
            overdue.add(heapq.heappop(self._expected))
        if not self._damaged or self._last is None:
            return []
        last = self._last[1]
        if lost := sorted(time for time in overdue if last < time < ticks):
            return lost
        return (
            list(range(last + self._step, ticks - self._step // 2, self._step)) if ticks - last <= self._longest else []
        )
