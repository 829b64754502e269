"""One run: the threads from the source to the sinks, and how they end."""

import functools
import threading
import time
from collections.abc import Callable, Sequence

from livedream.capture.source import Source
from livedream.errors import SinkError, SourceError
from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint, Checkpoints
from livedream.pipeline.dream_stages import DreamStages, staged
from livedream.pipeline.frame_queue import Ended, FrameQueue
from livedream.pipeline.governor import Governor
from livedream.pipeline.meter import Meter, Report
from livedream.pipeline.playback import READY, Playback
from livedream.pipeline.policies import LivePolicy, OfflinePolicy, PlaybackPolicy
from livedream.pipeline.run_state import RunState
from livedream.pipeline.sink_changes import Changes
from livedream.pipeline.sink_group import SinkGroup
from livedream.pipeline.sink_worker import SinkWorker, TimedFrame
from livedream.sink.sink import Sink
from livedream.steps import StepReport

TICK_SECONDS = 0.1
"""The longest wait of the main thread: some systems deliver a signal only between two waits."""
PATIENCE_SECONDS = 0.5
"""How long a source may take to notice that its frames are no longer taken: longer than a frame of a slow camera."""
QUICK_SECONDS = 2.0
"""Seconds that a sink may be busy with one call after a second KeyboardInterrupt; then it is given up."""


def run(
    source: Source,
    dreamer: Callable[[Frame], Frame],
    sinks: Sequence[Sink],
    *,
    on_progress: Callable[[Report], object] | None = None,
    checkpoints: Checkpoints | None = None,
    governor: Governor | None = None,
    changes: Changes | None = None,
    playback: Playback | None = None,
) -> Report:
    """Dream every frame of `source` into all `sinks` until the source ends, and return a report.

    A live source loses the frames for which there is no time; any other source loses none. Call this on the main thread
    if a sink needs it. It opens nothing, and closes no sink of the main thread.

    Args:
        source: the frames.
        dreamer: any function from frame to frame. A `StagedDreamer` runs on three threads, one for each stage; the
            steps of one that `ReportsSteps` stand in the reports.
        sinks: at least one. A sink that is `finished` gets no more frames; when none is left, the run ends. A live run
            also ends when a live sink is finished, because its window was closed. A live run closes each sink on its
            own thread after the last frame; otherwise the caller closes it.
        on_progress: called on this thread about ten times a second, and once at the very end, however the run ends. An
            exception that it raises ends the run.
        checkpoints: the journal from which an interrupted run can continue.
        governor: keeps a live run at its rate. It skips frames above that rate, which are counted as skipped.
        changes: lets sinks join the run and leave it.
        playback: shows a video at its own speed; without it, frames come as fast as they are dreamt. Not for a live
            source.

    Returns:
        The last report.

    Raises:
        Exception: the first error of the source, the dreamer, `on_progress` or a sink, once all threads have ended.
            Frames that are dreamt already are still written. An error of a sink takes only that sink out of a live
            run, which logs it and continues while another sink is left.
        KeyboardInterrupt: the run was interrupted, and has ended in the same way. A second one also gives up the frames
            that wait for the sinks.

    A live sink that hangs in one call is `given_up` at the end, and its thread is left alone. In any run this happens
    after a second KeyboardInterrupt.
    """
    if not sinks:
        raise ValueError("a run needs at least one sink")
    if playback is not None and source.live:
        raise ValueError("playback is for videos: a live source has its own pace")
    return _Run(
        source, dreamer, sinks, on_progress or (lambda report: None), checkpoints, governor, changes, playback
    ).to_the_end()


