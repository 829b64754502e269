"""Puts videos that were encoded alike together into one, without encoding them again."""

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from livedream.errors import SourceError
from livedream.sink.video.salvage import SalvagedVideo
from livedream.sink.video.scheduling import ordinary_scheduling
from livedream.sink.video.video_sink import VideoSink


class Piece:
    """A complete video that becomes a part of a longer one.

    Args:
        path: The video; a VideoSink has written it.

    Raises:
        SourceError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with av.open(str(path.absolute()), "r", metadata_errors="replace") as video:
                stream = video.streams.video[0]
                self.size = stream.width, stream.height
                """(width, height) of the pictures, in pixels."""
                self.header = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
                """The codec, and what its decoder needs to know before the first packet."""
                self.tick = Fraction(stream.time_base or Fraction(1, 1000))
                """The unit of its times, in seconds."""
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise SourceError(f"{path} is not a video: {error}", "dream it again") from error
        self._video = SalvagedVideo(path)

    def __len__(self) -> int:
        return len(self._video)

    @property
    def begin(self) -> Fraction:
        """The time of the first frame, in seconds."""
        return self._video.begin

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield its packets in the form in which an encoder returns them."""
        return self._video.whole().packets()


class PieceSink(VideoSink):
    """Writes a piece: a video whose first frame has any time, which is kept exactly."""

    @property
    def _container_options(self) -> dict[str, str]:
        options = super()._container_options
        if self._suffix in (".mp4", ".mov"):
            # The time of the first frame is in units of the whole file, which are milliseconds otherwise.
            options["movie_timescale"] = str(self._info.time_base.denominator)
        return options


class JoinedVideoSink(VideoSink):
    """Writes pieces instead of frames; everything else, such as the sound, is that of a VideoSink."""

    def join(self, pieces: Iterable[Piece], on_frame: Callable[[int], object]) -> None:
        """Write pieces one after the other.

        Args:
            pieces: At least one. They have the same header, and each begins with a key frame, after the one before.
            on_frame: Called with the number of frames that are written.

        Raises:
            SinkError: The video cannot be written.
        """
        stream: VideoStream | None = None
        held: Packet[VideoStream] | None = None
        for piece in pieces:
            if stream is None:
                self._size = piece.size
                stream = self._encoder.open(piece.size)
                self._begin(stream)
                with self._reporting_errors(), ordinary_scheduling():
                    self._container.start_encoding()  # writes the header of the encoder, which is that of the pieces
            for packet in piece.packets():
                self._write_held(held, stream)
                held = packet
                on_frame(self.count + 1)
        if held is not None and stream is not None:
            self._prepare(held, stream)
            self._end_with([held])
            with self._reporting_errors():
                self._mux(iter([held]))

    def _write_held(self, packet: "Packet[VideoStream] | None", stream: VideoStream) -> None:
        if packet is not None:
            self._prepare(packet, stream)
            with self._reporting_errors():
                self._mux(iter([packet]))

    def _prepare(self, packet: "Packet[VideoStream]", stream: VideoStream) -> None:
        """Make `packet` the next one of `stream`, and note where the video ends."""
        packet.stream = stream
        if packet.pts is not None:
            last = round(packet.pts * packet.time_base / self._time_base)
            if last > self._last:
                self._last = last
                lasts = round(packet.duration * packet.time_base / self._time_base) if packet.duration else 0
                self._ends = last + (lasts or self._step)
        if packet.dts is not None:  # its encoder did not know the pieces before
            packet.dts = max(packet.dts, math.floor(self._last_dts / packet.time_base) + 1)
            self._last_dts = packet.dts * packet.time_base
