"""Frames from a film on a web server."""

import errno
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from livedream.capture.live.stream_errors import stream_error
from livedream.capture.video import ContainerSource
from livedream.errors import SourceError
from livedream.side_tracks import SideTracks
from livedream.timeline import OPTIONS
from livedream.urls import shown

OPEN_SECONDS = 30.0
"""How long the server may take to send what is needed to open the film: an index at its end takes three requests."""
READ_SECONDS = 60.0
"""How long it may take to send one packet, attempts to connect again included."""
_OPTIONS = {
    "reconnect": "1",  # a connection that breaks in the middle is made again where it broke
    "reconnect_on_network_error": "1",
    "reconnect_delay_max": "5",  # seconds between two attempts
    "reconnect_delay_total_max": "30",
}
_HINT = "download it first, then dream the file: some servers send a film only from its beginning"


class RemoteVideo(ContainerSource):
    """The frames of the film at `address`, http or https: every one, at its own rate, as from a file.

    resumable: whether the server says how many bytes there are. Only then is a connection that breaks made again;
    otherwise all is read through a single one, as from a pipe.
    start, end: see `ContainerSource`. Raises SourceError when the server does not send it, in words without a password.
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
        super().__init__(shown(address), start=start, end=end)
        self.identity = self._identity()

    def _film(self) -> InputContainer:
        return open_remote(self._address, self.name, self._options)

    def _sound(self) -> Path | SideTracks | None:
        return RemoteTracks(self._address, self.name, self._options) if self.reopens else self._tap

    def _is_end(self, error: av.error.FFmpegError) -> bool:
        # Where the server does not say how much there is, FFmpeg takes the end for a failure (http.c).
        return not self.reopens and error.errno == errno.EIO

    def _broken(self, error: av.error.FFmpegError) -> SourceError:
        after = "" if self._seen is None else f", after {float(self._seen):.1f} s of the film"
        return SourceError(f"{stream_error(self.name, error)}{after}", _HINT)

    def _nothing(self) -> SourceError:
        error = super()._nothing()
        return SourceError(str(error), _HINT) if self._seen is None else error

    def _identity(self) -> str:
        """Return what another film at the same address would not have: size, tracks and first frame."""
        tracks = [(track.type, track.frames, track.duration, track.start_time) for track in self._container.streams]
        digest = hashlib.sha256(repr((self._container.size, self._container.duration, tracks)).encode())
        if self._waiting is not None:
            for plane in self._waiting.picture.planes:
                digest.update(bytes(plane))
        return digest.hexdigest()[:32]


class RemoteTracks:
    """Sound and subtitles of a film on a web server, read beside the pictures."""

    reopens = True

    def __init__(self, address: str, name: str, options: dict[str, str]) -> None:
        self.name = name
        self._address = address
        self._options = options

    def open(self) -> InputContainer:
        return open_remote(self._address, self.name, self._options)


def open_remote(address: str, name: str, options: dict[str, str]) -> InputContainer:
    """Open a film on a web server. name: the address as it may be shown. options: for FFmpeg."""
    try:
        timeout = OPEN_SECONDS, READ_SECONDS
        return av.open(address, "r", options={**OPTIONS, **options}, timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(str(stream_error(name, error)), _HINT) from error
