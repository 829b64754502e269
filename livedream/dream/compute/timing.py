"""Durations of the stages of a frame."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimes:
    """Seconds that each stage of one frame took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Context whose duration is added to `stage`. For the work of a GPU, see GpuTimer."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - start)
