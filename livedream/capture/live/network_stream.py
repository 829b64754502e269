"""Frames from a camera on the network, or any other stream that FFmpeg reads."""

import logging
import time
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from livedream.capture.decoding.color import Colors, Tags
from livedream.capture.decoding.container import decode_together, rate_of
from livedream.capture.decoding.shape import Aspects, Shape
from livedream.capture.decoding.video_track import video_tracks
from livedream.capture.live.live_source import LiveSource
from livedream.capture.live.reader import Connection, StreamEnded
from livedream.capture.live.stream_errors import stream_error
from livedream.capture.remote import RemoteVideoSource
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.urls import Address, shown

log = logging.getLogger(__name__)

OPEN_SECONDS = 15.0
"""How long a stream may take to answer, and to tell what it is: on a busy machine nine times as long as on a free one.
That it takes long is said after two."""
READ_SECONDS = 10.0
"""How long it may take to send the next packet. `LiveSource` gives it up sooner, but does not count the time in which
this process itself stood still; FFmpeg does."""
BAD_PACKETS = 300
"""How many packets in a row may be damaged; a stream entered in the middle has some before its first key frame."""

# No `nobuffer`: it throws the packets away that were read to learn what the stream is, and with them the key frame that
# shows a picture at once. What has piled up meanwhile is decoded in a moment, and the newest picture wins.
_OPTIONS = {
    "analyzeduration": "1000000",  # microseconds; by default five seconds pass where a stream has silent sound
    "flags": "low_delay",
    "rtsp_flags": "prefer_tcp",  # cameras lose packets by UDP, and FFmpeg would try that first
    "overrun_nonfatal": "1",  # UDP that comes faster than it is read loses packets and does not end
}
_INVENTED = ("mpjpeg",)
"""Formats that carry no times; what FFmpeg says of their rate is its default."""


_PLAYLISTS = ("hls", "dash")
"""Formats in which the size of what is fetched first is not that of the film."""


_REPEATING = ("mpegts", "mpeg", "flv", "matroska", "mov")
"""Formats with times of their own. A web server that does not say how long a film is sends it again each time."""


class NotLiveError(SourceError):
    """What is at an address comes to an end, and can be read like a file.

    resumable: whether the server says how many bytes there are, so that a broken connection is noticed.
    """

    resumable = True


def open_address(address: str, *, start: Fraction | None = None, end: Fraction | None = None) -> Source:
    """Return the source at `address`: a film if it has an end and is on a web server, a stream that is live otherwise.

    start, end: the part of a film that is wanted, in seconds. Raises SourceError when nobody answers, ArgumentError
    when a part of what is live is wanted.
    """
    try:
        source = NetworkSource(address)
    except NotLiveError as film:
        return RemoteVideoSource(address, resumable=film.resumable, start=start, end=end)
    except SourceError as error:
        if not (_is_http(Address.parse(address)) and isinstance(error.__cause__, av.error.InvalidDataError)):
            raise
        try:  # a film of which the index was cut off: reading films, FFmpeg connects again
            return RemoteVideoSource(address, start=start, end=end)
        except SourceError:
            raise error from None
    if start is not None or end is not None:
        source.close()
        raise ArgumentError(f"{source.name} is live: it has no start and end", "leave them out")
    return source


class NetworkSource(LiveSource):
    """Frames of a stream as they come: RTSP, HTTP (MJPEG, HLS, ...), RTMP, UDP, TCP, and SRT where FFmpeg has it.

    The address is never shown with user and password. Damaged packets are passed over. Raises SourceError when nobody
    answers, or what answers is no live stream, ArgumentError for what is no address.
    """

    def __init__(self, address: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.place = address
        self._address = Address.parse(address)
        self._beginning: int | None = None
        super().__init__(shown(address), clock=clock)

    def _connect(self) -> Connection:
        stream = _Stream(self._address, self.name)
        if self._beginning is None:
            self._beginning = stream.beginning
        elif stream.beginning == self._beginning:  # a camera has noise, and another time
            stream.close()
            log.warning("%s is a film that has ended; download it, then every frame is dreamt", self.name)
            raise StreamEnded
        if stream.has_sound:
            self.lost_sound = f"the sound of {self.name} is not kept: record it beside with another program"
        return stream


class _Stream(Connection):
    """A stream, opened by FFmpeg. name: the address as it may be shown."""

    def __init__(self, address: Address, name: str) -> None:
        self._name = name
        self._container = _open(address, name)
        try:
            if not self._container.streams.video:
                raise SourceError(f"{name} has no pictures", "name the address of a camera or a film")
            if _is_http(address) and _ends(self._container):
                film = NotLiveError(f"{name} is a film, not live", "open it with open_source, which reads both")
                film.resumable = self._container.size > 0
                raise film
            self._stream = stream = video_tracks(self._container, name)[0]
            decode_together(stream)
            self.beginning: int | None = None
            """A checksum of the first packet and its time, where a film could be sent anew in place of a stream."""
            self._repeats = _is_http(address) and self._container.format.name.startswith(_REPEATING)
            tags = Tags.of_container(stream)
            self._context, self._aspects = stream.codec_context, Aspects(stream)
            self._pictures = self._decoded()
            self._first: VideoFrame | None = self._next()
            self._colors = Colors(self._first, name, tags)
            self._shape = Shape(self._first, name)
        except BaseException:
            self._container.close()
            raise
        self.has_sound = bool(self._container.streams.audio)
        self.size, self.pixel_aspect = self._shape.size, self._shape.pixel_aspect
        self.rate = None if self._container.format.name in _INVENTED else rate_of(stream)
        self.coding = stream.codec_context.codec.canonical_name

    def read(self) -> np.ndarray:
        picture, self._first = self._first or self._next(), None
        return self._shape.fit(self._colors.rgb(picture), picture)

    def close(self) -> None:
        self._container.close()

    def _next(self) -> VideoFrame:
        try:
            return next(self._pictures)
        except StopIteration:
            raise SourceError(f"{self._name} has ended", "is the camera on?") from None
        except av.error.FFmpegError as error:
            raise stream_error(self._name, error) from error

    def _decoded(self) -> Iterator[VideoFrame]:
        bad = 0
        for packet in self._container.demux(self._stream):
            if self._repeats and self.beginning is None and packet.pts is not None:
                self.beginning = zlib.crc32(bytes(packet), packet.pts & 0xFFFFFFFF)
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                bad += 1
                if bad == BAD_PACKETS:
                    raise
                continue
            bad = 0 if pictures else bad
            self._aspects.mark(pictures, self._context.sample_aspect_ratio)
            yield from pictures


def _open(address: Address, name: str) -> InputContainer:
    try:
        timeout = OPEN_SECONDS, READ_SECONDS
        return av.open(str(address), "r", options=dict(_OPTIONS), timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise stream_error(name, error) from error


def _ends(container: InputContainer) -> bool:
    """Return whether what a web server sends is a film: it says how long it is, in seconds or in bytes."""
    if (container.duration or 0) > 0:
        return True
    kind = container.format.name
    return kind not in (*_PLAYLISTS, *_INVENTED) and not kind.endswith("_pipe") and container.size > 0


def _is_http(address: Address) -> bool:
    return address.scheme in ("http", "https")
