"""Shows frames in a window of OpenCV."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import cv2

from livedream.errors import SinkError
from livedream.formats.pixel_aspect import SQUARE
from livedream.frame import Frame
from livedream.hints import either
from livedream.sink.sink import Sink
from livedream.sink.window.canvas import Canvas
from livedream.sink.window.fade import Fade
from livedream.sink.window.keycodes import key_name
from livedream.sink.window.monitors import monitor, monitor_at
from livedream.sink.window.placement import Placement
from livedream.sink.window.pointer import hide_pointer
from livedream.sink.window.text_overlay import Rows, TextOverlay
from livedream.sink.window.views import VIEWS
from livedream.sink.window.x11 import X11
from livedream.sink.window.x11_probe import display_error

LARGEST = (1280, 720)
"""The largest (width, height) of a new window, in pixels. The user may enlarge it further."""
SMALLEST = (320, 240)
"""A smaller image is enlarged until it is as wide or as high, so that text is readable and the window easy to click."""
_MOST_UNHANDLED = 8
"""Keys that are remembered until they have an action."""
REFRESH_SECONDS = 0.25
"""How often the text is updated."""
ESC_REPEAT_SECONDS = 1.0
"""How long Esc does nothing after it left full screen, because a key that is held down repeats."""
SETTLING_SECONDS = 1.0
"""How long the system may take to show a window that was opened."""
FIRST = "livedream starts"
"""The title of the window that is closed at once, see `_connect`."""
USE_A_FILE = "write a file instead: " + either("--to out.mp4", 'open_sink("out.mp4")')


class WindowSink(Sink):
    """A window that shows the newest frame, or its source, with text over it, and handles keys.

    The image is scaled to the window, undistorted (also if its pixels are not square) and centred on black. The text is
    drawn at the size of the window. The key f toggles full screen, which hides the pointer. The key q, Esc outside full
    screen, `quit` and the close button close the window; then the sink is finished.

    It works only on the main thread: on macOS any other thread crashes the program (opencv/opencv#22602).

    Args:
        title: The title of the window; by default that of the placement.
        pixel_aspect: The width of a pixel of the frames over its height.
        placement: Where and how the window appears.

    Raises:
        SinkError: No window can be opened, which is checked first because OpenCV would end or hang the process; or the
            monitor does not exist.
    """

    live = True
    on_main_thread = True

    def __init__(
        self, title: str | None = None, *, pixel_aspect: Fraction = SQUARE, placement: Placement | None = None
    ) -> None:
        reason, hint = _window_error()
        if reason:
            raise SinkError(f"cannot open a window: {reason}", hint)
        self._placement = placement or Placement()
        self._monitor = None if self._placement.monitor is None else monitor(self._placement.monitor)
        self.name = "window"
        self.text: Callable[[], Rows] = tuple
        """Returns the text over the image. It is called a few times per second; at first it returns nothing."""
        self._title = title or self._placement.title
        self._pixel_aspect = pixel_aspect
        self._keys: dict[str, Callable[[], object]] = {
            "q": self.quit,
            "Esc": self.leave,
            "f": self.toggle_full_screen,
        }
        self._unhandled: deque[str] = deque(maxlen=_MOST_UNHANDLED)
        """Pressed keys that have no action yet: a window shows its source before the dream handles keys."""
        self._text = TextOverlay()
        self._text_due = 0.0
        self._help = TextOverlay(centred=True)
        self._view = "dream"
        self._canvas = Canvas()
        self._fade = Fade()
        self._drawn: tuple[int, int] | None = None
        """(width, height) of the window when it was last drawn."""
        self._full_screen = self._placement.full_screen
        self._left_full_screen = -ESC_REPEAT_SECONDS
        self._full_screen_changes = ExitStack()
        """Undoes the changes of full screen when it is closed."""
        self._frame: Frame | None = None
        self._open = False
        self._opened = 0.0
        self._was_visible = False
        self._finished = False

    # Control

    def bind(self, key: str, act: Callable[[], object]) -> None:
        """Call `act` on this thread when `key` (a name from `key_name`) is pressed, or if it was pressed before."""
        self._keys[key] = act

    @property
    def view(self) -> str:
        """What the window shows of a frame, a key of `VIEWS`."""
        return self._view

    @property
    def full_screen(self) -> bool:
        return self._full_screen

    def toggle_view(self, view: str) -> None:
        """Show `source` or `split` (see `VIEWS`), or the dream again if the window shows that already."""
        self._view = "dream" if self._view == view else view

    def toggle_full_screen(self) -> None:
        self._full_screen = not self._full_screen
        if not self._open:  # it will open in full screen
            return
        if self._full_screen:
            self._fill_screen()
        else:
            self._full_screen_changes.close()
            self._left_full_screen = time.monotonic()

    def fade_in(self) -> None:
        """Fade from the source, which was shown until now, to the dream from the next frame on."""
        self._fade.begin()

    def toggle_help(self, rows: Rows) -> None:
        """Show `rows` in the middle of the window, or hide them if they are shown."""
        self._help.rows = () if self._help.rows else rows

    def leave(self) -> None:
        """Leave full screen, or close the window if it is not in full screen."""
        if self._full_screen:
            self.toggle_full_screen()
        elif time.monotonic() - self._left_full_screen >= ESC_REPEAT_SECONDS:
            self.quit()

    def quit(self) -> None:
        """Close the window."""
        self._finished = True
        self.close()

    # The contract of a sink

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
        self._handle_keys()

    def idle(self) -> None:
        _require_main_thread()
        if not self._open or self._finished or self._frame is None:
            return
        changed = self._refresh()  # a text such as "camera lost" appears over the last frame
        if changed or self._size(self._frame) != self._drawn:
            self._draw()
        self._handle_keys()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._full_screen_changes.close()
            if _visible(self._title):
                cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # lets the system remove the window now

    def _refresh(self) -> bool:
        """Update the text if it is due. Return whether it has changed."""
        now = time.monotonic()
        if now < self._text_due:
            return False
        self._text_due = now + REFRESH_SECONDS
        if self._open and now < self._opened + SETTLING_SECONDS:
            _announce_mapped(self._title)
        before, self._text.rows = self._text.rows, self.text()
        return before != self._text.rows

    def _draw(self) -> None:
        if self._frame is None:
            return
        try:
            if not self._open:
                self._show(self._frame)
            self._drawn = self._size(self._frame)
            image = VIEWS[self._view](self._fade.apply(self._frame))
            pixels = self._canvas.compose(image, self._drawn, self._pixel_aspect)
            self._help.draw(pixels, top=self._text.draw(pixels))
            cv2.imshow(self._title, pixels)
        except cv2.error as error:
            raise SinkError(f"the window failed: {error.err}", USE_A_FILE) from error

    def _show(self, frame: Frame) -> None:
        """Open the window at its place."""
        _connect()
        # Without GUI_NORMAL Qt adds a tool bar, and letter keys zoom the image. With KEEPRATIO it fills a part of the
        # window with the colour of the desktop.
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        size = fit(square_size(frame.size, self._pixel_aspect))
        cv2.resizeWindow(self._title, *size)
        corner = self._placement.corner(size, self._monitor)
        if corner is not None:
            cv2.moveWindow(self._title, *corner)
        self._open = True
        self._opened = time.monotonic()
        cv2.waitKeyEx(1)  # the system must know the window first, and its monitor
        _announce_mapped(self._title)
        if self._full_screen:
            self._fill_screen()

    def _fill_screen(self) -> None:
        """Cover the monitor of the window, and hide the pointer, until full screen ends."""
        if _has_window_manager():
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
            self._full_screen_changes.callback(
                self._unless_gone, cv2.setWindowProperty, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_NORMAL
            )
        else:
            left, top, width, height = cv2.getWindowImageRect(self._title)
            screen = monitor_at(left + width // 2, top + height // 2)
            cv2.moveWindow(self._title, screen.left, screen.top)
            cv2.resizeWindow(self._title, screen.width, screen.height)
            self._full_screen_changes.callback(self._unless_gone, cv2.moveWindow, left, top)
            self._full_screen_changes.callback(self._unless_gone, cv2.resizeWindow, width, height)
        self._full_screen_changes.callback(hide_pointer(self._title))

    def _unless_gone(self, act: Callable[..., object], *arguments: int) -> None:
        """Call a function on the window unless it was closed."""
        if _visible(self._title):
            act(self._title, *arguments)

    def _size(self, frame: Frame) -> tuple[int, int]:
        """Return the (width, height) of the content of the window, in pixels."""
        try:
            _, _, width, height = cv2.getWindowImageRect(self._title)
        except cv2.error:  # closed a moment ago
            width = height = 0
        # A toolkit that does not report it scales the image itself.
        return (width, height) if min(width, height) > 0 else square_size(frame.size, self._pixel_aspect)

    def _handle_keys(self) -> None:
        """Handle the keys that were pressed, and notice when the window was closed."""
        # Never waitKey(0): it may not return after the window was closed (opencv#20822).
        key = key_name(cv2.waitKeyEx(1))
        # Some builds always report -1 (opencv#25346), so only a window that was visible before can be found closed.
        visible = _visible(self._title)
        self._was_visible = self._was_visible or visible
        if self._was_visible and not visible:
            self.quit()
            return
        if key is not None:
            self._unhandled.append(key)
        pressed = list(self._unhandled)
        self._unhandled.clear()
        for name in pressed:
            if name not in self._keys:
                self._unhandled.append(name)
            elif not self._finished:
                self._keys[name]()
            if not self._finished:
                self._text_due = 0.0
                self._refresh()
                self._draw()


def square_size(size: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """Return the size of an image after its pixels are made square: it grows in one direction and never shrinks."""
    width, height = size
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def fit(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`, (width, height), scaled in proportion to between `SMALLEST` and `LARGEST`."""
    enlarged = max(1.0, min(SMALLEST[0] / size[0], SMALLEST[1] / size[1]))
    scale = min(enlarged, LARGEST[0] / size[0], LARGEST[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _connect() -> None:
    """Make Qt connect to the display by opening a window that is closed at once.

    The window with which Qt 5.15 connects may miss the event that it is mapped, and then stays black and ignores keys
    for good: 25 of 60 did with four busy processes on two cores. Of the windows opened after it, 0 of 28 did.
    """
    if _toolkit().startswith("QT"):
        cv2.namedWindow(FIRST, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)
        cv2.waitKeyEx(1)
        cv2.destroyWindow(FIRST)
        cv2.waitKeyEx(1)


def _has_window_manager() -> bool:
    """Return whether a window manager runs: without one, asking for full screen has no effect."""
    if sys.platform in ("win32", "darwin"):
        return True
    try:
        with X11() as server:
            return server.has_window_manager()
    except OSError:
        return True


def _announce_mapped(title: str) -> None:
    """Tell Qt that the window is mapped: on a busy machine it may miss the event, and then stays black for good.

    Of 64 windows on two cores with a load of 10, 16 stayed black without this; of 40 windows with it, none did.
    """
    if not _toolkit().startswith("QT"):
        return
    with suppress(OSError), X11() as server:
        window = server.window(title)
        if window is not None:
            server.announce_mapped(window)


def _visible(title: str) -> bool:
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # Qt raises this for a window that was closed
        return False


def _require_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a window belongs to the main thread")


def _window_error() -> tuple[str, str]:
    """Return why no window can be opened here, and a hint; two empty strings if it can."""
    toolkit = _toolkit()
    if not toolkit:
        return "this OpenCV is built without windows", "pip uninstall opencv-python-headless; pip install opencv-python"
    if sys.platform != "linux":
        return "", ""
    if toolkit.startswith("QT"):
        # PyAV brings its own libxcb. If Qt binds to it, imshow hangs (opencv/opencv#29195).
        import_order = [name for name in sys.modules if name in ("av", "cv2")]
        if import_order == ["av", "cv2"]:
            return "av was imported before cv2", "import livedream or cv2 before av and before anything that imports av"
    if _has_only_xcb():
        platform = os.environ.get("QT_QPA_PLATFORM", "")
        if platform and "xcb" not in platform.split(":")[0].split(";"):
            return (
                f"OpenCV's Qt does not support {platform} (QT_QPA_PLATFORM)",
                "unset QT_QPA_PLATFORM, or set it to xcb",
            )
    elif os.environ.get("WAYLAND_DISPLAY"):
        return "", ""
    reason = display_error(os.environ.get("DISPLAY", ""))
    return (reason, USE_A_FILE) if reason else ("", "")


def _toolkit() -> str:
    """Return the toolkit of OpenCV's windows (QT, GTK3, COCOA, WIN32), or "" for a headless build. Opens no window."""
    try:
        return cv2.currentUIFramework()
    except (cv2.error, AttributeError):
        return ""


def _has_only_xcb() -> bool:
    """Return whether this OpenCV brings its own Qt that supports only X11."""
    plugins = Path(cv2.__file__).parent / "qt" / "plugins" / "platforms"
    return [plugin.name for plugin in plugins.glob("*.so")] == ["libqxcb.so"]
