"""Frames from a camera on the network, or any other stream that FFmpeg reads."""

import time
from collections.abc import Callable, Iterator

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from livedream.capture.color import Colors, Tags
from livedream.capture.film import check_decoder, decode_together, rate_of
from livedream.capture.live import LiveSource
from livedream.capture.reader import Connection
from livedream.capture.shape import Aspects, Shape
from livedream.errors import SourceError
from livedream.urls import Address, shown

OPEN_SECONDS = 5.0
"""How long a stream may take to answer, and to tell what it is."""
READ_SECONDS = 3.0
"""How long it may take to send the next packet."""
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


class NetworkSource(LiveSource):
    """Frames of a stream as they come: RTSP, HTTP (MJPEG, HLS, ...), RTMP, UDP, TCP, and SRT where FFmpeg has it.

    The address is never shown with user and password. Damaged packets are passed over. Raises SourceError when nobody
    answers, or what answers is no live stream, ArgumentError for what is no address.
    """

    def __init__(self, address: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.place = address
        self._address = Address.parse(address)
        super().__init__(shown(address), clock=clock)

    def _connect(self) -> Connection:
        return _Stream(self._address, self.name)


class _Stream(Connection):
    """A stream, opened by FFmpeg. name: the address as it may be shown."""

    def __init__(self, address: Address, name: str) -> None:
        self._name = name
        self._container = _open(address, name)
        try:
            if not self._container.streams.video:
                raise SourceError(f"{name} has no pictures", "name the address of a camera or a film")
            if (seconds := (self._container.duration or 0) / av.time_base) > 0 and address.scheme in ("http", "https"):
                raise SourceError(f"{name} is a film of {seconds:.0f} s, not live", "download it, then dream the file")
            stream = self._container.streams.video[0]
            check_decoder(stream, name)
            decode_together(stream)
            tags = Tags.of_container(stream)
            self._context, self._aspects = stream.codec_context, Aspects(stream)
            self._pictures = self._decoded()
            self._first: VideoFrame | None = self._next()
            self._colors = Colors(self._first, name, tags)
            self._shape = Shape(self._first, name)
        except BaseException:
            self._container.close()
            raise
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
            raise _fault(self._name, error) from error

    def _decoded(self) -> Iterator[VideoFrame]:
        bad = 0
        for packet in self._container.demux(video=0):
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
        raise _fault(name, error) from error


_FAULTS: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError, PermissionError),
        "wants a user and a password",
        "put them into the address: rtsp://user:password@camera/...",
    ),
    ((av.error.HTTPNotFoundError,), "has nothing of that name", "look the address up in the camera's manual"),
    ((ConnectionRefusedError,), "refuses: nobody listens there", "is the camera on, and the port right?"),
    ((av.error.ExitError, TimeoutError), "does not answer", "is the camera on, and in the same network?"),
    ((av.error.ProtocolNotFoundError,), "needs a protocol that this FFmpeg does not have", "use rtsp, http or udp"),
    ((ConnectionError, av.error.EOFError, av.error.OSError), "hung up", "is the camera on, and in the same network?"),
    ((av.error.InvalidDataError,), "sends nothing that FFmpeg can read", "name the address of its video stream"),
)
"""What FFmpeg raises, what it means, and what helps."""


def _fault(name: str, error: Exception) -> SourceError:
    """Return the error for a stream that failed; FFmpeg's own text has the whole address with the password."""
    for kinds, meaning, cure in _FAULTS:
        if isinstance(error, kinds):
            return SourceError(f"{name} {meaning}", cure)
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(f"{name}: {reason}", "check the address and the connection")
