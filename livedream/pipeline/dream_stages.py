"""From captured frames to dreamt ones: three stages, each on its own thread.

While the network dreams one frame, the next is analyzed and the previous is composed, so a frame takes the time of the
longest stage instead of the sum. Frames stay in order, and one waits between two stages. For a video several may wait
for the second stage, see StagedDreamer.lookahead.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint
from livedream.pipeline.frame_queue import Ended, FrameQueue
from livedream.pipeline.governor import FrameTimes, Governor
from livedream.pipeline.meter import Meter
from livedream.pipeline.playback import Playback
from livedream.pipeline.sink_worker import TimedFrame
from livedream.steps import OnStep

_SMOOTH = 0.2
"""Weight of the newest frame in a mean."""


@runtime_checkable
class StagedDreamer(Protocol):
    """A dreamer with three stages, each of which takes the frames in order."""

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        """A context for the thread that dreams: it leaves cores to the other two."""
        ...

    @property
    def lookahead(self) -> int:
        """How many analyzed frames may wait for the second stage when the source is not live."""
        ...

    def analyze(self, frame: Frame, /) -> Any:
        """The first stage: everything that needs no network."""
        ...

    def dream(self, analyzed: Any, /) -> Any:
        """The second stage; takes what the first returned."""
        ...

    def compose(self, dreamt: Any, /) -> Frame:
        """The last stage; takes what the second returned."""
        ...

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that the parts of the last frame took, by name."""
        ...

    @property
    def effort(self) -> float:
        """The steps of the last frame, relative to the usual number; 0 if an earlier dream was shown again."""
        ...

    @property
    def notice(self) -> str | None:
        """How it differs from the settings, for lack of memory; None if it does not."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """A dreamer whose first stage starts work on other threads."""

    def finish_analysis(self) -> None:
        """Wait for that work: no more frames are analyzed."""
        ...


class _SingleStage:
    """Any function from frame to frame, as the second of three stages."""

    lookahead = 1

    def __init__(self, dream: Callable[[Frame], Frame]) -> None:
        self.dream = dream
        self.stages: Mapping[str, float] = {}
        self.effort = 1.0
        self.notice = None

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def analyze(self, frame: Frame) -> Frame:
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


class StageTiming:
    """The mean times of a stage, from which the stage before it knows when the next frame is needed."""

    def __init__(self) -> None:
        self.last = 0.0
        """Seconds of work on the last frame."""
        self.seconds = 0.0
        """Mean seconds of work on a frame."""
        self.cycle = 0.0
        """Mean seconds from one frame until the stage is ready for the next: work, and the wait for the next stage."""
        self._began: float | None = None

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the work on a frame, inside the block."""
        self._began = began = time.perf_counter()
        yield
        self.last = time.perf_counter() - began
        self.seconds += _SMOOTH * (self.last - self.seconds)

    def ready(self) -> None:
        """Note that the stage is ready for the next frame."""
        if self._began is not None:
            self.cycle += _SMOOTH * (time.perf_counter() - self._began - self.cycle)


class _StageResult(NamedTuple):
    timed: TimedFrame
    result: Any
    """What the last stage returned."""
    analysis_seconds: float
    dream_seconds: float = 0.0


class DreamStages:
    """The three stages: `analyze`, `dream` and `compose` each run on a thread, from the first frame to the last.

    Args:
        captured: the queue of captured frames.
        give: takes dreamt frames; returns False when no more are wanted.
        checkpoint_before: returns the checkpoint before a frame, if one is due. Called by the thread that dreams.
        live: whether a frame should be as recent as possible when it is dreamt.
        playback: decides when a frame of a video that is played may be dreamt.
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
        self._analyzed: FrameQueue[_StageResult] = FrameQueue(1 if live else dreamer.lookahead, on_full="wait")
        self._dreamt: FrameQueue[_StageResult] = FrameQueue(1, on_full="wait")
        self._analysis = StageTiming()
        self._dream = StageTiming()
        self._compose = StageTiming()

    def analyze(self) -> None:
        try:
            while True:
                self._wait_for(self._analyzed, self._analysis, self._dream)
                timed = self._captured.take()
                if self._playback is not None:
                    self._playback.approach(timed.frame)
                if self._governor is not None and not self._governor.is_due():
                    self._meter.skipped()
                    continue
                with self._analysis.measure():
                    analyzed = self._dreamer.analyze(timed.frame)
                if not self._analyzed.put(_StageResult(timed, analyzed, self._analysis.last)):
                    return
        except Ended:
            return
        finally:
            self._captured.discard()
            self._analyzed.close()
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
            self._analyzed.discard()
            self._dreamt.close()
            self._stop_looking()

    def _stop_looking(self) -> None:
        # Called by both threads: either may be the last to start such work.
        if isinstance(self._dreamer, LooksAhead):
            self._dreamer.finish_analysis()

    def _dream_next(self) -> bool:
        """Dream one frame; return whether more are wanted."""
        self._wait_for(self._dreamt, self._dream, self._compose)
        self._dream.ready()
        analyzed = self._analyzed.take()
        checkpoint = self._checkpoint_before(analyzed.timed.frame)
        with self._dream.measure():
            dreamt = self._dreamer.dream(analyzed.result)
        timed = analyzed.timed._replace(checkpoint=checkpoint)
        return self._dreamt.put(_StageResult(timed, dreamt, analyzed.analysis_seconds, self._dream.last))

    def compose(self) -> None:
        try:
            while True:
                self._compose.ready()
                timed, dreamt, analysis_seconds, dream_seconds = self._dreamt.take()
                with self._compose.measure():
                    dream = self._dreamer.compose(dreamt)
                stages = self._dreamer.stages
                if self._governor is not None:
                    self._governor.record(
                        FrameTimes(
                            analysis_seconds,
                            dream_seconds,
                            self._compose.last,
                            motion=stages.get("motion"),
                            effort=self._dreamer.effort,
                        )
                    )
                self._meter.dreamt(stages)
                if not self._give(timed._replace(frame=dream)):
                    return
        except Ended:
            return
        finally:
            for queue in (self._captured, self._analyzed, self._dreamt):
                queue.discard()

    def _wait_for(self, queue: FrameQueue[_StageResult], stage: StageTiming, after: StageTiming) -> None:
        """In a live run, wait until the stage `after` will soon need what `stage` puts into `queue`.

        A frame that waits in the queue grows old, so the newest one is taken as late as possible.
        """
        if self._live:
            queue.wait_for_room()
            # The last frame has just been taken out. Half of `seconds` is a margin for a frame that takes longer.
            queue.wait_for_taker(after.cycle - 1.5 * stage.seconds)
