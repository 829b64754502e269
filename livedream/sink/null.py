"""A sink that throws frames away: to measure, and to test."""

from livedream.frame import Frame
from livedream.sink.sink import Sink


class NullSink(Sink):
    """Counts frames and keeps none."""

    name = "nowhere"

    def __init__(self) -> None:
        self.count = 0

    def write(self, frame: Frame) -> None:
        self.count += 1

    def close(self) -> None:
        pass
