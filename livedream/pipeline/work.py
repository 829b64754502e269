"""How long a frame takes, and how long it would take with another relief."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from livedream.dream.stream.quality import DEEPER, QualityScale


class FrameTimes(NamedTuple):
    """Seconds that a frame took in each of the three steps. They go on side by side, each with a frame of its own."""

    look: float
    dream: float
    compose: float
    motion: float | None = None
    """What of `look` went into following the motion, for the rest knows no relief; None for all of it."""
    effort: float = 1.0
    """How many times the usual steps it was dreamt in; 0 for a frame that was only shown."""

    @property
    def longest(self) -> float:
        """The time from one frame to the next: who is quicker waits for the slowest."""
        return max(self.look, self.dream, self.compose)

    @property
    def usual(self) -> "FrameTimes":
        """What it would have been in the usual steps: one that was dreamt deeper is no sign of a slow machine."""
        return self._replace(dream=self.dream / self.effort, effort=1.0)

    def under(self, then: QualityScale, now: QualityScale, steps: int) -> "FrameTimes":
        """Return what `then` would make of this work in the usual steps, `steps` without relief, done under `now`."""
        area = (then.height / now.height) ** 2
        motion = self.look if self.motion is None else self.motion
        moved = motion * (area * (then.flow / now.flow) ** 2)
        dream = self.dream * (area * then.steps_of(steps) / now.steps_of(steps))
        look = self.look - motion + moved
        return FrameTimes(look, dream * DEEPER if then.deeper else dream, self.compose, moved)


def typical(works: Sequence[FrameTimes]) -> FrameTimes:
    """Return each step's usual time over `works`, three at least; of their efforts, the greatest."""
    look, dream, compose, motion = (
        statistics.median(_thirds(seconds))
        for seconds in (
            [work.look for work in works],
            [work.dream for work in works],
            [work.compose for work in works],
            [work.look if work.motion is None else work.motion for work in works],
        )
    )
    return FrameTimes(look, dream, compose, min(motion, look), max(work.effort for work in works))


def fastest(works: Sequence[FrameTimes]) -> float:
    """Return what even the fastest three frames in a row of `works` took, each."""
    return min(_thirds([work.longest for work in works]))


def _thirds(seconds: Sequence[float]) -> list[float]:
    """Means of three frames in a row: octaves in turn take different times."""
    # A mean of all would do for those, but for one frame in a hundred that waits for somebody else's program.
    return [statistics.fmean(seconds[begin : begin + 3]) for begin in range(0, len(seconds) - 2, 3)]
