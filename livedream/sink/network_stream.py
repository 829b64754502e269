"""Sends frames over the network as H.264: to a player, a streaming server or OBS."""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import av
import av.error
from av.codec.context import Flags

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.sink import Sink
from livedream.sink.stream_formats import SERVER_TIMEOUT, STREAM_FORMATS, StreamFormat
from livedream.sink.video.codecs import ENCODERS, Encoding
from livedream.sink.video.encoder import FrameEncoder
from livedream.stream_info import StreamInfo
from livedream.urls import Address, redact

log = logging.getLogger(__name__)

PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between the attempts to connect; the last one is repeated."""


# The buffer holds half a second: with more, a player that joins would have to wait longer.
_ENCODER = next(encoder for encoder in ENCODERS if encoder.name == "libx264")
_ENCODER = dataclasses.replace(_ENCODER, live={**_ENCODER.live, "bf": "0", "maxrate": "8M", "bufsize": "4M"})


class NetworkSink(Sink):
    """Sends H.264 to an address: a key frame every second, no B-frames, at most 8 Mbit/s.

    It connects with the first frame. When the connection fails or breaks, `notice` says so and the sink tries again,
    first soon and then every ten seconds; the frames until then are lost. With UDP there is no way to know whether
    anybody listens. A video is sent at its own speed, or `speed` times as fast. The recipe is not sent.

    Args:
        address: Where to send, with one of the schemes in `STREAM_FORMATS`.
        info: What is known about the frames.
        clock: Returns seconds that never go back.

    Raises:
        ArgumentError: The address has no host.
        SinkError: This build of FFmpeg lacks the protocol.
    """

    def __init__(
        self, address: str, info: StreamInfo | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._info = info or StreamInfo()
        self._address = Address.parse(address)
        self._format = _format_for(self._address)
        self.name = redact(address)
        self.live = self._info.live
        self.speed = Fraction(1)
        self._clock = clock
        self._connection: _Connection | None = None
        self._attempts = 0
        self._reason = ""
        """Why the last connection failed."""
        self._next_try = clock()
        self._lost = 0
        self._began: float | None = None
        self._closed = threading.Event()

    def write(self, frame: Frame) -> None:
        if self.speed != 1:
            frame = dataclasses.replace(frame, time=frame.time / self.speed)
        if not self._info.live:
            self._wait_until_due(frame)
        if self._connection is not None and self._connection.size != frame.size:
            self._disconnect()
        if self._connection is None and self._clock() < self._next_try:
            self._lost += 1
            return
        try:
            if self._connection is None:
                self._connection = _Connection(self._address, self._format, self._info, frame, self._clock())
            self._connection.write(frame)
        except (av.error.FFmpegError, OSError) as error:
            self._disconnect()
            self._lost += 1
            pause = PAUSES[min(self._attempts, len(PAUSES) - 1)]
            self._attempts += 1
            self._next_try = self._clock() + pause
            self._report(error.strerror or str(error), pause)
            return
        # A server that does not answer is noticed only after SERVER_TIMEOUT.
        if self._attempts and self._clock() - self._connection.since > SERVER_TIMEOUT + 1:
            log.warning("%s: reconnected, %d frames were lost", self.name, self._lost)
            self._attempts = self._lost = 0
            self.notice = None

    def end(self) -> None:
        """Send what the encoder still holds. Raises SinkError when the last frames were lost."""
        if self._connection is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError):  # the stream ends anyway
                self._connection.flush()
        if self._attempts:
            text = f"{self.name}: {self._reason}, {self._lost} frames lost"
            raise SinkError(text, "check that the server runs and that the address is right")

    def close(self) -> None:
        self._closed.set()
        self._disconnect()

    def _report(self, reason: str, pause: float) -> None:
        self._reason = reason
        if self._attempts == 1:
            log.warning("%s: %s; retrying until it works", self.name, reason)
        self.notice = f"{self.name}: {reason}, {self._lost} frames lost, try {self._attempts + 1} in {pause:g} s"

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _wait_until_due(self, frame: Frame) -> None:
        now = self._clock()
        if self._began is None:
            self._began = now - float(frame.time)
        self._closed.wait(max(0.0, self._began + float(frame.time) - now))


class _Connection:
    """One connection and its encoder. Errors are those of PyAV."""

    def __init__(
        self, address: Address, stream_format: StreamFormat, info: StreamInfo, first: Frame, since: float
    ) -> None:
        self.size = first.size
        self.since = since
        self._origin = first.time
        self._last = -1
        # FFmpeg's fifo muxer sends on its own thread, so a slow network does not block `write`. It is also the only way
        # to set the time-outs: PyAV opens connections without them.
        options = {"fifo_format": stream_format.container, "format_opts": stream_format.options, "queue_size": "60"}
        options |= {"drop_pkts_on_overflow": "1", "restart_with_keyframe": "1"}
        self._stream = av.open(str(address), "w", format="fifo", container_options=options)
        try:
            as_live = dataclasses.replace(info, live=True)
            self._encoder = FrameEncoder(self._stream, _ENCODER, Encoding(quality=60), as_live)
            track = self._encoder.open(first.size)
            if stream_format.global_header:
                track.codec_context.flags |= Flags.global_header
        except BaseException:
            self.close()
            raise

    def write(self, frame: Frame) -> None:
        ticks = max(round((frame.time - self._origin) / self._encoder.time_base), self._last + 1)
        self._last = ticks
        for packet in self._encoder.encode(frame.pixels, ticks):
            self._stream.mux(packet)

    def flush(self) -> None:
        for packet in self._encoder.flush():
            self._stream.mux(packet)

    def close(self) -> None:
        with contextlib.suppress(av.error.FFmpegError, OSError):  # the other side has hung up
            self._stream.close()


def _format_for(address: Address) -> StreamFormat:
    """Return how frames are sent to `address`. Raises ArgumentError and SinkError."""
    stream_format = STREAM_FORMATS[address.scheme]
    if not address.host or (address.port is None and stream_format.container == "mpegts"):
        raise ArgumentError(
            f"{redact(str(address))} names no host and port", f"write {address.scheme}://127.0.0.1:5000"
        )
    if stream_format.optional and not _supports(address.scheme):
        raise SinkError(f"this build of PyAV does not support {address.scheme}://", "use udp:// or rtmp:// instead")
    return stream_format


def _supports(scheme: str) -> bool:
    muxer = av.open(f"{scheme}://", "w", format="mpegts")
    try:
        muxer.add_stream("mpeg2video", Fraction(25))
        muxer.start_encoding()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True  # the protocol is known; only the host is missing
    finally:
        with contextlib.suppress(av.error.FFmpegError, OSError):
            muxer.close()
    return True
