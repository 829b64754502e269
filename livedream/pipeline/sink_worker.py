"""A sink in a run: the mailbox before it, the thread it works on, and what becomes of it."""

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
"""How long a sink may be busy with one frame before that is said."""


class TimedFrame(NamedTuple):
    """A frame on its way, and when it was captured."""

    frame: Frame
    captured_at: float
    """By the meter's clock."""
    checkpoint: Checkpoint | None = None
    """What the dreamer carried before this frame, where the journal wants to know."""


class SinkWorker:
    """Where a run delivers frames to one sink."""

    def __init__(self, number: int, sink: Sink, box: FrameQueue[TimedFrame]) -> None:
        self.number = number
        self.sink = sink
        self.box = box
        self.thread: threading.Thread | None = None
        """None for a sink of the main thread."""
        self.open = True
        """False once it takes no more frames, for a reason of its own: finished, failed or removed."""
        self.removed = False
        self.closes = False
        """Whether the sink is closed on its thread, when that ends."""
        self.fault: str | None = None
        """What it failed at."""
        self.begun = False
        """Whether the sink has its first frame: a window opens with it."""
        self.busy_since: float | None = None
        """Since when it has been at work on what it was given; None while it waits."""

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Note that the sink is at work inside the block."""
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
        """What somebody ought to know about it."""
        if self.fault is not None:
            return self.fault
        busy = self.busy_seconds()
        if busy > STUCK_SECONDS:
            return f"{self.sink.name} has taken no frame for {busy:.0f} s"
        return self.sink.notice
