"""How fast a step of the relay goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_SMOOTH = 0.2
"""What the newest frame counts for in a mean."""


class StageTiming:
    """The mean times of a step, for the step before it: when does it want its next frame?"""

    def __init__(self) -> None:
        self.last = 0.0
        """Seconds of work at the last frame."""
        self.seconds = 0.0
        """Seconds of work at a frame."""
        self.cycle = 0.0
        """Seconds from taking a frame until it is ready for the next: its work, and waiting for the step after it."""
        self._began: float | None = None

    @contextmanager
    def measure(self) -> Iterator[None]:
        """A frame was taken, and is worked on inside the block."""
        self._began = began = time.perf_counter()
        yield
        self.last = time.perf_counter() - began
        self.seconds += _SMOOTH * (self.last - self.seconds)

    def ready(self) -> None:
        """The next frame may come."""
        if self._began is not None:
            self.cycle += _SMOOTH * (time.perf_counter() - self._began - self.cycle)
