"""Turns errors of FFmpeg about an address into helpful messages that show no password."""

import av.error

from livedream.errors import SourceError

FAULTS: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError, PermissionError),
        "requires a user name and a password",
        "write them before the host of the address: USER:PASSWORD@",
    ),
    ((av.error.HTTPNotFoundError,), "has nothing at that path", "look the address up in the camera's manual"),
    (
        (ConnectionRefusedError,),
        "refuses the connection: no program listens there",
        "check that the camera is on and the port is right",
    ),
    ((av.error.ExitError, TimeoutError), "does not answer", "check that the camera is on and in the same network"),
    ((av.error.ProtocolNotFoundError,), "needs a protocol that this FFmpeg does not have", "use rtsp, http or udp"),
    (
        (ConnectionError, av.error.EOFError),
        "closed the connection",
        "check that the camera is on and in the same network",
    ),
    ((av.error.OSError,), "cannot be reached", "check the name of the host, and the network"),
    ((av.error.InvalidDataError,), "sends nothing that FFmpeg can read", "name the address of its video stream"),
)
"""What FFmpeg raises, what it means, and the hint."""


def stream_error(name: str, error: Exception) -> SourceError:
    """Return the error for a stream that failed. FFmpeg's own text would show the whole address with the password."""
    for kinds, meaning, hint in FAULTS:
        if isinstance(error, kinds):
            return SourceError(f"{name} {meaning}", hint)
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(f"{name}: {reason}", "check the address and the connection")
