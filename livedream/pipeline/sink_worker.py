"""One sink of a run: its queue, its thread and its state."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint
from livedream.pipeline.frame_queue import FrameQueue
from livedream.sink.sink import Sink

STUCK_SECONDS = 3.0
"""Seconds that a sink may be busy with one frame before a notice says so."""


class TimedFrame(NamedTuple):
    """A frame with the time of its capture."""

    frame: Frame
    captured_at: float
    """Seconds on the clock of the meter."""
    checkpoint: Checkpoint | None = None
    """The state of the dreamer before this frame, if the journal needs it."""


class SinkWorker:
    """A sink with its queue and its thread."""

    def __init__(self, number: int, sink: Sink, queue: FrameQueue[TimedFrame]) -> None:
        self.number = number
        self.sink = sink
        self.queue = queue
        self.thread: threading.Thread | None = None
        """None for a sink that works on the main thread."""
        self.open = True
        """False once it takes no more frames: it is finished, has failed or was removed."""
        self.removed = False
        self.closes = False
        """Whether its thread closes the sink at the end."""
        self.fault: str | None = None
        """The message of the error that took it out of the run."""
        self.begun = False
        """Whether the sink has its first frame, with which a window opens."""
        self.busy_since: float | None = None
        """When its present call began; None while it waits."""

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Mark the sink as busy inside the block."""
        self.busy_since = time.perf_counter()
        try:
            yield
        finally:
            self.busy_since = None

    def busy_seconds(self) -> float:
        since = self.busy_since
        return 0.0 if since is None else time.perf_counter() - since

    @property
    def notice(self) -> str | None:
        """What users should know about it: its error, that it hangs, or its own notice."""
        if self.fault is not None:
            return self.fault
        busy = self.busy_seconds()
        if busy > STUCK_SECONDS:
            return f"{self.sink.name} has taken no frame for {busy:.0f} s"
        return self.sink.notice
