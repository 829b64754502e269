"""Frames from a video on a web server."""

import errno
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from livedream.capture.container_source import ContainerSource
from livedream.capture.decoding.stream_errors import stream_error
from livedream.errors import SourceError
from livedream.formats.timeline import OPTIONS
from livedream.side_tracks import SideTracks
from livedream.urls import redact

OPEN_SECONDS = 30.0
"""Time limit for opening the video: an index at its end takes three requests."""
READ_SECONDS = 60.0
"""Time limit for one packet, including reconnections."""
_OPTIONS = {
    "reconnect": "1",  # resume a broken connection where it broke
    "reconnect_on_network_error": "1",
    "reconnect_delay_max": "5",  # seconds between two attempts
    "reconnect_delay_total_max": "30",
}
_HINT = "download it first, then dream the file: some servers send a video only from its beginning"


class RemoteVideoSource(ContainerSource):
    """The frames of the video at `address`, http or https: every one, at its own rate, as from a file.

    Args:
        address: of the video.
        resumable: whether the server states the number of bytes. Only then is a broken connection resumed; otherwise
            all is read through a single connection, as from a pipe.
        start: see `ContainerSource`.
        end: see `ContainerSource`.

    Raises:
        SourceError: the server does not send it. The message shows no password.
    """

    def __init__(
        self,
        address: str,
        *,
        resumable: bool = True,
        start: Fraction | int | None = None,
        end: Fraction | int | None = None,
    ) -> None:
        self._address = address
        self._options = _OPTIONS if resumable else {}
        self.reopens = resumable
        self.place = address
        super().__init__(redact(address), start=start, end=end)
        self.identity = self._identity()

    def _open_container(self) -> InputContainer:
        return open_remote(self._address, self.name, self._options)

    def _sound(self) -> Path | SideTracks | None:
        return RemoteTracks(self._address, self.name, self._options) if self.reopens else self._tap

    def _check_end(self, error: av.error.FFmpegError) -> None:
        # If the server does not state the size, FFmpeg takes the end for a failure (http.c).
        if not self.reopens and error.errno == errno.EIO:
            return
        after = "" if self._last_time is None else f", after {float(self._last_time):.1f} s of the video"
        raise SourceError(f"{stream_error(self.name, error)}{after}", _HINT) from error

    def _no_frames(self) -> SourceError:
        error = super()._no_frames()
        return SourceError(str(error), _HINT) if self._last_time is None else error

    def _identity(self) -> str:
        """Return a checksum that another video at the same address would not have: of size, tracks and first frame."""
        container = self._decoder.container
        tracks = [(track.type, track.frames, track.duration, track.start_time) for track in container.streams]
        digest = hashlib.sha256(repr((container.size, container.duration, tracks)).encode())
        if self._waiting is not None:
            for plane in self._waiting.frame.planes:
                digest.update(bytes(plane))
        return digest.hexdigest()[:32]


class RemoteTracks:
    """Sound and subtitles of a video on a web server, read through a connection of their own."""

    reopens = True

    def __init__(self, address: str, name: str, options: dict[str, str]) -> None:
        self.name = name
        self._address = address
        self._options = options

    def open(self) -> InputContainer:
        return open_remote(self._address, self.name, self._options)


def open_remote(address: str, name: str, options: dict[str, str]) -> InputContainer:
    """Open a video on a web server. name: the redacted address. options: for FFmpeg. Raises SourceError."""
    try:
        timeout = OPEN_SECONDS, READ_SECONDS
        return av.open(address, "r", options={**OPTIONS, **options}, timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(str(stream_error(name, error)), _HINT) from error
