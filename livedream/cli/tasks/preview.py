"""A live source in its window, undreamt, while what dreams is made ready."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from livedream.capture.previewed import PreviewedSource
from livedream.cli.tasks.loading import go_on_loading, is_loading
from livedream.frame import Frame
from livedream.sink.window.window_sink import WindowSink
from livedream.steps import StepReport

IDLE_SECONDS = 1 / 30
"""How long a window waits for a frame before it answers its keys again."""

Made = TypeVar("Made")


def show_until_made(
    source: PreviewedSource, window: WindowSink, make: Callable[[Callable[[StepReport], None]], Made]
) -> Made | None:
    """Show `source` in `window` while a thread does `make`; return what that returns, None where the window was closed.

    make: gets a function to call now and then, with how far it is; what that raises is to end it.

    Raises what `make` or the source raises. Called by the main thread, as a window is.
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
    """Nobody wants any more what is being made."""


class _Making(Generic[Made]):
    """What a thread makes."""

    def __init__(self, make: Callable[[Callable[[StepReport], None]], Made]) -> None:
        self._make = make
        self._cancelled = False
        self._made: list[Made] = []
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._work, name="livedream-prepare", daemon=True)
        self.thread.start()

    def result(self) -> Made:
        if self._error is not None:
            raise self._error
        return self._made[0]

    def cancel(self) -> None:
        """End it, if it has not ended yet, at its next step; the import of torch, which has none, ends unattended."""
        self._cancelled = True
        while self.thread.is_alive() and not is_loading():
            self.thread.join(IDLE_SECONDS)

    def _work(self) -> None:
        try:
            self._made.append(self._make(self._go_on))
        except BaseException as error:  # noqa: BLE001  raised by `result`
            self._error = error

    def _go_on(self, report: StepReport) -> None:
        if self._cancelled:
            raise _CancelledError
