"""From captured frames to dreamt ones: three steps, each on a thread of its own.

While the network dreams one frame, the next is looked at and the last is composed: all three together take the time of
the longest instead of the sum. Frames stay in order, and never more than one waits between two steps.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, overload, runtime_checkable

import numpy as np

from livedream.frame import Frame
from livedream.pipeline.governor import Governor
from livedream.pipeline.journal import Checkpoint
from livedream.pipeline.mailbox import Ended, Mailbox
from livedream.pipeline.meter import Meter
from livedream.pipeline.post import Dated

_SMOOTH = 0.2
"""What the newest frame counts for in the mean time of a step."""


class Dreamer(Protocol):
    """What dreams: a frame of a stream, in order, or a picture (height, width, 3) by itself."""

    @overload
    def __call__(self, picture: Frame, /) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray, /) -> np.ndarray: ...


@runtime_checkable
class Steps(Protocol):
    """A dreamer whose frames go through three steps, each of them in order."""

    def sharing_cores(self) -> AbstractContextManager[None]:
        """What the thread that dreams stays in: the other two have work of their own."""
        ...

    def look(self, frame: Frame, /) -> Any:
        """The first step: whatever needs no network."""
        ...

    def dream(self, sight: Any, /) -> Any:
        """The second, of what the first returned."""
        ...

    def compose(self, dreamt: Any, /) -> Frame:
        """The last, of what the second returned."""
        ...

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds by stage, of the last frame."""
        ...

    @property
    def notice(self) -> str | None:
        """What it does otherwise than asked."""
        ...


class _AtOnce:
    """Any function from frame to frame, as the second of three steps."""

    def __init__(self, dream: Callable[[Frame], Frame]) -> None:
        self.dream = dream
        self.stages: Mapping[str, float] = {}
        self.notice = None

    def sharing_cores(self) -> AbstractContextManager[None]:
        return nullcontext()

    def look(self, frame: Frame) -> Frame:
        return frame

    def compose(self, dreamt: Frame) -> Frame:
        return dreamt


def steps_of(dreamer: Dreamer, stills: bool) -> Steps:
    """Return the steps of `dreamer`. stills: whether each frame is a picture by itself."""
    if stills:
        return _AtOnce(lambda frame: frame.with_pixels(dreamer(frame.pixels)))
    return dreamer if isinstance(dreamer, Steps) else _AtOnce(dreamer)


class _Moving(NamedTuple):
    dated: Dated
    what: Any
    """Of the last step."""
    longest: float
    """Seconds that its longest step took until now."""


class Relay:
    """The three steps. `look`, `dream` and `compose` are what their threads do, from the first frame to the last.

    captured: where frames come from. give: takes dreamt frames, returns False when nobody wants any more.
    checkpoint_before: called by the thread that dreams before each frame. live: whether a frame should be as young as
    possible when it is dreamt.
    """

    def __init__(
        self,
        dreamer: Steps,
        captured: Mailbox[Dated],
        give: Callable[[Dated], bool],
        *,
        meter: Meter,
        governor: Governor | None,
        checkpoint_before: Callable[[Frame], Checkpoint | None],
        live: bool,
    ) -> None:
        self._dreamer = dreamer
        self._captured = captured
        self._give = give
        self._meter = meter
        self._governor = governor
        self._checkpoint_before = checkpoint_before
        self._live = live
        self._looked: Mailbox[_Moving] = Mailbox(1, wait=True)
        self._dreamt: Mailbox[_Moving] = Mailbox(1, wait=True)
        self._look_seconds = 0.0
        self._dream_seconds = 0.0

    def look(self) -> None:
        try:
            while True:
                self._looked.wait_for_room()
                if self._live:
                    # The last frame has just been taken to be dreamt. What waits for that to end grows old: the newest
                    # one is taken as late as it goes.
                    self._looked.wait_for_taker(self._dream_seconds - 1.5 * self._look_seconds)
                dated = self._captured.take()
                if self._governor is not None and not self._governor.due():
                    continue
                began = time.perf_counter()
                sight = self._dreamer.look(dated.frame)
                seconds = time.perf_counter() - began
                self._look_seconds += _SMOOTH * (seconds - self._look_seconds)
                if not self._looked.put(_Moving(dated, sight, seconds)):
                    return
        except Ended:
            return
        finally:
            self._captured.discard()
            self._looked.close()

    def dream(self) -> None:
        try:
            with self._dreamer.sharing_cores():
                while self._dream_next():
                    pass
        except Ended:
            return
        finally:
            self._captured.discard()
            self._looked.discard()
            self._dreamt.close()

    def _dream_next(self) -> bool:
        """Dream one frame; returns whether anybody wants more."""
        moving = self._looked.take()
        checkpoint = self._checkpoint_before(moving.dated.frame)
        began = time.perf_counter()
        dreamt = self._dreamer.dream(moving.what)
        seconds = time.perf_counter() - began
        self._dream_seconds += _SMOOTH * (seconds - self._dream_seconds)
        dated = moving.dated._replace(checkpoint=checkpoint)
        return self._dreamt.put(_Moving(dated, dreamt, max(moving.longest, seconds)))

    def compose(self) -> None:
        try:
            while True:
                dated, dreamt, longest = self._dreamt.take()
                began = time.perf_counter()
                dream = self._dreamer.compose(dreamt)
                if self._governor is not None:
                    self._governor.took(max(longest, time.perf_counter() - began))
                self._meter.dreamt(self._dreamer.stages)
                if not self._give(dated._replace(frame=dream)):
                    return
        except Ended:
            return
        finally:
            for box in (self._captured, self._looked, self._dreamt):
                box.discard()
