"""Shows a live source in its window, without a dream, while the network is loaded."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from livedream.capture.previewed import PreviewedSource
from livedream.cli.tasks.loading import go_on_loading, is_loading
from livedream.frame import Frame
from livedream.sink.window.window_sink import WindowSink
from livedream.steps import StepReport

IDLE_SECONDS = 1 / 30
"""How long a window waits for a frame before it handles keys again."""

Made = TypeVar("Made")


def show_until_made(
    source: PreviewedSource, window: WindowSink, make: Callable[[Callable[[StepReport], None]], Made]
) -> Made | None:
    """Show `source` in `window` while a thread runs `make`, and return its result; None if the window was closed.

    Must be called by the main thread, like a window. Raises what `make` or the source raises.

    make: gets a function to call from time to time with the progress; an exception from that function must end it.
    """
    making = _Making(make)
    newest: Frame | None = None
    source.begin()
    try:
        while making.thread.is_alive() and not window.finished:
            frame = source.newer(newest, IDLE_SECONDS)
            if frame is None:
                window.idle()
            else:
                newest = frame
                window.write(frame)
                go_on_loading()
    finally:
        making.cancel()
    if newest is not None:
        window.fade_in()
    return making.result() if not window.finished else None


class _CancelledError(Exception):
    """The result is no longer needed."""


class _Making(Generic[Made]):
    """A function that runs on a thread, and its result."""

    def __init__(self, make: Callable[[Callable[[StepReport], None]], Made]) -> None:
        self._make = make
        self._cancelled = False
        self._result: list[Made] = []
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._work, name="livedream-prepare", daemon=True)
        self.thread.start()

    def result(self) -> Made:
        if self._error is not None:
            raise self._error
        return self._result[0]

    def cancel(self) -> None:
        """End it at its next step, if it still runs. The import of torch has no steps, and is not waited for."""
        self._cancelled = True
        while self.thread.is_alive() and not is_loading():
            self.thread.join(IDLE_SECONDS)

    def _work(self) -> None:
        try:
            self._result.append(self._make(self._check_cancelled))
        except BaseException as error:  # noqa: BLE001  raised by `result`
            self._error = error

    def _check_cancelled(self, report: StepReport) -> None:
        if self._cancelled:
            raise _CancelledError
