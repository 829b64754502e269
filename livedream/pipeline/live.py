"""The rules for a source that does not wait: the newest frame wins, and what is late is dropped and counted."""

from typing import TypeVar

from livedream.pipeline.frame_queue import FrameQueue
from livedream.sink.sink import Sink

Item = TypeVar("Item")

RECORDING_DEPTH = 16
"""Frames that wait for a slow recording, half a second of a camera: 100 MB at 1920x1080."""


class LivePolicy:
    """One frame waits for the dreamer and one for each display, so the delay cannot grow."""

    closing_ends_all = True
    """Closing the window is how one stops."""
    end_seconds: float | None = 10.0
    """How long a sink may be busy with one thing, once no more frames come, before it is given up."""

    dream_first = False
    """A camera waits for nobody."""

    sinks_fail_alone = True
    """One that fails leaves the run, and the others go on: nobody's call ends because a disk is full."""

    def capture_box(self) -> FrameQueue[Item]:
        return FrameQueue(1, wait=False)

    def sink_box(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1 if sink.live else RECORDING_DEPTH, wait=False)
