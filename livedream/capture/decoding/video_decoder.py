"""One pass over an open container: from its packets to decoded frames in the order of their times."""

from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from livedream.capture.decoding.color import Tags
from livedream.capture.decoding.container import decode_together, rate_of, start_of, track_start
from livedream.capture.decoding.deinterlace import deinterlaced
from livedream.capture.decoding.ending import Ending
from livedream.capture.decoding.error_concealment import Concealment
from livedream.capture.decoding.holes import Holes
from livedream.capture.decoding.shape import Aspects
from livedream.capture.decoding.tap import Tap
from livedream.capture.decoding.timestamps import DecodingTimes, LastFrame, Timestamps
from livedream.errors import SourceError
from livedream.formats.timeline import Timeline, may_seek, packets_of

BAD_READS = 100
"""The number of consecutive failed reads after which the video counts as ended."""
JUMP = Fraction(1)
"""Seconds. A frame time that goes back by more, without a jump of the file's clock, starts a new clock; one that goes
back by less is an error."""
LONGEST_GAP = Fraction(10)
"""Seconds. A longer stretch of damage without a single packet is not filled."""
MOST_HELD = 2**26
"""Bytes of packets that are buffered at most in the search for a key frame before the start of a part."""


class TimedFrame(NamedTuple):
    """A decoded frame with its time."""

    frame: VideoFrame
    time: Fraction
    """Seconds since the beginning of the video."""
    duration: Fraction | None = None
    """How many seconds the last frame is shown, if the file states it."""


