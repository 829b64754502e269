"""Holds a live run at its rate: dreams less while the machine is too slow, and as asked again when it is not.

It knows how long each of the three steps of a frame takes, and what each relief would make of that. Too slow, it goes
at once to the relief that fits and changes the look the least; with time to spare it takes one back, after a while.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from livedream.dream.stream.quality import QualityScale
from livedream.pipeline.work import FrameTimes, fastest, typical
from livedream.settings import CONTROLS, DreamSettings

_log = logging.getLogger(__name__)

_HEIGHTS = (1.0, 0.85, 0.72, 0.61, 0.52, 0.44)
"""Each saves a quarter of the pixels of the one before."""
RELIEFS = tuple(
    QualityScale(height, steps, flow, deeper=False)
    for height in _HEIGHTS
    for steps in (1.0, 0.5)
    for flow in (1.0, 0.5)
)
"""By how much they change the look: a coarser map of the motion the least, then one long step for two short ones, then
the height. To dream deeper is one more than nothing left out, see `_more`."""

_FRAMES = 24
"""Of which the median counts: each octave eight times, and no single late frame changes the look."""
_FEW = 9
"""Frames that suffice when all of them are far too slow. Three late ones in a row, one for each step, do not do it."""
_STALE = 6
"""Frames that do not count after a change: five may be under way as they were before it, and one loads what is new."""
_FULL = 0.95
"""Share of the time of a frame above which a step is too slow,"""
_FITS = 0.9
"""at which the relief is aimed that is chosen then,"""
_ROOM = 0.75
"""and below which a step must stay that is to take longer again: the gap keeps it from going to and fro."""
_FAR = 1.5
"""Above which nobody waits for the median."""

_SHORT = 1.05
"""Above which that is told, if nothing helps,"""
_WORTH = 1.15
"""and how much longer a frame may take then than with the best relief, for the sake of the look."""

_CALM = 48
"""Frames after a change before a relief is taken back;"""
_TRIAL = 1000
"""where that is regretted within so many, twice as many the next time,"""
_CALMEST = 64 * _CALM
"""up to these: times that cannot be foretold make the look change ever less often."""

_MORE = 1.01
"""By how much a camera may be faster than the rate before a frame is left out: none is as exact as its name."""

_COSTLY = [control.name for control in CONTROLS if control.prepared or control.name in ("steps", "flow_scale")]
"""The controls on which the times depend."""


class Relievable(Protocol):
    """A dreamer that can be told to leave something out."""

    quality: QualityScale

    @property
    def settings(self) -> DreamSettings: ...

    @property
    def awaits_device(self) -> bool:
        """Whether the last of its steps only waits for what the second has begun."""
        ...


class Governor:
    """Chooses what a dreamer leaves out, so that it keeps up with `rate` frames per second, and no more than that.

    clock: seconds that never go back.
    """

    def __init__(self, dreamer: Relievable, rate: Fraction, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._dreamer = dreamer
        self._budget = float(1 / rate)
        self._clock = clock
        self._next = -float("inf")
        self._works: deque[FrameTimes] = deque(maxlen=_FRAMES)
        self._short = False
        """Whether what can be left out does not suffice."""
        self._since = 0
        """Frames since the last change."""
        self._calm = _CALM
        self._tried = False
        """Whether the last change took a relief back."""
        self._made_for = _costs(dreamer.settings)
        dreamer.quality = self._relief = RELIEFS[0]

    @property
    def notice(self) -> str | None:
        """What it has chosen, None while the dream is as asked for and in time."""
        relief, settings, rate = self._relief, self._dreamer.settings, f"{1 / self._budget:.4g} fps"
        height, steps = settings.working_height, settings.steps
        said = []
        if relief.height < 1:
            said.append(f"dreaming at working height {height * relief.height:.0f} instead of {height}")
        if relief.steps_of(steps) < steps:
            fewer = f"in {relief.steps_of(steps)} instead of {steps} steps"
            said.append(fewer if said else f"dreaming {fewer}")
        if relief.flow < 1:
            said.append("following the motion less finely")
        if said:
            return f"{', '.join(said)}, {'and still too slow for' if self._short else 'to hold'} {rate}"
        if self._short:
            return f"too slow for {rate}, and a smaller dream would not help: a smaller source would"
        return None

    def due(self) -> bool:
        """Return whether the time of the next frame has come; if so, it begins. More would be wasted power."""
        now = self._clock()
        if now < self._next - self._budget / 4:
            return False
        self._next = max(self._next, now - self._budget) + self._budget / _MORE
        return True

    def took(self, work: FrameTimes) -> None:
        """A frame has been composed, and took so long."""
        if not work.effort:
            return  # a frame that was only shown says nothing of the time that the next dream will take
        costs = _costs(self._dreamer.settings)
        if costs != self._made_for:
            self._made_for, self._calm, self._tried = costs, _CALM, False
            self._begin_anew()
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
        if chosen != self._relief:
            self._go_to(chosen)
            return
        if self._short != (now.longest > (_FULL if self._short else _SHORT) * self._budget):
            self._short = not self._short
            if self.notice is not None:
                _log.info("%s", self.notice)

    def _chosen(self, now: FrameTimes, usual: FrameTimes) -> QualityScale:
        """Return the relief for frames that took `now`, and would have taken `usual` in the usual steps."""
        if now.longest > _FULL * self._budget:
            # What dreams deeper in time that is not there must not make the picture smaller.
            less = RELIEFS[0] if now.effort > 1 else self._less(usual)
            if less != self._relief:
                return less
        return self._more(usual) if self._since >= self._calm else self._relief

    def _less(self, work: FrameTimes) -> QualityScale:
        """Return the relief that changes the look the least and fits; if none does, one that is worth its price."""
        # Never more of anything, or two that help each other's steps would take turns.
        choice = [relief for relief in RELIEFS if all(a <= b for a, b in zip(relief, self._relief, strict=True))]
        longest = {relief: self._under(relief, work).longest for relief in choice}
        best = min(longest.values())
        limit = max(_FITS * self._budget, best if best <= self._budget else _WORTH * best)
        return next(relief for relief in choice if longest[relief] <= limit)

    def _more(self, work: FrameTimes) -> QualityScale:
        """Return the present relief, or that which takes back as much of it as there is time for."""
        highest = _HEIGHTS[max(0, _HEIGHTS.index(self._relief.height) - 1)]
        choice = [
            relief
            for relief in RELIEFS
            if all(a >= b for a, b in zip(relief, self._relief, strict=True)) and relief.height <= highest
        ]
        if self._dreamer.settings.still_scene == "deeper" and self._relief == RELIEFS[0]:
            choice = [QualityScale(deeper=True)] if work.longest <= _FITS * self._budget else []
        for relief in choice:
            # What takes no longer than now does not stand in the way, however long that is.
            steps = zip(self._under(relief, work)[:3], work[:3], strict=True)
            if all(then <= max(_ROOM * self._budget, 1.001 * now) for then, now in steps):
                return relief
        return self._relief

    def _under(self, relief: QualityScale, work: FrameTimes) -> FrameTimes:
        return work.under(relief, self._relief, self._dreamer.settings.steps)

    def _go_to(self, relief: QualityScale) -> None:
        before, takes_back = self.notice, relief > self._relief
        if self._tried and not takes_back:
            self._calm = min(2 * self._calm, _CALMEST)
        self._dreamer.quality = self._relief = relief
        self._tried, self._short = takes_back, False
        self._begin_anew()
        if self.notice != before:
            _log.info("%s", self.notice or "dreaming as asked for again")

    def _begin_anew(self) -> None:
        self._since = 0
        self._works.clear()


def _costs(settings: DreamSettings) -> list[object]:
    return [getattr(settings, name) for name in _COSTLY]
