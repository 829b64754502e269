"""Frames in a window of OpenCV's."""

import os
import sys
import threading
from pathlib import Path

import cv2

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.sink.display import display_fault
from livedream.sink.sink import Sink

LARGEST = (1280, 720)
"""(width, height) in pixels of a new window at most; the user may drag it larger."""
KEYS = (ord("q"), ord("Q"), 27)
"""q and Esc close it."""
WITHOUT = "write a file instead: --to out.mp4"


class WindowSink(Sink):
    """A window with the newest frame. It closes, and the sink is finished, by q, by Esc or by its button.

    Works on the main thread alone: on macOS another one crashes the program (opencv/opencv#22602).
    Raises SinkError where no window can be opened, before OpenCV tries: it would end or hang the process.
    """

    live = True
    on_main_thread = True

    def __init__(self, title: str = "livedream") -> None:
        fault, cure = _no_window_because()
        if fault:
            raise SinkError(f"cannot open a window: {fault}", cure)
        self.name = "window"
        self._title = title
        self._open = False
        self._seen = False
        self._finished = False

    @property
    def finished(self) -> bool:
        return self._finished

    def write(self, frame: Frame) -> None:
        _require_main_thread()
        if self._finished:
            return
        try:
            if not self._open:
                # Without GUI_NORMAL Qt adds a tool bar and lets letters zoom the picture.
                cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
                cv2.resizeWindow(self._title, *fit(frame.size))
                self._open = True
            cv2.imshow(self._title, cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))
        except cv2.error as error:
            raise SinkError(f"the window failed: {error.err}", WITHOUT) from error
        self.idle()

    def idle(self) -> None:
        _require_main_thread()
        if not self._open or self._finished:
            return
        key = cv2.waitKey(1) & 0xFF  # never waitKey(0): it may not return once the window is gone (opencv#20822)
        # Some builds always say -1 (opencv#25346); so only one that was seen can be seen to go.
        visible = _visible(self._title)
        self._seen = self._seen or visible
        if key in KEYS or (self._seen and not visible):
            self._finished = True
            self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            if _visible(self._title):
                cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # lets the system take it away now


def fit(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`, (width, height), made smaller in proportion where it is larger than the largest window."""
    scale = min(1.0, LARGEST[0] / size[0], LARGEST[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _visible(title: str) -> bool:
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # what Qt says of a window that is gone
        return False


def _require_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a window belongs to the main thread")


def _no_window_because() -> tuple[str, str]:
    """Return why no window can be opened here, and what to do; two empty texts when it can."""
    toolkit = _toolkit()
    if not toolkit:
        return "this OpenCV is built without windows", "pip uninstall opencv-python-headless; pip install opencv-python"
    if sys.platform != "linux":
        return "", ""
    if toolkit.startswith("QT"):
        # PyAV brings its own libxcb, and Qt binds to it: imshow hangs (opencv/opencv#29195).
        loaded = [name for name in sys.modules if name in ("av", "cv2")]
        if loaded == ["av", "cv2"]:
            return "av was imported before cv2", "import livedream, or cv2, before av and before what imports av"
    if _has_only_xcb():
        wanted = os.environ.get("QT_QPA_PLATFORM", "")
        if wanted and "xcb" not in wanted.split(":")[0].split(";"):
            return f"OpenCV's Qt has no {wanted} (QT_QPA_PLATFORM)", "unset QT_QPA_PLATFORM, or set it to xcb"
    elif os.environ.get("WAYLAND_DISPLAY"):
        return "", ""
    fault = display_fault(os.environ.get("DISPLAY", ""))
    return (fault, WITHOUT) if fault else ("", "")


def _toolkit() -> str:
    """Return what draws OpenCV's windows (QT, GTK3, COCOA, WIN32), "" in a headless build. Opens nothing."""
    try:
        return cv2.currentUIFramework()
    except (cv2.error, AttributeError):
        return ""


def _has_only_xcb() -> bool:
    """Return whether this OpenCV brings its own Qt, which knows X11 alone."""
    plugins = Path(cv2.__file__).parent / "qt" / "plugins" / "platforms"
    return [plugin.name for plugin in plugins.glob("*.so")] == ["libqxcb.so"]
