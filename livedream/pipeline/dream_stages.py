"""From captured frames to dreamt ones: three steps, each on a thread of its own.

While the network dreams one frame, the next is looked at and the last is composed: all three together take the time of
the longest instead of the sum. Frames stay in order, and one waits between two steps; of a film some may wait for the
second, see StagedDreamer.look_ahead.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint
from livedream.pipeline.frame_queue import Ended, FrameQueue
from livedream.pipeline.governor import Governor
from livedream.pipeline.meter import Meter
from livedream.pipeline.pace import StageTiming
from livedream.pipeline.playback import Playback
from livedream.pipeline.sink_worker import TimedFrame
from livedream.pipeline.work import FrameTimes
from livedream.steps import OnStep


@runtime_checkable
class StagedDreamer(Protocol):
    """A dreamer whose frames go through three steps, each of them in order."""

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        """What the thread that dreams stays in: the other two have work of their own."""
        ...

    @property
    def look_ahead(self) -> int:
        """How many frames that were looked at may wait for the second step, where none has to be young."""
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
    def effort(self) -> float:
        """How many times the usual steps the last frame was dreamt in; 0 where what was dreamt before is shown."""
        ...

    @property
    def notice(self) -> str | None:
        """What it does otherwise than asked."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """A dreamer whose first step begins what goes on beside the frames."""

    def stop_looking(self) -> None:
        """Wait for it: no frame will be looked at any more."""
        ...


class _SingleStage:
    """Any function from frame to frame, as the second of three steps."""

    look_ahead = 1

    def __init__(self, dream: Callable[[Frame], Frame]) -> None:
        self.dream = dream
        self.stages: Mapping[str, float] = {}
        self.effort = 1.0
        self.notice = None

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def look(self, frame: Frame) -> Frame:
        return frame

    def compose(self, dreamt: Frame) -> Frame:
        return dreamt


@runtime_checkable
class ReportsSteps(Protocol):
    """A dreamer that reports the steps of one frame, because a frame can take minutes: a photograph."""

    on_step: OnStep | None


def staged(dreamer: Callable[[Frame], Frame], on_step: OnStep) -> StagedDreamer:
    """Return `dreamer` in stages. on_step: receives the steps of a dreamer that reports them."""
    if isinstance(dreamer, StagedDreamer):
        return dreamer
    if not isinstance(dreamer, ReportsSteps):
        return _SingleStage(dreamer)

    def dream(frame: Frame) -> Frame:
        dreamer.on_step = on_step
        try:
            return dreamer(frame)
        finally:
            dreamer.on_step = None

    return _SingleStage(dream)


class _Moving(NamedTuple):
    dated: TimedFrame
    what: Any
    """Of the last step."""
    look_seconds: float
    dream_seconds: float = 0.0


class DreamStages:
    """The three steps. `look`, `dream` and `compose` are what their threads do, from the first frame to the last.

    captured: where frames come from. give: takes dreamt frames, returns False when nobody wants any more.
    checkpoint_before: called by the thread that dreams before each frame. live: whether a frame should be as young as
    possible when it is dreamt. playback: says when a frame of a film that is played may be dreamt.
    """

    def __init__(
        self,
        dreamer: StagedDreamer,
        captured: FrameQueue[TimedFrame],
        give: Callable[[TimedFrame], bool],
        *,
        meter: Meter,
        governor: Governor | None,
        checkpoint_before: Callable[[Frame], Checkpoint | None],
        live: bool,
        playback: Playback | None = None,
    ) -> None:
        self._dreamer = dreamer
        self._captured = captured
        self._give = give
        self._meter = meter
        self._governor = governor
        self._checkpoint_before = checkpoint_before
        self._live = live
        self._playback = playback
        self._looked: FrameQueue[_Moving] = FrameQueue(1 if live else dreamer.look_ahead, wait=True)
        self._dreamt: FrameQueue[_Moving] = FrameQueue(1, wait=True)
        self._look = StageTiming()
        self._dream = StageTiming()
        self._compose = StageTiming()

    def look(self) -> None:
        try:
            while True:
                self._wait_for(self._looked, self._look, self._dream)
                dated = self._captured.take()
                if self._playback is not None:
                    self._playback.approach(dated.frame)
                if self._governor is not None and not self._governor.due():
                    self._meter.skipped()
                    continue
                with self._look.measure():
                    sight = self._dreamer.look(dated.frame)
                if not self._looked.put(_Moving(dated, sight, self._look.last)):
                    return
        except Ended:
            return
        finally:
            self._captured.discard()
            self._looked.close()
            self._stop_looking()

    def dream(self) -> None:
        try:
            with self._dreamer.sharing_cores(self._live):
                while self._dream_next():
                    pass
        except Ended:
            return
        finally:
            self._captured.discard()
            self._looked.discard()
            self._dreamt.close()
            self._stop_looking()

    def _stop_looking(self) -> None:
        # By both threads: either may be the last to begin something beside the frames.
        if isinstance(self._dreamer, LooksAhead):
            self._dreamer.stop_looking()

    def _dream_next(self) -> bool:
        """Dream one frame; returns whether anybody wants more."""
        self._wait_for(self._dreamt, self._dream, self._compose)
        self._dream.ready()
        moving = self._looked.take()
        checkpoint = self._checkpoint_before(moving.dated.frame)
        with self._dream.measure():
            dreamt = self._dreamer.dream(moving.what)
        dated = moving.dated._replace(checkpoint=checkpoint)
        return self._dreamt.put(_Moving(dated, dreamt, moving.look_seconds, self._dream.last))

    def compose(self) -> None:
        try:
            while True:
                self._compose.ready()
                dated, dreamt, look_seconds, dream_seconds = self._dreamt.take()
                with self._compose.measure():
                    dream = self._dreamer.compose(dreamt)
                stages = self._dreamer.stages
                if self._governor is not None:
                    self._governor.took(
                        FrameTimes(
                            look_seconds,
                            dream_seconds,
                            self._compose.last,
                            motion=stages.get("motion"),
                            effort=self._dreamer.effort,
                        )
                    )
                self._meter.dreamt(stages)
                if not self._give(dated._replace(frame=dream)):
                    return
        except Ended:
            return
        finally:
            for box in (self._captured, self._looked, self._dreamt):
                box.discard()

    def _wait_for(self, box: FrameQueue[_Moving], step: StageTiming, after: StageTiming) -> None:
        """Wait until what `step` would put into `box` is wanted soon by the step after it, in a live run.

        What waits there for that step to end grows old: the newest frame is taken as late as it goes.
        """
        if self._live:
            box.wait_for_room()
            # The last frame has just been taken out. Half a time more than needed, for one that takes longer.
            box.wait_for_taker(after.cycle - 1.5 * step.seconds)
