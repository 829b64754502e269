"""Hides the mouse pointer over a window that fills a screen."""

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from livedream.sink.window.x11 import X11


def hide_pointer(title: str) -> Callable[[], object]:
    """Hide the pointer over the window of this process with this title. Return a function that shows it again.

    Where that is not possible the pointer stays visible, which does no harm.
    """
    if sys.platform == "win32":
        user32: Any = ctypes.windll.user32
        user32.ShowCursor(False)  # affects the windows of this thread
        return partial(user32.ShowCursor, True)
    if sys.platform == "darwin":
        graphics = ctypes.CDLL("/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics")
        graphics.CGDisplayHideCursor(0)  # the display is ignored; it works while this program is in front
        return partial(graphics.CGDisplayShowCursor, 0)
    try:
        server = X11()
    except OSError:
        return lambda: None
    window = server.window(title)
    if window is not None:
        server.cover(window)
    return server.close
