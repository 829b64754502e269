"""Is there an X display? Found out without OpenCV, which ends the whole process with SIGABRT where there is none."""

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

TIMEOUT = 2.0
"""Seconds a display may take to answer; one behind ssh is far away."""
COOKIE = b"MIT-MAGIC-COOKIE-1"


def display_error(display: str) -> str:
    """Return why the display that DISPLAY names cannot be used, as one clause; "" when it can.

    It is asked as a program with a window would ask (X Window System Protocol, X11R7, chapter 8), and left again.
    """
    if not display:
        return "there is no display (DISPLAY is not set)"
    found = re.fullmatch(r"(?:(?P<kind>unix|tcp|inet6?)/)?(?P<host>.*):(?P<number>\d+)(?:\.\d+)?", display)
    if not found:
        return f"DISPLAY={display} names no display"
    host, number = found["host"], int(found["number"])
    try:
        keys = list(_cookies(str(number).encode()))
    except (OSError, struct.error):
        keys = []  # unreadable; the display may let us in without
    fault = ""
    for cookie in [*keys, b""]:
        try:
            with _connect(host, number) as connection:
                connection.sendall(_greeting(cookie))
                if connection.recv(1) == b"\1":
                    return ""
                fault = f"the display {display} does not let this user in"
        except OSError as error:
            return f"the display {display} does not answer ({error.strerror or error})"
    return fault


def _connect(host: str, number: int) -> socket.socket:
    if host and host != "unix":
        return socket.create_connection((host.strip("[]"), 6000 + number), TIMEOUT)
    path = f"/tmp/.X11-unix/X{number}"  # where every X server has it
    try:
        return _connect_local(f"\0{path}")  # Linux has the same name outside the file system too; containers see it
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
    """The keys to display `number` that this user has, of whatever host (libXau, Xau(3): the file's format)."""
    path = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    with path.open("rb") as file:
        while head := file.read(2):
            if len(head) < 2:
                return
            _address, display, name, cookie = (_counted(file.read) for _ in range(4))
            if name == COOKIE and display in (number, b""):
                yield cookie


def _counted(read: Callable[[int], bytes]) -> bytes:
    return read(struct.unpack(">H", read(2))[0])
