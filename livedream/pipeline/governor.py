"""Keeps a live run at its rate: lowers the quality while the machine is too slow, and restores it when it is not.

It knows how long each of the three stages of a frame takes, and how long it would take at each lower quality. When too
slow, it changes at once to the quality that fits and shows the least; with time to spare, it takes a reduction back
after a while.
"""

import logging
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from livedream.documented import Documented
from livedream.dream.stream.quality import DEEPER, QualityScale
from livedream.settings import CONTROLS, DreamSettings

_log = logging.getLogger(__name__)

_HEIGHTS = (1.0, 0.85, 0.72, 0.61, 0.52, 0.44)
"""Each saves a quarter of the pixels of the one before."""
QUALITIES = tuple(
    QualityScale(height, steps, flow, deeper=False)
    for height in _HEIGHTS
    for steps in (1.0, 0.5)
    for flow in (1.0, 0.5)
)
"""In the order in which they change the look: least by a coarser optical flow, then by one long step instead of two
short ones, then by the height. Dreaming deeper is one above full quality, see `_more`."""

_FRAMES = 24
"""Frames of which the median counts: each octave occurs eight times, and no single late frame changes the look."""
_FEW = 9
"""Frames that suffice if all are far too slow. Three late ones in a row, one for each stage, are not enough."""
_STALE = 6
"""Frames that do not count after a change: five may be in progress from before, and one loads what is new."""
_FULL = 0.95
"""Share of the frame time above which a stage is too slow,"""
_FITS = 0.9
"""the share that the quality chosen then aims at,"""
_ROOM = 0.75
"""and the share below which a stage must stay when quality is restored: the gap prevents oscillation."""
_FAR = 1.5
"""Multiple of the frame time above which it does not wait for the median."""

_SHORT = 1.05
"""Multiple of the frame time above which a notice says that nothing helps,"""
_WORTH = 1.15
"""and how much longer a frame may then take than at the fastest quality, for the sake of the look."""

_CALM = 48
"""Frames after a change before quality is restored;"""
_TRIAL = 1000
"""if that has to be undone within this many frames, the wait doubles the next time,"""
_CALMEST = 64 * _CALM
"""up to this limit: where times are unpredictable, the look changes less and less often."""

_MORE = 1.01
"""How much faster than the rate a camera may be before a frame is skipped: cameras are not exact."""

_COSTLY = [control.name for control in CONTROLS if control.prepared or control.name in ("steps", "flow_scale")]
"""The controls that affect the times."""


class FrameTimes(NamedTuple):
    """Seconds that a frame took in each of the three stages, which run in parallel on different frames."""

    analysis: float
    dream: float
    compose: float
    motion: float | None = None
    """The part of `analysis` spent on optical flow, which alone depends on the quality; None for all of it."""
    effort: float = 1.0
    """Its number of steps relative to the usual number; 0 for a frame that was only shown."""

    @property
    def longest(self) -> float:
        """The time from one frame to the next: the faster stages wait for the slowest."""
        return max(self.analysis, self.dream, self.compose)

    @property
    def usual(self) -> "FrameTimes":
        """The times with the usual number of steps: a deeper dream does not mean a slow machine."""
        return self._replace(dream=self.dream / self.effort, effort=1.0)

    def under(self, then: QualityScale, now: QualityScale, steps: int) -> "FrameTimes":
        """Return the times at quality `then` of work done at quality `now`; `steps` is the number at full quality."""
        area = (then.height / now.height) ** 2
        motion = self.analysis if self.motion is None else self.motion
        moved = motion * (area * (then.flow / now.flow) ** 2)
        dream = self.dream * (area * then.steps_of(steps) / now.steps_of(steps))
        analysis = self.analysis - motion + moved
        return FrameTimes(analysis, dream * DEEPER if then.deeper else dream, self.compose, moved)


def typical(works: Sequence[FrameTimes]) -> FrameTimes:
    """Return the median time of each stage over `works`, at least three, with their greatest effort."""
    analysis, dream, compose, motion = (
        statistics.median(_thirds(seconds))
        for seconds in (
            [work.analysis for work in works],
            [work.dream for work in works],
            [work.compose for work in works],
            [work.analysis if work.motion is None else work.motion for work in works],
        )
    )
    return FrameTimes(analysis, dream, compose, min(motion, analysis), max(work.effort for work in works))


def fastest(works: Sequence[FrameTimes]) -> float:
    """Return the mean time of the fastest three frames in a row."""
    return min(_thirds([work.longest for work in works]))


def _thirds(seconds: Sequence[float]) -> list[float]:
    """Return means of three frames in a row, because octaves in turn take different times."""
    # Not a mean of all: one frame in a hundred waits for another program.
    return [statistics.fmean(seconds[begin : begin + 3]) for begin in range(0, len(seconds) - 2, 3)]


class HasQuality(Protocol):
    """A dreamer whose quality can be lowered."""

    @property
    def quality(self) -> QualityScale: ...
    @quality.setter
    def quality(self, quality: QualityScale) -> None: ...

    @property
    def settings(self) -> DreamSettings: ...

    @property
    def awaits_device(self) -> bool:
        """Whether its last stage only waits for work that the second has started."""
        ...


