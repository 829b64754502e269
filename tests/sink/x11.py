"""Press the button that closes a window. There is no window manager on a display for tests, and xdotool cannot.

Usage: x11.py DISPLAY WINDOW. Sends what a window manager sends (X11 protocol, appendix B; ICCCM, section 4.2.8.1).
"""

import socket
import struct
import sys


def read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += connection.recv(count - len(data)) or sys.exit("the display hung up")
    return data


def atom(connection: socket.socket, name: bytes) -> int:
    padding = b"\0" * (-len(name) % 4)
    connection.sendall(struct.pack("<BBHHxx", 16, 0, 2 + len(name + padding) // 4, len(name)) + name + padding)
    return struct.unpack_from("<I", read(connection, 32), 8)[0]


def press_close(display: str, window: int) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"/tmp/.X11-unix/X{display.removeprefix(':')}")
        connection.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        read(connection, 4 * struct.unpack_from("<H", read(connection, 8), 6)[0])
        protocols, delete = atom(connection, b"WM_PROTOCOLS"), atom(connection, b"WM_DELETE_WINDOW")
        event = struct.pack("<BBHII5I", 33, 32, 0, window, protocols, delete, 0, 0, 0, 0)
        connection.sendall(struct.pack("<BBHII", 25, 0, 11, window, 0) + event)
        atom(connection, b"WM_PROTOCOLS")  # answered when the event is on its way


if __name__ == "__main__":
    press_close(sys.argv[1], int(sys.argv[2]))
