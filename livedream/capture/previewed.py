"""A live source that can be watched before the iteration begins."""

import threading
from collections.abc import Iterator

from livedream.capture.source import Source
from livedream.capture.wrapped import WrappedSource
from livedream.frame import Frame


class PreviewedSource(WrappedSource):
    """A live `source`. From `begin` on, a thread reads its frames until the iteration begins.

    The iteration begins with the next frame: no frame is late, and none comes twice.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._error: Exception | None = None
        self._ends = False
        self._next: list[Frame] = []
        """The frame for which the thread was waiting when the iteration began."""
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._read, name="livedream-preview", daemon=True)
        self._thread.start()

    def newer(self, than: Frame | None, timeout: float) -> Frame | None:
        """Return the newest frame, waiting up to `timeout` seconds for another one than `than`.

        Returns None if no other frame has come. Raises what the source raises.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not than or self._error is not None, timeout)
            if self._error is not None:
                raise self._error
            return None if self._newest is than else self._newest

    def __iter__(self) -> Iterator[Frame]:
        if self._thread is not None:
            self._ends = True
            self._thread.join()  # until its next frame, or `close`
            if self._error is not None:
                raise self._error
        while self._next:
            yield self._next.pop()
        yield from self._source

    def close(self) -> None:
        self._ends = True
        super().close()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        try:
            for frame in self._source:
                if self._ends:
                    self._next.append(frame)
                    return
                with self._changed:
                    self._newest = frame
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001  raised where the frames are wanted
            with self._changed:
                self._error = error
                self._changed.notify_all()
