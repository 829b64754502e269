"""Functions on X11 windows that OpenCV lacks, through Xlib, which is loaded with the first connection."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

_INPUT_ONLY = 2
_MAP_NOTIFY = 19
_STRUCTURE_NOTIFY = 1 << 17
_CURSOR = 1 << 14
"""CWCursor: in the mask of a window's attributes."""
_LARGEST = 32767
"""The largest side of a window, in pixels."""
_LONGEST = 1024
"""How many units of four bytes of a property are read at most."""
_MOST_FRAMES = 4
"""Window managers put a window into a frame, which may be in a frame itself."""


class _Attributes(ctypes.Structure):
    """XSetWindowAttributes."""

    _fields_ = (
        *(
            (name, ctypes.c_ulong)
            for name in ("background_pixmap", "background_pixel", "border_pixmap", "border_pixel")
        ),
        *((name, ctypes.c_int) for name in ("bit_gravity", "win_gravity", "backing_store")),
        *((name, ctypes.c_ulong) for name in ("backing_planes", "backing_pixel")),
        ("save_under", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("event_mask", "do_not_propagate_mask")),
        ("override_redirect", ctypes.c_int),
        *((name, ctypes.c_ulong) for name in ("colormap", "cursor")),
    )


class _Color(ctypes.Structure):
    """XColor."""

    _fields_ = (
        ("pixel", ctypes.c_ulong),
        *((name, ctypes.c_ushort) for name in ("red", "green", "blue")),
        *((name, ctypes.c_char) for name in ("flags", "pad")),
    )


class _MapEvent(ctypes.Structure):
    """XMapEvent, padded to the size of XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("event", ctypes.c_ulong),
        ("window", ctypes.c_ulong),
        ("override_redirect", ctypes.c_int),
        ("padding", ctypes.c_long * 24),
    )


_Handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


_ignore = _Handler(lambda display, event: 0)
"""Ignores an error for which Xlib would end the process: a window may disappear while it is queried."""


class X11:
    """A connection to the X server that DISPLAY names. Its resources on the server disappear when it is closed.

    Raises:
        OSError: There is no Xlib, or no such server.
    """

    def __init__(self) -> None:
        if sys.platform in ("win32", "darwin"):
            raise OSError("there is no X11 on this system")
        self._library = ctypes.CDLL("libX11.so.6")
        for name in ("XOpenDisplay", "XSetErrorHandler"):
            getattr(self._library, name).restype = ctypes.c_void_p
        for name in (
            "XDefaultRootWindow",
            "XInternAtom",
            "XCreateWindow",
            "XCreateBitmapFromData",
            "XCreatePixmapCursor",
        ):
            getattr(self._library, name).restype = ctypes.c_ulong
        display = self._library.XOpenDisplay(None)
        if not display:
            raise OSError("the X server does not answer")
        self._display: ctypes.c_void_p | None = ctypes.c_void_p(display)
        self._root = ctypes.c_ulong(self._call("XDefaultRootWindow"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._display is not None:
            self._call("XCloseDisplay")
            self._display = None

    def has_window_manager(self) -> bool:
        """Return whether a window manager runs (Extended Window Manager Hints, _NET_SUPPORTING_WM_CHECK)."""
        with self._ignoring_errors():
            return bool(self._property(self._root, "_NET_SUPPORTING_WM_CHECK"))

    def window(self, title: str) -> int | None:
        """Return the id of the window of this process with this title, or None."""
        with self._ignoring_errors():
            return self._find(self._root, title.encode(), _MOST_FRAMES)

    def announce_mapped(self, window: int) -> None:
        """Send the event that a window is mapped to its listeners, as the server does."""
        with self._ignoring_errors():
            event = _MapEvent(type=_MAP_NOTIFY, event=window, window=window)
            mask = ctypes.c_long(_STRUCTURE_NOTIFY)
            self._call("XSendEvent", ctypes.c_ulong(window), 0, mask, ctypes.byref(event))

    def cover(self, window: int) -> None:
        """Hide the pointer over a window, until the connection is closed.

        An invisible window on top of it has an empty cursor; events pass to the window below. It cannot be set on Qt's
        own window, where Qt sets the cursor again whenever the pointer enters.
        """
        with self._ignoring_errors():
            parent = ctypes.c_ulong(window)
            bits = ctypes.c_ulong(self._call("XCreateBitmapFromData", parent, b"\0", 1, 1))
            black = ctypes.byref(_Color())
            empty = self._call("XCreatePixmapCursor", bits, bits, black, black, 0, 0)
            attributes = _Attributes(cursor=empty)
            geometry, border, depth, visual = (0, 0, _LARGEST, _LARGEST), 0, 0, None
            changes = ctypes.c_ulong(_CURSOR), ctypes.byref(attributes)
            cover = self._call("XCreateWindow", parent, *geometry, border, depth, _INPUT_ONLY, visual, *changes)
            self._call("XMapRaised", ctypes.c_ulong(cover))

    def _find(self, window: ctypes.c_ulong, title: bytes, depth: int) -> int | None:
        own_pid = bytes(ctypes.c_long(os.getpid()))
        for child in self._children(window):
            if self._property(child, "_NET_WM_NAME") == title and self._property(child, "_NET_WM_PID") == own_pid:
                return child.value
            content = self._find(child, title, depth - 1) if depth else None
            if content is not None:
                return content
        return None

    def _children(self, window: ctypes.c_ulong) -> list[ctypes.c_ulong]:
        unused, count = ctypes.c_ulong(), ctypes.c_uint()
        list_ = ctypes.POINTER(ctypes.c_ulong)()
        ids = ctypes.byref(unused), ctypes.byref(unused), ctypes.byref(list_), ctypes.byref(count)
        if not self._call("XQueryTree", window, *ids):
            return []
        children = [ctypes.c_ulong(list_[number]) for number in range(count.value)]
        if list_:
            self._library.XFree(list_)
        return children

    def _property(self, window: ctypes.c_ulong, name: str) -> bytes:
        """Return the bytes of a property of a window, in the memory layout of Xlib; empty if there is none."""
        atom = ctypes.c_ulong(self._call("XInternAtom", name.encode(), 0))
        type_, format_, count, remaining = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong()
        data = ctypes.c_void_p()
        results = (ctypes.byref(result) for result in (type_, format_, count, remaining, data))
        failed = self._call(
            "XGetWindowProperty",
            window,
            atom,
            ctypes.c_long(0),
            ctypes.c_long(_LONGEST),
            0,
            ctypes.c_ulong(0),  # of any type
            *results,
        )
        if failed or not data:
            return b""
        unit = {8: 1, 16: ctypes.sizeof(ctypes.c_short), 32: ctypes.sizeof(ctypes.c_long)}.get(format_.value, 0)
        content = ctypes.string_at(data, count.value * unit)
        self._library.XFree(data)
        return content

    def _call(self, name: str, *arguments: Any) -> int:
        return getattr(self._library, name)(self._display, *arguments)

    @contextmanager
    def _ignoring_errors(self) -> Iterator[None]:
        """Ignore the X errors of the block."""
        before = self._library.XSetErrorHandler(_ignore)
        try:
            yield
        finally:
            self._call("XSync", 0)
            self._library.XSetErrorHandler(ctypes.c_void_p(before))
