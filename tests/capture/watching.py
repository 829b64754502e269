"""Somebody who takes the frames of a live source, and somebody who waits for what must happen."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from livedream.capture.source import Source


def until(true: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait for what must happen soon; return how long it took, in seconds."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + seconds, "it did not happen"
        threading.Event().wait(0.01)
    return time.monotonic() - began


class Watching:
    """Takes the frames of a source on a thread of its own, as the pipeline does; closes the source in the end."""

    def __init__(self, source: Source) -> None:
        self.source, self.count = source, 0
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._take, name="livedream-test")

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _take(self) -> None:
        try:
            for _ in self.source:
                self.count += 1
        except Exception as error:  # noqa: BLE001  for the test to look at
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()
        self._thread.join(10)
