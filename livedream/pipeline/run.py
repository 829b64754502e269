"""One run: the threads from the source to the sinks, and how they end."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from livedream.capture.source import Source
from livedream.errors import LivedreamError, SinkError, SourceError
from livedream.faults import explain
from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint, Journal, Stateful
from livedream.pipeline.dream_stages import DreamStages, staged
from livedream.pipeline.frame_queue import Ended, FrameQueue
from livedream.pipeline.governor import Governor
from livedream.pipeline.live import LivePolicy
from livedream.pipeline.meter import Meter, Report
from livedream.pipeline.offline import OfflinePolicy
from livedream.pipeline.playback import READY, Playback, PlaybackPolicy
from livedream.pipeline.sink_changes import Changes
from livedream.pipeline.sink_worker import SinkWorker, TimedFrame
from livedream.pipeline.thread_priority import give_way
from livedream.sink.sink import ResumableSink, Sink
from livedream.steps import StepReport

log = logging.getLogger(__name__)

IDLE_SECONDS = 1 / 30
"""How long a sink waits for a frame before it is idle."""
TICK_SECONDS = 0.1
"""How long the main thread waits at most before it looks up: some systems tell it of a signal only then."""
PATIENCE_SECONDS = 0.5
"""How long a source may take to notice by itself that nobody takes its frames: longer than a slow camera's frame."""
QUICK_SECONDS = 2.0
"""How long a sink may be busy with one thing, when somebody has asked twice for the end, before it is given up."""


