"""Imports torch on a thread. It takes about a second, during which a source is opened and shown in a window."""

import sys
import threading

import livedream_startup
from livedream.cli.activity import Activity
from livedream.dream.compute.importing import importing_torch

LAST_SECONDS = 0.3
"""How long the import waits for the first picture in a window; a camera may take a second to open. The import holds
Python's lock and that of the linker most of the time, so the window would have to wait."""


class _Loading:
    """The import of torch on a separate thread."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.go = threading.Event()
        """Set when the import need not wait any longer."""
        # Not a daemon: Python must not end while the libraries of torch are being initialized. The command `livedream`
        # does not wait for the thread, see livedream_startup.
        self.thread = threading.Thread(target=self._load, name=livedream_startup.LOADER)
        self.thread.start()

    def _load(self) -> None:
        try:
            self.go.wait(LAST_SECONDS)
            _import()
        except BaseException as error:  # noqa: BLE001  raised by load_torch
            self.error = error


def _import() -> None:
    with importing_torch():
        import livedream.dream.dreamer  # noqa: F401


_loading: _Loading | None = None


def begin_loading() -> None:
    """Start to import torch on a thread, unless it is imported already or the process is not ours.

    The import does not slow down other threads before `go_on_loading`.
    """
    global _loading
    if _loading is None and livedream_startup.owns_process and "torch" not in sys.modules:
        _loading = _Loading()


def go_on_loading() -> None:
    """Continue the import, because a window shows a picture, or there is nothing to show."""
    if _loading is not None:
        _loading.go.set()


def is_loading() -> bool:
    """Return whether torch is being imported on a thread, which cannot be interrupted."""
    return _loading is not None and _loading.thread.is_alive()


def load_torch() -> None:
    """Import torch, or wait for the thread that does, and show that. Any thread may call it.

    Raises what the import raises.
    """
    if _loading is None:
        if "torch" not in sys.modules:
            with Activity("loading PyTorch"):
                _import()
        return
    if threading.current_thread() is threading.main_thread():
        go_on_loading()  # the main thread shows nothing
    if _loading.thread.is_alive():
        with Activity("loading PyTorch"):
            _loading.thread.join()
    if _loading.error is not None:
        raise _loading.error
