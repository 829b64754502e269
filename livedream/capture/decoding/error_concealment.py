"""What damage does to the order of a film's pictures, made good: the holes are filled."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Generic, TypeVar

Picture = TypeVar("Picture")

HELD = 8
"""Pictures that wait for an earlier one behind damage: a decoder that lost some mistakes the order of the rest."""


class Concealment(Generic[Picture]):
    """Passes the pictures of a film on; where damage took some, the last one before them comes again in their place.

    What is missing shows by the times of the packets, in ticks as they stand in the file. A packet whose picture never
    comes is no proof of damage: some codecs have pictures that are not for showing. So it counts from an error on, up
    to the next key frame. Where not even a packet is left, the hole is taken for pictures at even distances; one that
    is longer than `longest` is rather a wrong time.

    step: from one picture to the next as a rule.
    """

    def __init__(self, step: int, longest: int) -> None:
        self.filled = 0
        """How many pictures came again."""
        self._step = step
        self._longest = longest
        self._expected: list[int] = []
        self._held: list[tuple[int, int, Picture]] = []
        self._numbers = itertools.count()
        self._damaged = False
        self._whole_from: int | None = None
        self._last: tuple[Picture, int] | None = None

    def expect(self, ticks: int | None, *, key: bool) -> None:
        """Note a packet that was read; `key` for one that needs no other."""
        if ticks is None:
            return
        heapq.heappush(self._expected, ticks)
        if self._damaged and key and self._whole_from is None:
            self._whole_from = ticks

    def damage(self) -> None:
        """Note that something could not be read or decoded."""
        self._damaged, self._whole_from = True, None

    def put(self, picture: Picture, ticks: int | None) -> Iterator[tuple[Picture, int | None]]:
        """Take the next picture that was decoded; yield those whose turn it is, with their times."""
        if ticks is None:
            yield picture, None
            return
        healed = self._whole_from is not None and ticks >= self._whole_from
        heapq.heappush(self._held, (ticks, next(self._numbers), picture))
        yield from self._release(HELD if self._damaged and not healed else 0)
        if healed:
            self._damaged, self._whole_from = False, None

    def repeat(self, ticks: int) -> Iterator[tuple[Picture, int | None]]:
        """Take note that the last picture is shown once more; yield as `put` does."""
        if self._last is not None:
            yield from self.put(self._last[0], ticks)

    def rest(self) -> Iterator[tuple[Picture, int]]:
        """The film has ended: yield what is left."""
        yield from self._release(0)
        if self._damaged and self._last is not None:
            picture, last = self._last
            for ticks in sorted(set(self._expected)):
                if last < ticks <= last + self._longest:
                    self.filled += 1
                    yield picture, ticks

    def _release(self, room: int) -> Iterator[tuple[Picture, int]]:
        while len(self._held) > room:
            ticks, _, picture = heapq.heappop(self._held)
            lost = self._lost_before(ticks)
            if self._last is not None:
                for time in lost:
                    self.filled += 1
                    yield self._last[0], time
            self._last = picture, ticks
            yield picture, ticks

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