class VideoDecoder:
    """Decodes the video track of an open container, once.

    Args:
        container: closed with the decoder.
        stream: the video track.
        name: of the video, for messages.
        counts: whether reading starts at the first packet, so that packets can be counted.
        on_failure: called when FFmpeg cannot read on; returns if that is how the video ends, raises SourceError if not.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        name: str,
        *,
        counts: bool,
        on_failure: Callable[[av.error.FFmpegError], None],
    ) -> None:
        self.container, self.stream = container, stream
        self.name = name
        self._on_failure = on_failure
        decode_together(stream)
        self.tags = Tags.of_container(stream)
        self._aspects = Aspects(stream)
        self.time_base = stream.time_base or Fraction(1, 90000)
        self.rate = rate_of(stream)
        self.origin = start_of(container, self.time_base)
        """The timestamp of the file at time 0, in seconds."""
        self.step = max(1, round(1 / ((self.rate or 25) * self.time_base)))
        """Ticks from one frame to the next, usually."""
        self.tap: Tap | None = None
        """Takes the packets of the other tracks."""
        self.damaged = self.filled = self.mended = 0
        """The number of packets that could not be decoded, of frames repeated in their place, of corrected times."""
        self.bytes_read = 0
        """A lower bound for the number of bytes that were read."""
        self.is_read = False
        """Whether everything was read that FFmpeg reads of the file."""
        self.timeline, self.last_frame = Timeline(container), LastFrame()
        self.holes = Holes(container, stream.index)
        self.ending = Ending(container, stream, counts=counts)
        self._approach: int | None = None
        """Where a part begins, in ticks, if the file has to be read up to it because seeking is not possible."""

    def close(self) -> None:
        self.container.close()

    def seek_before(self, moment: Fraction) -> bool:
        """Prepare to read from before `moment`, in seconds of the file's clock.

        Returns False if the file cannot be sought, or if seeking would save nothing.
        """
        target = round(moment / self.time_base)
        begins = track_start(self.stream)
        if begins is None or moment <= begins:
            return False
        if not may_seek(self.container, moment):
            self._approach = target
            return True
        try:
            self.container.seek(target, stream=self.stream)
        except av.error.FFmpegError:
            return False
        return True

    def frames(self, *, from_key: bool, corrects_origin: bool = False) -> Generator[TimedFrame]:
        """Yield every frame from the current position on, with increasing times.

        Args:
            from_key: whether to skip the frames before the first key frame.
            corrects_origin: whether a first frame before the time in the header moves time 0 there.
        """
        timestamps: Timestamps | None = None
        for frame, ticks in deinterlaced(self._decoded(from_key=from_key), self.name):
            if timestamps is None:
                first = round(self.origin / self.time_base)
                if corrects_origin and ticks is not None and ticks < first:  # the header is wrong
                    self.origin, first = ticks * self.time_base, ticks
                timestamps = Timestamps(self.step, first=first, jump=int(JUMP / self.time_base))
            time = timestamps.read(ticks) * self.time_base
            self.mended = timestamps.mended
            yield TimedFrame(frame, time)

    def _decoded(self, *, from_key: bool) -> Generator[tuple[VideoFrame, int | None]]:
        """Yield each frame with its time in ticks as stored in the file; a lost frame repeats the one before."""
        concealment: Concealment[VideoFrame] = Concealment(self.step, int(LONGEST_GAP / self.time_base))
        codec = self.stream.codec_context.name
        format_name = self.container.format.name
        lacks_pts = format_name in ("avi", "asf") and codec in ("h264", "hevc")
        times = DecodingTimes(self.step, late=format_name == "asf") if lacks_pts else None
        damaged = self.damaged
        for packet in self._packets() if self._approach is None else self._packets_from_last_key(self._approach):
            if packet.size:
                concealment.expect(packet.dts if times else packet.pts, key=packet.is_keyframe)
            elif packet.pts is not None and codec == "theora":  # repeats the frame before, by the specification
                yield from concealment.repeat(packet.pts)
                continue
            if times:
                times.note(packet)
            frames = self._decode(packet)
            if self.damaged > damaged or packet.is_corrupt:
                concealment.damage()
                damaged = self.damaged
            for frame in frames:
                ticks = times.time(frame) if times else frame.pts
                if from_key and not frame.key_frame:
                    continue  # it may refer to frames before the position where reading started
                from_key = False
                yield from concealment.put(frame, ticks)
            self.filled = concealment.filled
        yield from concealment.rest()
        self.filled = concealment.filled

    def _decode(self, packet: "av.Packet[VideoStream]") -> "list[VideoFrame]":
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # damaged; the next packet may be intact
            self.damaged += 1
            return []
        self._aspects.mark(frames, self.stream.codec_context.sample_aspect_ratio)
        return frames

    def _packets_from_last_key(self, target: int) -> "Iterator[av.Packet[VideoStream]]":
        """Yield the packets from the last key frame before `target` ticks on: those before need not be decoded."""
        held: list[av.Packet[VideoStream]] = []
        size = 0
        packets = self._packets()
        for packet in packets:
            key = packet.pts if packet.is_keyframe else None
            if key is not None and key <= target:
                held, size = [], 0
            held.append(packet)
            size += packet.size
            if not packet.size or size > MOST_HELD or (key is not None and key > target):
                break
        yield from held
        yield from packets

    def _refuse_encrypted(self, packet: "av.Packet[VideoStream]") -> None:
        """Raise SourceError for a packet that is encrypted: a decoder may make frames of it all the same, of noise."""
        if packet.has_sidedata("encryption_info"):
            raise SourceError(f"{self.name} is encrypted", "livedream cannot open copy-protected videos")

    def _packets(self) -> "Iterator[av.Packet[VideoStream]]":
        """Yield every packet of the video track, skipping unreadable ones; an empty one at the end flushes the decoder.

        Their times are on a continuous clock, see `Timeline`.
        """
        bad = 0
        while bad < BAD_READS:
            try:
                for packet in packets_of(self.container):  # of all tracks: they jump together
                    bad = 0
                    self.bytes_read = max(self.bytes_read, (packet.pos or 0) + packet.size)
                    self.ending.note(packet)
                    self.holes.note(packet)
                    for ready in self.timeline.feed(packet):
                        if ready.stream.index == self.stream.index:  # an empty one has no `stream_index`
                            self._refuse_encrypted(ready)
                            self.last_frame.note(ready)
                            yield _without_discard(ready) if self.timeline.jumps else ready
                        elif self.tap is not None and ready.stream.type in ("audio", "subtitle"):
                            self.tap.put(ready)
                self.is_read = True
                return
            except av.error.InvalidDataError:
                bad += 1
                self.damaged += 1
            except av.error.FFmpegError as error:
                self._on_failure(error)
                flush: av.Packet[Any] = av.Packet()
                flush.stream = self.stream
                yield flush
                return


def _without_discard(packet: "av.Packet[VideoStream]") -> "av.Packet[VideoStream]":
    """Return a packet without FFmpeg's flag that its frame is not to be shown.

    It comes from the edit list of the first part of a joined mp4, which does not apply to the other parts.
    """
    if not packet.is_discard:
        return packet
    kept: av.Packet[Any] = av.Packet(bytes(packet))
    kept.pts, kept.dts, kept.duration = packet.pts, packet.dts, packet.duration
    kept.time_base, kept.is_keyframe, kept.stream = packet.time_base, packet.is_keyframe, packet.stream
    return kept
