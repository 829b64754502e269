"""The first frames of a video, as a source."""

from fractions import Fraction
from pathlib import Path

from livedream.capture.video import VideoSource


def open_first_frames(video: Path, count: int) -> VideoSource:
    """Open the first `count` frames of `video`; where the rate is unknown, 25 frames per second are assumed."""
    with VideoSource(video) as source:
        end = Fraction(count) / (source.rate or 25)
    return VideoSource(video, end=end)
