"""Frames in a window of OpenCV's."""

import os
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.hints import either
from livedream.pixel_aspect import SQUARE
from livedream.sink.display import display_fault
from livedream.sink.keys import key_name
from livedream.sink.panel import Panel, Rows
from livedream.sink.sink import Sink
from livedream.sink.views import VIEWS

LARGEST = (1280, 720)
"""(width, height) in pixels of a new window at most; the user may drag it larger."""
REFRESH_SECONDS = 0.25
"""How often the text is asked for."""
FIRST = "livedream starts"
"""The title of the window that goes at once."""
WITHOUT = "write a file instead: " + either("--to out.mp4", 'open_sink("out.mp4")')


class WindowSink(Sink):
    """A window with the newest frame, or its source, and text over it. Keys do what they are bound to.

    Pixels that are not square are drawn in their shape. It closes, and the sink is finished, by q, by Esc, by `quit` or
    by its button.

    Works on the main thread alone: on macOS another one crashes the program (opencv/opencv#22602).
    Raises SinkError where no window can be opened, before OpenCV tries: it would end or hang the process.
    """

    live = True
    on_main_thread = True

    def __init__(self, title: str = "livedream", *, pixel_aspect: Fraction = SQUARE) -> None:
        fault, cure = _no_window_because()
        if fault:
            raise SinkError(f"cannot open a window: {fault}", cure)
        self.name = "window"
        self.text: Callable[[], Rows] = tuple
        """What stands over the picture, asked for a few times a second; nothing at first."""
        self._title = title
        self._pixel_aspect = pixel_aspect
        self._keys: dict[str, Callable[[], object]] = {"q": self.quit, "Esc": self.quit}
        self._text = Panel()
        self._text_due = 0.0
        self._help = Panel(centred=True)
        self._view = "dream"
        self._full_screen = False
        self._frame: Frame | None = None
        self._open = False
        self._seen = False
        self._finished = False

    # What one can do to it

    def bind(self, key: str, act: Callable[[], object]) -> None:
        """Let `act` be called on this thread when `key`, as `key_name` calls it, is pressed."""
        self._keys[key] = act

    def toggle_view(self, view: str) -> None:
        """Show `source` or `split` (see VIEWS), and the dream again when that is what it shows."""
        self._view = "dream" if self._view == view else view

    def toggle_full_screen(self) -> None:
        self._full_screen = not self._full_screen
        mode = cv2.WINDOW_FULLSCREEN if self._full_screen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def toggle_help(self, rows: Rows) -> None:
        """Show `rows` in the middle of the picture, and nothing there when it shows them."""
        self._help.rows = () if self._help.rows else rows

    def quit(self) -> None:
        """Close it: somebody has seen enough."""
        self._finished = True
        self.close()

    # A sink

    @property
    def finished(self) -> bool:
        return self._finished

    def write(self, frame: Frame) -> None:
        _require_main_thread()
        if self._finished:
            return
        self._frame = frame
        self._refresh()
        self._draw()
        self._answer()

    def idle(self) -> None:
        _require_main_thread()
        if not self._open or self._finished:
            return
        if self._refresh():  # "camera lost" is said over the picture that stands
            self._draw()
        self._answer()

    def close(self) -> None:
        if self._open:
            self._open = False
            if _visible(self._title):
                cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # lets the system take it away now

    def _refresh(self) -> bool:
        """Ask for the text, if it is time to. Returns whether it has changed."""
        now = time.monotonic()
        if now < self._text_due:
            return False
        self._text_due = now + REFRESH_SECONDS
        before, self._text.rows = self._text.rows, self.text()
        return before != self._text.rows

    def _draw(self) -> None:
        if self._frame is None:
            return
        # A picture of our own, on which text may be drawn.
        picture = cv2.cvtColor(squared(VIEWS[self._view](self._frame), self._pixel_aspect), cv2.COLOR_RGB2BGR)
        self._text.draw(picture)
        self._help.draw(picture)
        try:
            if not self._open:
                _connect()
                # Without GUI_NORMAL Qt adds a tool bar and lets letters zoom the picture.
                cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
                cv2.resizeWindow(self._title, *fit(square_size(self._frame.size, self._pixel_aspect)))
                self._open = True
            cv2.imshow(self._title, picture)
        except cv2.error as error:
            raise SinkError(f"the window failed: {error.err}", WITHOUT) from error

    def _answer(self) -> None:
        """Do what the keys ask for that were pressed, and notice when the window is closed."""
        # Never waitKey(0): it may not return once the window is gone (opencv#20822).
        key = key_name(cv2.waitKeyEx(1))
        # Some builds always say -1 (opencv#25346); so only one that was seen can be seen to go.
        visible = _visible(self._title)
        self._seen = self._seen or visible
        if self._seen and not visible:
            self.quit()
        elif key in self._keys:
            self._keys[key]()
            if not self._finished:
                self._text_due = 0.0
                self._refresh()
                self._draw()


def square_size(size: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """Return the size of a picture once its pixels are square: it grows in one way, and shrinks in none."""
    width, height = size
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def squared(pixels: np.ndarray, pixel_aspect: Fraction) -> np.ndarray:
    """Return the picture with square pixels: `pixels` itself when they are."""
    if pixel_aspect == SQUARE:
        return pixels
    size = square_size((pixels.shape[1], pixels.shape[0]), pixel_aspect)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)


def fit(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`, (width, height), made smaller in proportion where it is larger than the largest window."""
    scale = min(1.0, LARGEST[0] / size[0], LARGEST[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _connect() -> None:
    """Let Qt connect to the display, with a window that goes at once.

    The window with which Qt 5.15 connects may miss the event that says it is mapped, and then stays black and deaf to
    keys for good: 25 of 60 did with four busy processes on two cores. Of windows opened after it 0 of 28 did.
    """
    if _toolkit().startswith("QT"):
        cv2.namedWindow(FIRST, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)
        cv2.waitKeyEx(1)
        cv2.destroyWindow(FIRST)
        cv2.waitKeyEx(1)


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
