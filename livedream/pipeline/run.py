"""One run: the threads from the source to the sinks, and how they end."""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, overload

import numpy as np

from livedream.capture.source import Source
from livedream.frame import Frame
from livedream.pipeline.journal import Checkpoint, Journal, Stateful
from livedream.pipeline.live import Live
from livedream.pipeline.mailbox import Ended, Mailbox
from livedream.pipeline.meter import Meter, Report
from livedream.pipeline.offline import Offline
from livedream.sink.sink import ResumableSink, Sink

IDLE_SECONDS = 1 / 30
"""How long a sink waits for a frame before it is idle."""
TICK_SECONDS = 0.1
"""How long the main thread waits at most before it looks up: some systems tell it of a signal only then."""
PATIENCE_SECONDS = 0.5
"""How long a source may take to notice by itself that nobody takes its frames: longer than a slow camera's frame."""


class Dreamer(Protocol):
    """What dreams: a frame of a stream, in order, or a picture (height, width, 3) by itself."""

    @overload
    def __call__(self, picture: Frame, /) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray, /) -> np.ndarray: ...


class Checkpoints(NamedTuple):
    """The journal of a run, with the one sink and the dreamer that it is about."""

    journal: Journal
    sink: ResumableSink
    dreamer: Stateful


def run(
    source: Source,
    dreamer: Dreamer,
    sinks: Sequence[Sink],
    *,
    on_progress: Callable[[Report], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Report:
    """Dream every frame of `source` into all `sinks`, until the source ends, and return what happened.

    A live source loses the frames for which there is no time, any other loses none. Call it on the main thread when a
    sink works there alone. It opens and closes nothing, but for a source whose thread it could not end otherwise.

    sinks: at least one. One that is `finished` gets no more frames; when none is left the run ends. A live run ends as
    soon as a live sink has finished: somebody closed the window.
    checkpoints: where the run notes how it could go on, if it should be cut off.
    on_progress: called on this thread some ten times a second, and once more at the very end, whatever the end. What it
    raises ends the run.

    Whatever the source, the dreamer, a sink or on_progress raises ends the run, and is raised again here, once all
    threads have ended; of several the first. Frames already dreamt are still written. So it is with KeyboardInterrupt;
    a second one gives up the frames that wait for the sinks.
    """
    if not sinks:
        raise ValueError("a run needs at least one sink")
    return _Run(source, dreamer, sinks, on_progress or (lambda report: None), checkpoints).to_the_end()


class _Dated(NamedTuple):
    frame: Frame
    captured_at: float
    """By the meter's clock."""
    checkpoint: Checkpoint | None = None
    """What the dreamer carried before this frame, where the journal wants to know."""


class _Post(NamedTuple):
    """A sink and the mailbox before it."""

    number: int
    sink: Sink
    box: Mailbox[_Dated]


class _Run:
    def __init__(
        self,
        source: Source,
        dreamer: Dreamer,
        sinks: Sequence[Sink],
        on_progress: Callable[[Report], None],
        checkpoints: Checkpoints | None,
    ) -> None:
        self._source = source
        self._dreamer = dreamer
        self._on_progress = on_progress
        self._checkpoints = checkpoints
        self._told = -TICK_SECONDS
        self._rules: Live | Offline = Live() if source.live else Offline()
        self._captured: Mailbox[_Dated] = self._rules.capture_box()
        self._posts = [_Post(number, sink, self._rules.sink_box(sink)) for number, sink in enumerate(sinks)]
        self._meter = Meter([sink.name for sink in sinks])

        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._exhausted = False
        self._cut_short = False
        self._source_closed = False

        self._capture_thread = self._thread("capture", self._capture)
        self._other_threads = [self._thread("dream", self._dream)]
        for post in self._posts:
            if not post.sink.on_main_thread:
                self._other_threads.append(self._thread(f"sink-{post.sink.name}", functools.partial(self._serve, post)))

    # What each thread does

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def body() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  the main thread raises it
                self._note(error)

        return threading.Thread(target=body, name=f"livedream-{name}")

    def _capture(self) -> None:
        try:
            for frame in self._source:
                if not self._captured.put(_Dated(frame, self._meter.captured())):
                    return
            self._exhausted = True
        finally:
            self._captured.close()  # what came before a failure is still dreamt

    def _dream(self) -> None:
        try:
            while True:
                try:
                    frame, captured_at, _ = self._captured.take()
                except Ended:
                    return
                checkpoint = self._checkpoint_before(frame)
                dream = _Dated(self._dream_of(frame), captured_at, checkpoint)
                self._meter.dreamt()
                taken = [post.box.put(dream) for post in self._posts]
                if not any(taken):
                    return
        finally:
            self._captured.discard()
            for post in self._posts:
                post.box.close()

    def _dream_of(self, frame: Frame) -> Frame:
        if self._source.stills:
            return frame.with_pixels(self._dreamer(frame.pixels))
        return self._dreamer(frame)

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

    def _serve(self, post: _Post) -> None:
        try:
            while self._turn(post):
                pass
        except BaseException:
            self._cut()
            raise
        finally:
            post.box.discard()

    def _turn(self, post: _Post) -> bool:
        """Give a sink its next frame, or let it idle. Returns False when it needs no more turns."""
        try:
            frame, captured_at, checkpoint = post.box.take(IDLE_SECONDS)
        except TimeoutError:
            post.sink.idle()
        except Ended:
            if self._exhausted and not self._cut_short:
                post.sink.end()
            return False
        else:
            self._write(post.sink, frame, checkpoint)
            self._meter.written(post.number, captured_at)
        if post.sink.finished:
            post.box.discard()
            if post.sink.live and self._rules.closing_ends_all:
                self._cut()
            return False
        return True

    # How it ends

    def _note(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self._cut_short = True

    def _cut(self) -> None:
        """Let no more frames into the dreamer; all else follows from there."""
        self._cut_short = True
        self._captured.discard()

    def to_the_end(self) -> Report:
        try:
            self._capture_thread.start()
            for thread in self._other_threads:
                thread.start()
            windows = [post for post in self._posts if post.sink.on_main_thread]
            while windows:
                windows = [post for post in windows if self._turn(post)]
                self._tell()
            self._join()
        except BaseException as error:  # noqa: BLE001  raised below, once the threads have ended
            self._note(error)
            self._cut()
            for post in self._posts:
                if post.sink.on_main_thread:
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
        for thread in self._other_threads:
            while thread.is_alive():
                thread.join(TICK_SECONDS)
                self._tell()
        if self._capture_thread.is_alive():
            self._capture_thread.join(PATIENCE_SECONDS)
        if self._capture_thread.is_alive() and not self._source_closed:
            self._source_closed = True
            self._source.close()
        while self._capture_thread.is_alive():
            self._capture_thread.join(TICK_SECONDS)
            self._tell()

    def _join_in_any_case(self) -> None:
        while True:
            try:
                return self._join()
            except BaseException as error:  # noqa: BLE001  Ctrl-C once more, or the source failed to close
                self._note(error)
                for post in self._posts:
                    post.box.discard()

    def _tell(self) -> None:
        now = time.perf_counter()
        if now - self._told >= TICK_SECONDS:
            self._told = now
            self._on_progress(self._report())

    def _report(self) -> Report:
        return self._meter.report(self._captured.dropped, [post.box.dropped for post in self._posts])
