"""Frames from a network camera or any other stream that FFmpeg reads."""

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
from livedream.capture.decoding.stream_errors import stream_error
from livedream.capture.decoding.video_track import video_tracks
from livedream.capture.live.live_source import LiveSource
from livedream.capture.live.reader import Connection, StreamEnded
from livedream.capture.remote import RemoteVideoSource
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.urls import Address, redact

log = logging.getLogger(__name__)

OPEN_SECONDS = 15.0
"""The time limit for a stream to answer and to be recognized: on a busy machine that takes nine times as long as on an
idle one. A warning is logged after two."""
READ_SECONDS = 10.0
"""The time limit for the next packet. `LiveSource` gives up sooner, but does not count the time in which this process
stood still; FFmpeg does."""
BAD_PACKETS = 300
"""The number of consecutive damaged packets that is tolerated: a stream has some before its first key frame."""

# Not `nobuffer`: it drops the packets that were read to recognize the stream, and with them the first key frame. The
# packets that have accumulated are decoded quickly, and only the newest frame is used.
_OPTIONS = {
    "analyzeduration": "1000000",  # microseconds; by default it takes five seconds if a stream has silent sound
    "flags": "low_delay",
    "rtsp_flags": "prefer_tcp",  # over UDP cameras lose packets, and FFmpeg would try it first
    "overrun_nonfatal": "1",  # if UDP arrives faster than it is read, drop packets and do not end
}
_INVENTED = ("mpjpeg",)
"""Formats without times; the rate that FFmpeg reports for them is its default."""

_PLAYLISTS = ("hls", "dash")
"""Formats in which the size of the first download is not that of the video."""

_REPEATING = ("mpegts", "mpeg", "flv", "matroska", "mov")
"""Formats with times of their own. A web server that does not state the length of a video sends it again each time."""


class NotLiveError(SourceError):
    """The address leads to a video that ends and can be read like a file.

    resumable: whether the server states the number of bytes, so that a broken connection is noticed.
    """

    resumable = True


def open_address(address: str, *, start: Fraction | None = None, end: Fraction | None = None) -> Source:
    """Return the source at `address`: a video if it is on a web server and ends, else a live stream.

    Args:
        address: of a protocol in `STREAMS`.
        start: of the part of a video that is wanted, in seconds.
        end: of the part, in seconds.

    Raises:
        SourceError: the server does not answer.
        ArgumentError: a part of a live stream is requested.
    """
    try:
        source = NetworkSource(address)
    except NotLiveError as video:
        return RemoteVideoSource(address, resumable=video.resumable, start=start, end=end)
    except SourceError as error:
        if not (_is_http(Address.parse(address)) and isinstance(error.__cause__, av.error.InvalidDataError)):
            raise
        try:  # a video whose index was cut off: for videos, FFmpeg reconnects
            return RemoteVideoSource(address, start=start, end=end)
        except SourceError:
            raise error from None
    if start is not None or end is not None:
        source.close()
        raise ArgumentError(f"{source.name} is live: start and end do not apply", "leave them out")
    return source


class NetworkSource(LiveSource):
    """Frames of a stream as they arrive: RTSP, HTTP (MJPEG, HLS, ...), RTMP, UDP, TCP, and SRT if FFmpeg supports it.

    The address is only shown redacted. Damaged packets are skipped.

    Args:
        address: of the stream.
        clock: a monotonic clock, in nanoseconds.

    Raises:
        SourceError: the server does not answer, or it is not a live stream.
        ArgumentError: it is not an address.
    """

    def __init__(self, address: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.place = address
        self._address = Address.parse(address)
        self._beginning: int | None = None
        super().__init__(redact(address), clock=clock)

    def _connect(self) -> Connection:
        stream = _Stream(self._address, self.name)
        if self._beginning is None:
            self._beginning = stream.beginning
        elif stream.beginning == self._beginning:  # a camera has noise, and its time differs
            stream.close()
            log.warning("%s is a video that has ended; download it, and every frame is dreamt", self.name)
            raise StreamEnded
        if stream.has_sound:
            self.lost_sound = f"the sound of {self.name} is not kept: record it with another program"
        return stream


class _Stream(Connection):
    """A stream opened by FFmpeg. name: the redacted address."""

    def __init__(self, address: Address, name: str) -> None:
        self._name = name
        self._container = _open(address, name)
        try:
            if not self._container.streams.video:
                raise SourceError(f"{name} has no frames", "name the address of a camera or a video")
            if _is_http(address) and _ends(self._container):
                error = NotLiveError(f"{name} is a video, not live", "open it with open_source, which reads both")
                error.resumable = self._container.size > 0
                raise error
            self._stream = stream = video_tracks(self._container, name)[0]
            decode_together(stream)
            self.beginning: int | None = None
            """A checksum of the first packet and its time, if the server may send a video again instead of a stream."""
            self._repeats = _is_http(address) and self._container.format.name.startswith(_REPEATING)
            tags = Tags.of_container(stream)
            self._context, self._aspects = stream.codec_context, Aspects(stream)
            self._frames = self._decoded()
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
        frame, self._first = self._first or self._next(), None
        return self._shape.fit(self._colors.rgb(frame), frame)

    def close(self) -> None:
        self._container.close()

    def _next(self) -> VideoFrame:
        try:
            return next(self._frames)
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
                frames = packet.decode()
            except av.error.InvalidDataError:
                bad += 1
                if bad == BAD_PACKETS:
                    raise
                continue
            bad = 0 if frames else bad
            self._aspects.mark(frames, self._context.sample_aspect_ratio)
            yield from frames


def _open(address: Address, name: str) -> InputContainer:
    try:
        timeout = OPEN_SECONDS, READ_SECONDS
        return av.open(str(address), "r", options=dict(_OPTIONS), timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise stream_error(name, error) from error


def _ends(container: InputContainer) -> bool:
    """Return whether a web server sends a video that ends: it states the length, in seconds or in bytes."""
    if (container.duration or 0) > 0:
        return True
    format_name = container.format.name
    return format_name not in (*_PLAYLISTS, *_INVENTED) and not format_name.endswith("_pipe") and container.size > 0


def _is_http(address: Address) -> bool:
    return address.scheme in ("http", "https")
