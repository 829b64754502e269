"""The sinks of a run: what each of them does with its frames, and how they join, leave and fail."""

import functools
import logging
import threading
from collections.abc import Callable, Iterable

from livedream.capture.source import Source
from livedream.errors import LivedreamError
from livedream.faults import explain
from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint, Checkpoints
from livedream.pipeline.frame_queue import Ended
from livedream.pipeline.meter import Meter
from livedream.pipeline.playback import Playback
from livedream.pipeline.policies import LivePolicy, OfflinePolicy
from livedream.pipeline.run_state import RunState
from livedream.pipeline.sink_changes import Change
from livedream.pipeline.sink_worker import SinkWorker, TimedFrame
from livedream.sink.sink import Sink

_log = logging.getLogger(__name__)

IDLE_SECONDS = 1 / 30
"""How long a sink waits for a frame before `Sink.idle` is called."""


class SinkGroup:
    """The sinks of one run, each with its queue and, unless it needs the main thread, its own thread.

    Args:
        sinks: those that the run begins with.
        source: the source of the run, which knows whether frames are missing.
        cut: ends the run early.
    """

    def __init__(
        self,
        sinks: Iterable[Sink],
        source: Source,
        policy: LivePolicy | OfflinePolicy,
        *,
        meter: Meter,
        state: RunState,
        cut: Callable[[], None],
        checkpoints: Checkpoints | None,
        playback: Playback | None,
    ) -> None:
        self._source = source
        self._policy = policy
        self._meter = meter
        self._state = state
        self._cut = cut
        self._checkpoints = checkpoints
        self._playback = playback
        self._lock = threading.Lock()
        self._all_dreamed = False
        """Whether the last frame was delivered: no sink can join any more."""
        self.workers = tuple(self._new_worker(sink) for sink in sinks)
        """Replaced as a whole, because several threads read it."""

    def _new_worker(self, sink: Sink) -> SinkWorker:
        worker = SinkWorker(self._meter.add_sink(sink.name), sink, self._policy.sink_queue(sink))
        if not sink.on_main_thread:
            worker.closes = self._policy.sinks_fail_alone
            worker.thread = self._state.thread(f"sink-{sink.name}", functools.partial(self._serve, worker))
        return worker

    def deliver(self, dream: TimedFrame) -> bool:
        """Queue a frame for every sink; return whether any of them takes it."""
        taken = [worker.queue.put(dream) for worker in self.workers]
        return any(taken)

    def is_seen(self) -> bool:
        """Return whether each display has its first frame."""
        return all(worker.begun for worker in self.workers if worker.sink.live and worker.open)

    def close_queues(self) -> None:
        """No more frames come; each sink still gets those in its queue."""
        with self._lock:
            self._all_dreamed = True
        for worker in self.workers:
            worker.queue.close()

    def _write(self, sink: Sink, frame: Frame, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None or self._checkpoints is None or sink is not self._checkpoints.sink:
            sink.write(frame)
            return
        self._checkpoints.sink.write_key(frame)
        self._checkpoints.journal.save(checkpoint)

    def _serve(self, worker: SinkWorker) -> None:
        while self.attend(worker):
            pass
        worker.queue.discard()
        if worker.closes:
            try:
                with worker.busy():
                    worker.sink.close()
            except Exception as error:  # noqa: BLE001  the run reports or raises it
                self.fail(worker, error)

    def attend(self, worker: SinkWorker) -> bool:
        """Give a sink its next frame, or let it idle. Return False when it takes no more frames."""
        try:
            return self._turn(worker)
        except Exception as error:  # noqa: BLE001  the run reports or raises it
            self.fail(worker, error)
            return False

    def _turn(self, worker: SinkWorker) -> bool:
        try:
            frame, captured_at, checkpoint = worker.queue.take(IDLE_SECONDS)
        except TimeoutError:
            worker.sink.idle()
        except Ended:
            if worker.removed or (self._state.exhausted and not self._state.cut_short):
                worker.sink.source_ended_early = self._source.ended_early is not None or self._source.lost > 0
                with worker.busy():
                    worker.sink.end()
            return False
        else:
            with worker.busy():
                self._write(worker.sink, frame, checkpoint)
            self._meter.written(worker.number, captured_at)
            if not worker.begun:
                worker.begun = True
                if self._playback is not None:
                    self._playback.seen()
        if worker.sink.finished:
            worker.open = False
            worker.queue.discard()
            if worker.sink.live and self._policy.closing_ends_all:
                self._cut()
            elif worker.sink.live and self._playback is not None:
                self._playback.resume()  # its key is gone with the window
            return False
        return True

    def apply(self, changes: Iterable[Change]) -> None:
        """Let sinks join and leave."""
        for change in changes:
            if change.joins:
                self._admit(change.sink)
            else:
                self._dismiss(change.sink)

    def _admit(self, sink: Sink) -> None:
        with self._lock:
            worker = None if self._all_dreamed else self._new_worker(sink)
            if worker is not None:
                self.workers = (*self.workers, worker)
        if worker is None or worker.thread is None:
            sink.close()
        else:
            worker.closes = True
            worker.thread.start()

    def _dismiss(self, sink: Sink) -> None:
        for worker in self.workers:
            if worker.sink is sink:
                worker.removed = worker.closes = True
                worker.open = False
                worker.queue.close()

    def fail(self, worker: SinkWorker, error: Exception) -> None:
        """Take a sink out of the run, and end the run if its policy says so or no other sink is left."""
        if worker.sink.given_up:
            return  # already reported
        worker.queue.discard()
        with self._lock:
            worker.open = False
            worker.fault = (
                str(error)
                if isinstance(error, LivedreamError)
                else f"{worker.sink.name} failed: {explain(error).message}"
            )
            continues = self._policy.sinks_fail_alone and any(other.open for other in self.workers)
        if continues:
            # An error of livedream itself keeps its traceback.
            trace = None if isinstance(error, LivedreamError) else error
            _log.warning("%s; the run continues without it", worker.fault, exc_info=trace)
        else:
            self._state.note(error)
            self._cut()