class Governor(metaclass=Documented):
    """Keeps a live dream at its rate: chooses the highest quality at which the machine is fast enough.

    `livedream.run` makes one for a live source. Make your own to hold another rate.

    Args:
        dreamer: the `Dreamer` of the run.
        rate: frames per second to hold. Frames above that rate are skipped, which saves power.
        clock: returns seconds that never go back.
    """

    _machinery = "is_due", "record"

    def __init__(self, dreamer: HasQuality, rate: Fraction, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._dreamer = dreamer
        self._budget = float(1 / rate)
        self._clock = clock
        self._next = -float("inf")
        self._works: deque[FrameTimes] = deque(maxlen=_FRAMES)
        self._short = False
        """Whether even the lowest quality is too slow."""
        self._since = 0
        """Frames since the last change."""
        self._calm = _CALM
        self._tried = False
        """Whether the last change restored quality."""
        self._made_for = _costs(dreamer.settings)
        dreamer.quality = self._quality = QUALITIES[0]

    @property
    def notice(self) -> str | None:
        """The reduction of quality in words; None at full quality and in time."""
        quality, settings, rate = self._quality, self._dreamer.settings, f"{1 / self._budget:.4g} fps"
        height, steps = settings.working_height, settings.steps
        said = []
        if quality.height < 1:
            said.append(f"dreaming at working height {height * quality.height:.0f} instead of {height}")
        if quality.steps_of(steps) < steps:
            fewer = f"in {quality.steps_of(steps)} instead of {steps} steps"
            said.append(fewer if said else f"dreaming {fewer}")
        if quality.flow < 1:
            said.append("using a coarser motion estimate")
        if said:
            return f"{', '.join(said)}, {'and still too slow for' if self._short else 'to hold'} {rate}"
        if self._short:
            return f"too slow for {rate}, and a smaller dream would not help: a smaller source would"
        return None

    def is_due(self) -> bool:
        """Return whether the next frame is due, and start its period if so. More frames would waste power."""
        now = self._clock()
        if now < self._next - self._budget / 4:
            return False
        self._next = max(self._next, now - self._budget) + self._budget / _MORE
        return True

    def record(self, work: FrameTimes) -> None:
        """Note the times of a composed frame."""
        if not work.effort:
            return  # a frame that was only shown does not tell how long the next dream will take
        costs = _costs(self._dreamer.settings)
        if costs != self._made_for:
            self._made_for, self._calm, self._tried = costs, _CALM, False
            self._restart()
        self._since += 1
        if self._since <= _STALE:
            return
        if self._since == _TRIAL and self._tried:
            self._calm, self._tried = _CALM, False
        if self._dreamer.awaits_device:
            work = work._replace(dream=max(work.dream, work.compose), compose=0.0)
        self._works.append(work)
        if self._since % 3 == 0:
            self._judge()

    def _judge(self) -> None:
        works = list(self._works)
        last = works[-_FEW:]
        if len(last) == _FEW and fastest(last) > _FAR * self._budget:
            works = last
        elif len(works) < _FRAMES:
            return
        now = typical(works)
        chosen = self._chosen(now, typical([work.usual for work in works]))
        if chosen != self._quality:
            self._go_to(chosen)
            return
        if self._short != (now.longest > (_FULL if self._short else _SHORT) * self._budget):
            self._short = not self._short
            if self.notice is not None:
                _log.info("%s", self.notice)

    def _chosen(self, now: FrameTimes, usual: FrameTimes) -> QualityScale:
        """Return the quality for frames that took `now`, and `usual` with the usual number of steps."""
        if now.longest > _FULL * self._budget:
            # A frame that is late because it was dreamt deeper is no reason for a smaller picture.
            less = QUALITIES[0] if now.effort > 1 else self._less(usual)
            if less != self._quality:
                return less
        return self._more(usual) if self._since >= self._calm else self._quality

    def _less(self, work: FrameTimes) -> QualityScale:
        """Return the quality that fits and changes the look the least; if none fits, the best trade-off."""
        # Never more of anything, or two reductions that help different stages would alternate.
        choice = [quality for quality in QUALITIES if all(a <= b for a, b in zip(quality, self._quality, strict=True))]
        longest = {quality: self._under(quality, work).longest for quality in choice}
        best = min(longest.values())
        limit = max(_FITS * self._budget, best if best <= self._budget else _WORTH * best)
        return next(quality for quality in choice if longest[quality] <= limit)

    def _more(self, work: FrameTimes) -> QualityScale:
        """Return the present quality, or the highest for which there is time."""
        highest = _HEIGHTS[max(0, _HEIGHTS.index(self._quality.height) - 1)]
        choice = [
            quality
            for quality in QUALITIES
            if all(a >= b for a, b in zip(quality, self._quality, strict=True)) and quality.height <= highest
        ]
        if self._dreamer.settings.still_scene == "deeper" and self._quality == QUALITIES[0]:
            choice = [QualityScale(deeper=True)] if work.longest <= _FITS * self._budget else []
        for quality in choice:
            # A stage that takes no longer than now is no obstacle, however long that is.
            steps = zip(self._under(quality, work)[:3], work[:3], strict=True)
            if all(then <= max(_ROOM * self._budget, 1.001 * now) for then, now in steps):
                return quality
        return self._quality

    def _under(self, quality: QualityScale, work: FrameTimes) -> FrameTimes:
        return work.under(quality, self._quality, self._dreamer.settings.steps)

    def _go_to(self, quality: QualityScale) -> None:
        before, takes_back = self.notice, quality > self._quality
        if self._tried and not takes_back:
            self._calm = min(2 * self._calm, _CALMEST)
        self._dreamer.quality = self._quality = quality
        self._tried, self._short = takes_back, False
        self._restart()
        if self.notice != before:
            _log.info("%s", self.notice or "back to full quality")

    def _restart(self) -> None:
        self._since = 0
        self._works.clear()


def _costs(settings: DreamSettings) -> list[object]:
    return [getattr(settings, name) for name in _COSTLY]
