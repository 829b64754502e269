"""What is sent to each kind of network address. Loads no PyAV."""

from collections.abc import Mapping
from typing import NamedTuple

SERVER_TIMEOUT = 5.0
"""Seconds without an answer after which a server counts as gone."""
_MICROSECONDS = round(SERVER_TIMEOUT * 10**6)


class StreamFormat(NamedTuple):
    """How frames are sent to one kind of address."""

    container: str
    """FFmpeg's name of the container format."""
    options: str = ""
    """FFmpeg's options for the connection."""
    global_header: bool = False
    """Whether the stream parameters are sent once, at the start, and not with each key frame."""
    optional: bool = False
    """Whether some builds of FFmpeg lack the protocol."""


STREAM_FORMATS: Mapping[str, StreamFormat] = {
    "udp": StreamFormat("mpegts"),
    "rtmp": StreamFormat("flv", f"rw_timeout={_MICROSECONDS}", global_header=True),
    "rtmps": StreamFormat("flv", f"rw_timeout={_MICROSECONDS}", global_header=True),
    "rtsp": StreamFormat("rtsp", f"timeout={_MICROSECONDS}:rtsp_transport=tcp", global_header=True),
    "srt": StreamFormat("mpegts", f"rw_timeout={_MICROSECONDS}", optional=True),
}
"""The schemes of the addresses to which frames can be sent."""