class _Run:
    def __init__(
        self,
        source: Source,
        dreamer: Callable[[Frame], Frame],
        sinks: Sequence[Sink],
        on_progress: Callable[[Report], object],
        checkpoints: Checkpoints | None,
        governor: Governor | None,
        changes: Changes | None,
        playback: Playback | None,
    ) -> None:
        self._source = source
        self._on_progress = on_progress
        self._checkpoints = checkpoints
        self._governor = governor
        self._changes = changes or Changes()
        self._reported_at = -TICK_SECONDS
        self._playback = playback
        self._ready: FrameQueue[TimedFrame] = FrameQueue(READY, on_full="wait")
        """Dreamt frames of a video that is played, until they are due."""
        policy: LivePolicy | OfflinePolicy = LivePolicy() if source.live else OfflinePolicy()
        if playback is not None and playback.only_played:
            policy = PlaybackPolicy()
        self._captured: FrameQueue[TimedFrame] = policy.capture_queue()
        self._meter = Meter()
        self._state = RunState()
        self._sinks = SinkGroup(
            sinks,
            source,
            policy,
            meter=self._meter,
            state=self._state,
            cut=self._cut,
            checkpoints=checkpoints,
            playback=playback,
        )
        self._dream_is_unwanted = False
        """Whether the picture that is being dreamt may be given up."""
        self._step: StepReport | None = None
        self._source_closed = False
        self._end_seconds = policy.end_seconds

        behind = policy.dream_first
        self._capture_thread = self._state.thread("capture", self._capture, behind)
        self._steps = staged(dreamer, self._stepped)
        stages = DreamStages(
            self._steps,
            self._captured,
            self._give,
            meter=self._meter,
            governor=governor,
            checkpoint_before=self._checkpoint_before,
            live=source.live,
            playback=playback,
        )
        self._dream_threads = self._new_dream_threads(stages, behind)

    def _new_dream_threads(self, stages: DreamStages, behind: bool) -> list[threading.Thread]:
        """Return the threads of the stages, in order. behind: whether all but the dream give way."""
        threads = [
            self._state.thread("analysis", stages.analyze, behind),
            self._state.thread("dream", stages.dream),
            self._state.thread("compose", functools.partial(self._compose, stages), behind),
        ]
        if self._playback is not None:
            threads.append(self._state.thread("play", functools.partial(self._play, self._playback)))
        return threads

    # The work of each thread

    def _capture(self) -> None:
        try:
            for frame in self._source:
                if not self._captured.put(TimedFrame(frame, self._meter.captured())):
                    return
            self._state.exhausted = True
        finally:
            self._captured.close()  # frames before a failure are still dreamt

    def _give(self, dream: TimedFrame) -> bool:
        self._step = None
        return self._ready.put(dream) if self._playback is not None else self._sinks.deliver(dream)

    def _compose(self, stages: DreamStages) -> None:
        try:
            stages.compose()
        finally:
            if self._playback is not None:
                self._ready.close()
            else:
                self._sinks.close_queues()

    def _play(self, playback: Playback) -> None:
        try:
            first = self._ready.take()
            wanted = self._sinks.deliver(first)
            playback.begin(first.frame, self._sinks.is_seen)
            while wanted:
                dream = self._ready.take()
                playback.show(dream.frame)
                wanted = self._sinks.deliver(dream)
        except Ended:
            playback.finish()
        finally:
            self._ready.discard()
            self._sinks.close_queues()

    def _stepped(self, step: StepReport) -> None:
        """Note a step of a photograph; end it if the run ends: a large one takes minutes, and Ctrl-C must not."""
        if self._dream_is_unwanted:
            raise Ended
        self._step = step

    def _checkpoint_before(self, frame: Frame) -> Checkpoint | None:
        if self._checkpoints is None or not self._checkpoints.journal.due(frame):
            return None
        return Checkpoint(frame.index, frame.time, self._checkpoints.dreamer.state())

    # The end

    def _cut(self) -> None:
        """Close the queue of captured frames, which ends all stages in turn, and give up a photograph."""
        self._state.cut_short = self._dream_is_unwanted = True
        self._captured.discard()
        if self._playback is not None:
            self._playback.stop()

    def to_the_end(self) -> Report:
        windows = [worker for worker in self._sinks.workers if worker.thread is None]
        try:
            self._capture_thread.start()
            for thread in self._dream_threads:
                thread.start()
            for worker in self._sinks.workers:
                if worker.thread is not None:
                    worker.thread.start()
            while windows or self._dream_threads[-1].is_alive():
                self._sinks.apply(self._changes.take())
                windows = [worker for worker in windows if self._sinks.attend(worker)]
                if not windows:
                    self._dream_threads[-1].join(TICK_SECONDS)
                self._report_progress()
            self._join()
        except BaseException as error:  # noqa: BLE001  raised below, once the threads have ended
            self._state.note(error)
            self._cut()
            for worker in windows:
                worker.queue.discard()
            self._join_in_any_case()
        report = self._report()
        try:
            self._on_progress(report)
        finally:
            if self._state.error is not None:
                raise self._state.error
        return report

    def _join(self) -> None:
        for thread in self._dream_threads:
            while thread.is_alive():
                thread.join(TICK_SECONDS)
                self._report_progress()
        for worker in self._sinks.workers:
            self._join_sink(worker)
        self._sinks.apply(self._changes.take())  # sinks that come too late are closed
        if self._capture_thread.is_alive():
            self._capture_thread.join(PATIENCE_SECONDS)
        if self._capture_thread.is_alive() and not self._source_closed:
            self._source_closed = True
            self._source.close()
        since = time.perf_counter()
        while self._capture_thread.is_alive():
            self._capture_thread.join(TICK_SECONDS)
            self._report_progress()
            if self._end_seconds is not None and time.perf_counter() - since > self._end_seconds:
                hint = "its driver hangs: unplug the device, or restart the machine"
                self._state.note(SourceError(f"{self._source.name} does not stop", hint))
                return

    def _join_sink(self, worker: SinkWorker) -> None:
        while worker.thread is not None and worker.thread.is_alive() and not worker.sink.given_up:
            worker.thread.join(TICK_SECONDS)
            if self._end_seconds is not None and worker.busy_seconds() > self._end_seconds:
                # `fail` first: it ignores sinks that are given up, and the thread may wake up at any time.
                self._sinks.fail(
                    worker, SinkError(f"{worker.sink.name} hangs and was given up", "its last frames may be lost")
                )
                worker.sink.given_up = True
            self._report_progress()  # last, because it may raise

    def _join_in_any_case(self) -> None:
        while True:
            try:
                return self._join()
            except BaseException as error:  # noqa: BLE001  Ctrl-C once more, or the source failed to close
                self._state.note(error)
                if isinstance(error, KeyboardInterrupt):
                    self._end_seconds = QUICK_SECONDS
                for worker in self._sinks.workers:
                    worker.queue.discard()

    def _report_progress(self) -> None:
        now = time.perf_counter()
        if now - self._reported_at >= TICK_SECONDS:
            self._reported_at = now
            self._on_progress(self._report())

    def _report(self) -> Report:
        workers = self._sinks.workers
        slow = _present(
            self._governor.notice if self._governor is not None else None,
            self._playback.notice if self._playback is not None else None,
        )
        others = _present(self._steps.notice, *(worker.notice for worker in workers))
        return self._meter.report(
            self._captured.dropped,
            [worker.queue.dropped for worker in workers],
            [worker.fault for worker in workers],
            [*_present(self._source.notice), *slow, *others],
            slow,
            self._step,
        )


def _present(*notices: str | None) -> list[str]:
    return [notice for notice in notices if notice is not None]
