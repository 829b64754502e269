"""How a run hands frames over, when it ends and what a failure means: for live sources, for files, for playback."""

from typing import TypeVar

from livedream.pipeline.frame_queue import FrameQueue
from livedream.sink.sink import Sink

Item = TypeVar("Item")

DEPTH = 4
"""Frames in each queue of a run that loses none: enough to keep all threads busy, few enough for videos of any size."""
RECORDING_DEPTH = 16
"""Frames that wait for a slow recording, half a second of a camera: 100 MB at 1920x1080."""


class LivePolicy:
    """The newest frame wins. One frame waits for the dreamer and one for each display, so the delay cannot grow."""

    closing_ends_all = True
    """Whether a display that is closed ends the run: users close the window to stop."""
    end_seconds: float | None = 10.0
    """Seconds that a sink may be busy with one call after the last frame; then it is given up. None for no limit."""
    dream_first = False
    """Whether the other threads give way to the dream. A camera does not wait."""
    sinks_fail_alone = True
    """Whether the run continues without a sink that fails: a video call must not end because a disk is full."""

    def capture_queue(self) -> FrameQueue[Item]:
        return FrameQueue(1, on_full="drop_oldest")

    def sink_queue(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1 if sink.live else RECORDING_DEPTH, on_full="drop_oldest")


class OfflinePolicy:
    """Every frame is dreamt and written. Only a window drops frames, so that it does not slow a video down."""

    closing_ends_all = False
    """A video is completed although the window that showed it was closed."""
    end_seconds: float | None = None
    """A video takes the time that it needs to be complete."""
    dream_first = True
    """The dream is the slowest stage, so no decoder should take its core: 5 to 10 % more frames on two cores."""
    sinks_fail_alone = False
    """A run into two files should write both."""

    def capture_queue(self) -> FrameQueue[Item]:
        return FrameQueue(DEPTH, on_full="wait")

    def sink_queue(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1, on_full="drop_oldest") if sink.live else FrameQueue(DEPTH, on_full="wait")


class PlaybackPolicy(OfflinePolicy):
    """A video that is only watched: every frame is shown, and closing the window ends the run."""

    closing_ends_all = True
    end_seconds: float | None = 10.0
    dream_first = False
    """Beside busy programs, threads that give way would delay the frames of the others."""
    sinks_fail_alone = True
    """The window continues although a recording of it fails."""

    def sink_queue(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1 if sink.live else DEPTH, on_full="wait")
