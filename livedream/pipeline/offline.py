"""The rules for a source that waits: every frame is dreamt and written, and the slowest sets the pace."""

from typing import TypeVar

from livedream.pipeline.frame_queue import FrameQueue
from livedream.sink.sink import Sink

Item = TypeVar("Item")

DEPTH = 4
"""Frames that wait at each hand-off: enough to keep all threads busy, few enough for films of any size."""


class OfflinePolicy:
    """Nothing is dropped but what a window has no time to show: a window does not slow a film down."""

    closing_ends_all = False
    """A film is finished although somebody closed the window that showed it."""

    dream_first = True
    """The dream sets the pace, so no decoder should take its core from it: 5 to 10 % more frames on two cores."""

    sinks_fail_alone = False
    """Who dreams a film into two files wants both of them."""
    end_seconds: float | None = None
    """A film takes what time it needs to be complete."""

    def capture_box(self) -> FrameQueue[Item]:
        return FrameQueue(DEPTH, wait=True)

    def sink_box(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1, wait=False) if sink.live else FrameQueue(DEPTH, wait=True)
