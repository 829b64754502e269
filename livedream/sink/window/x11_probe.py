"""Checks for an X display without OpenCV, which ends the whole process with SIGABRT if there is none.

The handshake is done here rather than by Xlib: loading its libxcb before the one of OpenCV's Qt can make windows hang
(opencv/opencv#29195), and XOpenDisplay has no time-out.
"""

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

TIMEOUT = 2.0
"""Seconds that a display may take to answer; one behind ssh may be slow."""
COOKIE = b"MIT-MAGIC-COOKIE-1"


def display_error(display: str) -> str:
    """Return why the display that DISPLAY names cannot be used, as one clause; "" when it can.

    It connects as a program with a window would (X Window System Protocol, X11R7, chapter 8), and disconnects again.
    """
    if not display:
        return "there is no display (DISPLAY is not set)"
    match = re.fullmatch(r"(?:(?P<kind>unix|tcp|inet6?)/)?(?P<host>.*):(?P<number>\d+)(?:\.\d+)?", display)
    if not match:
        return f"DISPLAY={display} is not the name of a display"
    host, number = match["host"], int(match["number"])
    try:
        cookies = list(_cookies(str(number).encode()))
    except (OSError, struct.error):
        cookies = []  # unreadable; the display may accept us without one
    reason = ""
    for cookie in [*cookies, b""]:
        try:
            with _connect(host, number) as connection:
                connection.sendall(_greeting(cookie))
                if connection.recv(1) == b"\1":
                    return ""
                reason = f"the display {display} refuses this user"
        except OSError as error:
            return f"the display {display} does not answer ({error.strerror or error})"
    return reason


def _connect(host: str, number: int) -> socket.socket:
    if host and host != "unix":
        return socket.create_connection((host.strip("[]"), 6000 + number), TIMEOUT)
    path = f"/tmp/.X11-unix/X{number}"  # the socket of every X server
    try:
        return _connect_local(f"\0{path}")  # the abstract socket of Linux, which containers can reach
    except OSError:
        return _connect_local(path)


def _connect_local(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _greeting(cookie: bytes) -> bytes:
    name = COOKIE if cookie else b""
    head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie))
    return head + name + b"\0" * (-len(name) % 4) + cookie + b"\0" * (-len(cookie) % 4)


def _cookies(number: bytes) -> Iterator[bytes]:
    """Yield the cookies of this user for display `number` of any host (for the format of the file see Xau(3))."""
    path = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    with path.open("rb") as file:
        while head := file.read(2):
            if len(head) < 2:
                return
            _address, display, name, cookie = (_read_counted(file.read) for _ in range(4))
            if name == COOKIE and display in (number, b""):
                yield cookie


def _read_counted(read: Callable[[int], bytes]) -> bytes:
    return read(struct.unpack(">H", read(2))[0])
