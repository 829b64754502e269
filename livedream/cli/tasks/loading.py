"""Import torch: it takes about a second, during which a source opens and a window shows it."""

import sys
import threading

import livedream_launcher
from livedream.cli.activity import Activity
from livedream.dream.compute.importing import import_torch

LAST_SECONDS = 0.3
"""How long the import waits for the first picture in a window; a camera may take a second to open. Python's lock and
that of the linker, which it holds for most of its time, would keep the window waiting."""


class _Loading:
    """The import of torch on a thread of its own."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.go = threading.Event()
        """Set when the import need not wait any more for what should come before it."""
        # No daemon: Python must not end while torch's libraries run what they do when they are loaded. The command
        # `livedream` does not wait for it, see livedream_launcher.
        self.thread = threading.Thread(target=self._load, name=livedream_launcher.LOADER)
        self.thread.start()

    def _load(self) -> None:
        try:
            self.go.wait(LAST_SECONDS)
            import_torch()
        except BaseException as error:  # noqa: BLE001  raised by load_torch
            self.error = error


_loading: _Loading | None = None


def begin_loading() -> None:
    """Begin to import torch on a thread, if it is not imported yet and the process is ours.

    Other threads are not hindered before `go_on_loading`.
    """
    global _loading
    if _loading is None and livedream_launcher.owns_process and "torch" not in sys.modules:
        _loading = _Loading()


def go_on_loading() -> None:
    """Let the import go on, now that a window shows something, or nothing has to be shown."""
    if _loading is not None:
        _loading.go.set()


def is_loading() -> bool:
    """Return whether torch is being imported on a thread, which nothing can interrupt."""
    return _loading is not None and _loading.thread.is_alive()


def load_torch() -> None:
    """Import torch, or wait until that is done, and show it meanwhile. Any thread may call it.

    Raises what the import raises.
    """
    if _loading is None:
        if "torch" not in sys.modules:
            with Activity("loading PyTorch"):
                import_torch()
        return
    if threading.current_thread() is threading.main_thread():
        go_on_loading()  # it has nothing to show
    if _loading.thread.is_alive():
        with Activity("loading PyTorch"):
            _loading.thread.join()
    if _loading.error is not None:
        raise _loading.error
