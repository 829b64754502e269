"""Frames in a window of OpenCV's."""

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
from livedream.frame import Frame
from livedream.hints import either
from livedream.pixel_aspect import SQUARE
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
"""(width, height) in pixels of a new window at most; the user may drag it larger."""
SMALLEST = (320, 240)
"""A smaller picture is enlarged until it is as wide or as high: text must be readable, and a mouse hit the window."""
_MOST_UNANSWERED = 8
REFRESH_SECONDS = 0.25
"""How often the text is asked for."""
HELD_SECONDS = 1.0
"""How long Esc does nothing after it has left full screen: a key that is held down repeats."""
SETTLING_SECONDS = 1.0
"""How long the system may take to show a window that was opened."""
FIRST = "livedream starts"
"""The title of the window that goes at once."""
WITHOUT = "write a file instead: " + either("--to out.mp4", 'open_sink("out.mp4")')


class WindowSink(Sink):
    """A window with the newest frame, or its source, and text over it. Keys do what they are bound to.

    The picture is scaled to the window, undistorted also where its pixels are not square, and centred on black. The
    text is drawn at the size of the window. f is full screen, in which the pointer is hidden. The window closes, and
    the sink is finished, by q, by Esc where it does not leave full screen, by `quit` or by its button.

    Works on the main thread alone: on macOS another one crashes the program (opencv/opencv#22602).

    Args:
        title: what the window is called; by default the title of the placement.
        pixel_aspect: width of a pixel of the frames over its height.
        placement: where the window appears, and how.

    Raises:
        SinkError: No window can be opened; found out before OpenCV tries: it would end or hang the process. Or there is
            no such monitor.
    """

    live = True
    on_main_thread = True

    def __init__(
        self, title: str | None = None, *, pixel_aspect: Fraction = SQUARE, placement: Placement | None = None
    ) -> None:
        fault, cure = _window_error()
        if fault:
            raise SinkError(f"cannot open a window: {fault}", cure)
        self._placement = placement or Placement()
        self._monitor = None if self._placement.monitor is None else monitor(self._placement.monitor)
        self.name = "window"
        self.text: Callable[[], Rows] = tuple
        """What stands over the picture, asked for a few times a second; nothing at first."""
        self._title = title or self._placement.title
        self._pixel_aspect = pixel_aspect
        self._keys: dict[str, Callable[[], object]] = {
            "q": self.quit,
            "Esc": self.leave,
            "f": self.toggle_full_screen,
        }
        self._unanswered: deque[str] = deque(maxlen=_MOST_UNANSWERED)
        """Keys that were pressed and have no action yet: a window shows its source before the dream answers keys."""
        self._text = TextOverlay()
        self._text_due = 0.0
        self._help = TextOverlay(centred=True)
        self._view = "dream"
        self._canvas = Canvas()
        self._fade = Fade()
        self._drawn: tuple[int, int] | None = None
        """(width, height) of the window when it was drawn last."""
        self._full_screen = self._placement.full_screen
        self._left_full_screen = -HELD_SECONDS
        self._stage = ExitStack()
        """What the full screen has changed, undone when it is closed."""
        self._frame: Frame | None = None
        self._open = False
        self._opened = 0.0
        self._seen = False
        self._finished = False

    # What one can do to it

    def bind(self, key: str, act: Callable[[], object]) -> None:
        """Let `act` be called on this thread when `key`, as `key_name` calls it, is pressed, or was before now."""
        self._keys[key] = act

    @property
    def view(self) -> str:
        """What it shows of a frame, see VIEWS."""
        return self._view

    @property
    def full_screen(self) -> bool:
        return self._full_screen

    def toggle_view(self, view: str) -> None:
        """Show `source` or `split` (see VIEWS), and the dream again when that is what it shows."""
        self._view = "dream" if self._view == view else view

    def toggle_full_screen(self) -> None:
        self._full_screen = not self._full_screen
        if not self._open:  # it opens on the full screen
            return
        if self._full_screen:
            self._fill_screen()
        else:
            self._stage.close()
            self._left_full_screen = time.monotonic()

    def fade_in(self) -> None:
        """Let the dream appear slowly from the next frame on, as that frame's source was shown until now."""
        self._fade.begin()

    def toggle_help(self, rows: Rows) -> None:
        """Show `rows` in the middle of the picture, and nothing there when it shows them."""
        self._help.rows = () if self._help.rows else rows

    def leave(self) -> None:
        """Leave full screen, or close the window where it is not on it."""
        if self._full_screen:
            self.toggle_full_screen()
        elif time.monotonic() - self._left_full_screen >= HELD_SECONDS:
            self.quit()

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
        if not self._open or self._finished or self._frame is None:
            return
        changed = self._refresh()  # "camera lost" is said over the picture that stands
        if changed or self._size(self._frame) != self._drawn:
            self._draw()
        self._answer()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._stage.close()
            if _visible(self._title):
                cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # lets the system take it away now

    def _refresh(self) -> bool:
        """Ask for the text, if it is time to. Returns whether it has changed."""
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
            picture = VIEWS[self._view](self._fade.apply(self._frame))
            pixels = self._canvas.compose(picture, self._drawn, self._pixel_aspect)
            self._help.draw(pixels, top=self._text.draw(pixels))
            cv2.imshow(self._title, pixels)
        except cv2.error as error:
            raise SinkError(f"the window failed: {error.err}", WITHOUT) from error

    def _show(self, frame: Frame) -> None:
        """Open the window, in its place."""
        _connect()
        # Without GUI_NORMAL Qt adds a tool bar and lets letters zoom the picture. With KEEPRATIO it fills a part of the
        # window with the colour of the desktop.
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        size = fit(square_size(frame.size, self._pixel_aspect))
        cv2.resizeWindow(self._title, *size)
        corner = self._placement.corner(size, self._monitor)
        if corner is not None:
            cv2.moveWindow(self._title, *corner)
        self._open = True
        self._opened = time.monotonic()
        cv2.waitKeyEx(1)  # the system has to learn first of the window, and on which monitor it is
        _announce_mapped(self._title)
        if self._full_screen:
            self._fill_screen()

    def _fill_screen(self) -> None:
        """Cover the monitor on which the window is, without a pointer, until the stage is closed."""
        if _has_window_manager():
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
            self._stage.callback(self._unless_gone, cv2.setWindowProperty, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_NORMAL)
        else:
            left, top, width, height = cv2.getWindowImageRect(self._title)
            screen = monitor_at(left + width // 2, top + height // 2)
            cv2.moveWindow(self._title, screen.left, screen.top)
            cv2.resizeWindow(self._title, screen.width, screen.height)
            self._stage.callback(self._unless_gone, cv2.moveWindow, left, top)
            self._stage.callback(self._unless_gone, cv2.resizeWindow, width, height)
        self._stage.callback(hide_pointer(self._title))

    def _unless_gone(self, act: Callable[..., object], *arguments: int) -> None:
        """Do something to the window, which somebody may have closed."""
        if _visible(self._title):
            act(self._title, *arguments)

    def _size(self, frame: Frame) -> tuple[int, int]:
        """Return (width, height) of what the window shows, in pixels."""
        try:
            _, _, width, height = cv2.getWindowImageRect(self._title)
        except cv2.error:  # closed a moment ago
            width = height = 0
        # Where the toolkit does not tell, it scales the picture itself.
        return (width, height) if min(width, height) > 0 else square_size(frame.size, self._pixel_aspect)

    def _answer(self) -> None:
        """Do what the keys ask for that were pressed, and notice when the window is closed."""
        # Never waitKey(0): it may not return once the window is gone (opencv#20822).
        key = key_name(cv2.waitKeyEx(1))
        # Some builds always say -1 (opencv#25346); so only one that was seen can be seen to go.
        visible = _visible(self._title)
        self._seen = self._seen or visible
        if self._seen and not visible:
            self.quit()
            return
        if key is not None:
            self._unanswered.append(key)
        pressed = list(self._unanswered)
        self._unanswered.clear()
        for each in pressed:
            if each not in self._keys:
                self._unanswered.append(each)
            elif not self._finished:
                self._keys[each]()
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


def fit(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`, (width, height), in proportion: no larger than the largest window, nor much too small to see."""
    enlarged = max(1.0, min(SMALLEST[0] / size[0], SMALLEST[1] / size[1]))
    scale = min(enlarged, LARGEST[0] / size[0], LARGEST[1] / size[1])
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


def _has_window_manager() -> bool:
    """Return whether there is one to ask for the full screen: on a bare X server there is none, and nothing happens."""
    if sys.platform in ("win32", "darwin"):
        return True
    try:
        with X11() as server:
            return server.has_window_manager()
    except OSError:
        return True


def _announce_mapped(title: str) -> None:
    """Tell Qt that the window is mapped: on a busy machine it may miss the event, and then shows black for good.

    Of 64 windows on two cores with a load of 10, 16 stayed black without this, and of 40 with it none.
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
    except cv2.error:  # what Qt says of a window that is gone
        return False


def _require_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a window belongs to the main thread")


def _window_error() -> tuple[str, str]:
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
    fault = display_error(os.environ.get("DISPLAY", ""))
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