class Checkpoints(NamedTuple):
    """The journal of a run, with the one sink and the dreamer that it is about."""

    journal: Journal
    sink: ResumableSink
    dreamer: Stateful


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
    """Dream every frame of `source` into all `sinks`, until the source ends, and return what happened.

    A live source loses the frames for which there is no time, any other loses none. Call it on the main thread when a
    sink works there alone. It opens nothing, and closes nothing that works on the main thread.

    sinks: at least one. One that is `finished` gets no more frames; when none is left the run ends. A live run ends as
    soon as a live sink has finished: somebody closed the window. A live run closes each sink on its own thread, when it
    has its last frame; otherwise closing them is the caller's.
    checkpoints: where the run notes how it could go on, if it should be cut off.
    governor: keeps a live run at its rate; frames that it does not want are left out, and counted as skipped.
    changes: by which sinks join the run and leave it.
    playback: shows a film at its own pace; without it a film goes as fast as the dream. Not for a live source.
    on_progress: called on this thread some ten times a second, and once more at the very end, whatever the end. What it
    raises ends the run.

    What a sink of a live run raises takes it out of the run, is logged, and stands in the report; that of the last one
    ends the run, like whatever the source, the dreamer, on_progress or a sink of another run raises. It is raised again
    here, once all threads have ended; of several the first. Frames already dreamt are still written. So it is with
    KeyboardInterrupt; a second one gives up the frames that wait for the sinks.

    A live sink that never comes back from one frame is `given_up` at the end, and its thread left to itself. So is, in
    any run, one that does not come back after a second KeyboardInterrupt.
    """
    if not sinks:
        raise ValueError("a run needs at least one sink")
    if playback is not None and source.live:
        raise ValueError("a live source has a pace of its own")
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
        self._told = -TICK_SECONDS
        self._playback = playback
        self._ready: FrameQueue[TimedFrame] = FrameQueue(READY, wait=True)
        """Dreamt frames of a film that is played, before their time."""
        self._rules: LivePolicy | OfflinePolicy = LivePolicy() if source.live else OfflinePolicy()
        if playback is not None and playback.only_played:
            self._rules = PlaybackPolicy()
        self._captured: FrameQueue[TimedFrame] = self._rules.capture_box()
        self._meter = Meter()
        self._posts = tuple(self._post(sink) for sink in sinks)
        """Replaced as a whole: several threads read it."""

        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._exhausted = False
        self._cut_short = False
        self._gives_up = False
        """What is being dreamt is not wanted any more."""
        self._step: StepReport | None = None
        self._all_dreamt = False
        """Nobody can join any more."""
        self._source_closed = False
        self._end_seconds = self._rules.end_seconds

        behind = self._rules.dream_first
        self._capture_thread = self._thread("capture", self._capture, behind)
        self._steps = staged(dreamer, self._stepped)
        relay = DreamStages(
            self._steps,
            self._captured,
            self._give,
            meter=self._meter,
            governor=governor,
            checkpoint_before=self._checkpoint_before,
            live=source.live,
            playback=playback,
        )
        self._dream_threads = [
            self._thread("look", relay.look, behind),
            self._thread("dream", relay.dream),
            self._thread("compose", functools.partial(self._compose, relay), behind),
        ]
        if playback is not None:
            self._dream_threads.append(self._thread("play", functools.partial(self._play, playback)))

    def _post(self, sink: Sink) -> SinkWorker:
        post = SinkWorker(self._meter.add_sink(sink.name), sink, self._rules.sink_box(sink))
        if not sink.on_main_thread:
            post.closes = self._rules.sinks_fail_alone
            post.thread = self._thread(f"sink-{sink.name}", functools.partial(self._serve, post))
        return post

    # What each thread does

    def _thread(self, name: str, work: Callable[[], None], behind: bool = False) -> threading.Thread:
        """behind: whether it gives way to the other threads of the run."""

        def body() -> None:
            try:
                if behind:
                    give_way()
                work()
            except BaseException as error:  # noqa: BLE001  the main thread raises it
                self._note(error)

        # A daemon, for one that is given up must not keep the program from ending. All others are waited for.
        return threading.Thread(target=body, name=f"livedream-{name}", daemon=True)

    def _capture(self) -> None:
        try:
            for frame in self._source:
                if not self._captured.put(TimedFrame(frame, self._meter.captured())):
                    return
            self._exhausted = True
        finally:
            self._captured.close()  # what came before a failure is still dreamt

    def _give(self, dream: TimedFrame) -> bool:
        self._step = None
        return self._ready.put(dream) if self._playback is not None else self._deliver(dream)

    def _deliver(self, dream: TimedFrame) -> bool:
        taken = [post.box.put(dream) for post in self._posts]  # all of them, not only until the first that takes it
        return any(taken)

    def _compose(self, relay: DreamStages) -> None:
        try:
            relay.compose()
        finally:
            if self._playback is not None:
                self._ready.close()
            else:
                self._close_posts()

    def _play(self, playback: Playback) -> None:
        try:
            first = self._ready.take()
            wanted = self._deliver(first)
            playback.begin(first.frame, self._is_seen)
            while wanted:
                dream = self._ready.take()
                playback.show(dream.frame)
                wanted = self._deliver(dream)
        except Ended:
            playback.finish()
        finally:
            self._ready.discard()
            self._close_posts()

    def _is_seen(self) -> bool:
        """Return whether the first frame is shown wherever a film is played."""
        return all(post.begun for post in self._posts if post.sink.live and post.open)

    def _close_posts(self) -> None:
        with self._lock:
            self._all_dreamt = True
        for post in self._posts:
            post.box.close()

    def _stepped(self, step: StepReport) -> None:
        """Hear from the thread that dreams how far a picture is: a large one takes minutes, and Ctrl-C must not."""
        if self._gives_up:
            raise Ended
        self._step = step

    def _checkpoint_before(self, frame: Frame) -> Checkpoint | None:
        if self._checkpoints is None or not self._checkpoints.journal.due(frame):
            return None
        return Checkpoint(frame.index, frame.time, self._checkpoints.dreamer.state())

    def _write(self, sink: Sink, frame: Frame, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None or self._checkpoints is None or sink is not self._checkpoints.sink:
            sink.write(frame)
            return
        self._checkpoints.sink.write_key(frame)
        self._checkpoints.journal.save(checkpoint)

    def _serve(self, post: SinkWorker) -> None:
        while self._attend(post):
            pass
        post.box.discard()
        if post.closes:
            try:
                with post.busy():
                    post.sink.close()
            except Exception as error:  # noqa: BLE001  the run tells or raises it
                self._fail(post, error)

    def _attend(self, post: SinkWorker) -> bool:
        """Give a sink its next frame, or let it idle. Returns False when it needs no more attention."""
        try:
            return self._turn(post)
        except Exception as error:  # noqa: BLE001  the run tells or raises it
            self._fail(post, error)
            return False

    def _turn(self, post: SinkWorker) -> bool:
        try:
            frame, captured_at, checkpoint = post.box.take(IDLE_SECONDS)
        except TimeoutError:
            post.sink.idle()
        except Ended:
            if post.removed or (self._exhausted and not self._cut_short):
                post.sink.source_ended_early = self._source.ended_early is not None or self._source.lost > 0
                with post.busy():
                    post.sink.end()
            return False
        else:
            with post.busy():
                self._write(post.sink, frame, checkpoint)
            self._meter.written(post.number, captured_at)
            if not post.begun:
                post.begun = True
                if self._playback is not None:
                    self._playback.seen()
        if post.sink.finished:
            post.open = False
            post.box.discard()
            if post.sink.live and self._rules.closing_ends_all:
                self._cut()
            elif post.sink.live and self._playback is not None:
                self._playback.resume()  # the key for it went with the window
            return False
        return True

    # Who takes part

    def _apply_changes(self) -> None:
        for change in self._changes.take():
            if change.comes:
                self._admit(change.sink)
            else:
                self._dismiss(change.sink)

    def _admit(self, sink: Sink) -> None:
        with self._lock:
            post = None if self._all_dreamt else self._post(sink)
            if post is not None:
                self._posts = (*self._posts, post)
        if post is None or post.thread is None:
            sink.close()
        else:
            post.closes = True
            post.thread.start()

    def _dismiss(self, sink: Sink) -> None:
        for post in self._posts:
            if post.sink is sink:
                post.removed = post.closes = True
                post.open = False
                post.box.close()

    def _fail(self, post: SinkWorker, error: Exception) -> None:
        """Take a sink out of the run, and end the run if its rules or the lack of any other sink say so."""
        if post.sink.given_up:
            return  # that was said before
        post.box.discard()
        with self._lock:
            post.open = False
            post.fault = (
                str(error)
                if isinstance(error, LivedreamError)
                else f"{post.sink.name} failed: {explain(error).message}"
            )
            goes_on = self._rules.sinks_fail_alone and any(other.open for other in self._posts)
        if goes_on:
            # An error of livedream itself keeps its traceback.
            trace = None if isinstance(error, LivedreamError) else error
            log.warning("%s; the run goes on without it", post.fault, exc_info=trace)
        else:
            self._note(error)
            self._cut()

    # How it ends

    def _note(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self._cut_short = True

    def _cut(self) -> None:
        """Let no more frames into the dreamer; all else follows from there. A picture in the middle is given up."""
        self._cut_short = self._gives_up = True
        self._captured.discard()
        if self._playback is not None:
            self._playback.stop()

    def to_the_end(self) -> Report:
        windows = [post for post in self._posts if post.thread is None]
        try:
            self._capture_thread.start()
            for thread in self._dream_threads:
                thread.start()
            for post in self._posts:
                if post.thread is not None:
                    post.thread.start()
            while windows or self._dream_threads[-1].is_alive():
                self._apply_changes()
                windows = [post for post in windows if self._attend(post)]
                if not windows:
                    self._dream_threads[-1].join(TICK_SECONDS)
                self._tell()
            self._join()
        except BaseException as error:  # noqa: BLE001  raised below, once the threads have ended
            self._note(error)
            self._cut()
            for post in windows:
                post.box.discard()
            self._join_in_any_case()
        report = self._report()
        try:
            self._on_progress(report)
        finally:
            if self._error is not None:
                raise self._error
        return report

    def _join(self) -> None:
        for thread in self._dream_threads:
            while thread.is_alive():
                thread.join(TICK_SECONDS)
                self._tell()
        for post in self._posts:
            self._join_sink(post)
        self._apply_changes()  # who comes too late is closed
        if self._capture_thread.is_alive():
            self._capture_thread.join(PATIENCE_SECONDS)
        if self._capture_thread.is_alive() and not self._source_closed:
            self._source_closed = True
            self._source.close()
        since = time.perf_counter()
        while self._capture_thread.is_alive():
            self._capture_thread.join(TICK_SECONDS)
            self._tell()
            if self._end_seconds is not None and time.perf_counter() - since > self._end_seconds:
                cure = "its driver hangs: unplug it, or start the machine again"
                self._note(SourceError(f"{self._source.name} does not let go of its thread", cure))
                return

    def _join_sink(self, post: SinkWorker) -> None:
        while post.thread is not None and post.thread.is_alive() and not post.sink.given_up:
            post.thread.join(TICK_SECONDS)
            if self._end_seconds is not None and post.busy_seconds() > self._end_seconds:
                # In this order: the thread may wake up now.
                self._fail(post, SinkError(f"{post.sink.name} hangs, and was given up", "what it got may be lost"))
                post.sink.given_up = True
            self._tell()  # last, for it may raise

    def _join_in_any_case(self) -> None:
        while True:
            try:
                return self._join()
            except BaseException as error:  # noqa: BLE001  Ctrl-C once more, or the source failed to close
                self._note(error)
                if isinstance(error, KeyboardInterrupt):
                    self._end_seconds = QUICK_SECONDS
                for post in self._posts:
                    post.box.discard()

    def _tell(self) -> None:
        now = time.perf_counter()
        if now - self._told >= TICK_SECONDS:
            self._told = now
            self._on_progress(self._report())

    def _report(self) -> Report:
        posts = self._posts
        slow = _said(
            self._governor.notice if self._governor is not None else None,
            self._playback.notice if self._playback is not None else None,
        )
        others = _said(self._steps.notice, *(post.notice for post in posts))
        return self._meter.report(
            self._captured.dropped,
            [post.box.dropped for post in posts],
            [post.fault for post in posts],
            [*_said(self._source.notice), *slow, *others],
            slow,
            self._step,
        )


def _said(*notices: str | None) -> list[str]:
    return [notice for notice in notices if notice is not None]
