"""A sink that discards frames, for measurements and tests."""

from livedream.frame import Frame
from livedream.sink.sink import Sink


class NullSink(Sink):
    """Counts frames and discards them."""

    name = "null"

    def __init__(self) -> None:
        self.count = 0

    def write(self, frame: Frame) -> None:
        self.count += 1

    def close(self) -> None:
        pass
