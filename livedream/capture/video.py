"""Frames from a film, each with the time that stands in the file."""

import contextlib
import logging
import math
import threading
from abc import abstractmethod
from collections.abc import Generator, Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from livedream.capture.decoding.color import Colors, Tags
from livedream.capture.decoding.container import (
    behind_the_end,
    decode_together,
    estimate_length,
    is_encrypted,
    missing_bytes,
    open_film,
    rate_of,
    start_of,
    track_start,
)
from livedream.capture.decoding.deinterlace import deinterlaced
from livedream.capture.decoding.dolby_vision import check_common_colors
from livedream.capture.decoding.ending import Ending
from livedream.capture.decoding.error_concealment import Concealment
from livedream.capture.decoding.holes import Holes
from livedream.capture.decoding.picture_track import describe_track, picture_tracks
from livedream.capture.decoding.shape import Aspects, Shape
from livedream.capture.decoding.tap import Tap
from livedream.capture.decoding.timestamps import STANDS, DecodingTimes, LastPicture, Timestamps
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.side_tracks import SideTracks
from livedream.timeline import Timeline, may_seek, packets_of

log = logging.getLogger(__name__)

BAD_READS = 100
"""How often in a row the reader may fail before the film counts as ended."""
JUMP = Fraction(1)
"""Seconds. A picture's time that goes back further, for no jump of the file's clock, starts a new clock; one that goes
back less is a slip."""
LONGEST_GAP = Fraction(10)
"""Seconds of damage without one packet that are filled at most."""
RUN_UP = Fraction(1)
"""Seconds before the start of a part at which to look for a key frame: files find it by its decoding time, which may be
earlier than its own."""
MOST_HELD = 2**26
"""Bytes of packets that are held at most while a key frame before the start of a part is looked for."""
MAX_PIXELS = 2**27
"""16384x8192. A dream needs some forty bytes a pixel."""


class _Shown(NamedTuple):
    """A picture on its way out."""

    picture: VideoFrame
    time: Fraction
    """Seconds since the film began."""
    duration: Fraction | None = None
    """For how many seconds it is shown, where the file says so and nothing follows."""


class ContainerSource(Source):
    """The frames of a film in the order of their times, upright, none left out.

    name: what to call it. start, end: the part that is wanted, in seconds since the film began: frames with start <=
    time < end, the first of them at time 0. Where a picture that came before stands for another second or more, it is
    the first one. None means from the beginning, to the end.

    Colours: see `Colors`. Interlaced film: see `deinterlaced`. What cannot be decoded is skipped and counted in
    `damaged`; where pictures are missing for it, the last one before is repeated, and counted in `filled`. Times that
    are missing, repeat or go back are made to increase and counted in `mended`. All is logged once at the end. Frames
    of another shape are letterboxed into that of the first.

    Raises SourceError when there is nothing to decode, and when the film ends before `start`; ArgumentError when the
    part is none.
    """

    live = False
    reopens = True
    """Whether `_film` may be called again; a pipe can be read once."""

    def __init__(self, name: str, *, start: Fraction | int | None = None, end: Fraction | int | None = None) -> None:
        self.name = name
        self.damaged = self.filled = self.mended = 0
        self._from = _part_start(start, end)
        self._to = None if end is None else Fraction(end)
        self._lock = threading.Lock()
        """Held while PyAV reads: closing a container in the middle of that would crash."""
        self._closed = False
        self._seen: Fraction | None = None
        self._shortest: Fraction | None = None
        """Seconds from one picture to the next, the least."""
        self._read_to = 0
        """How many bytes of the file were read, at least."""
        self._is_read = False
        """Whether all was read that FFmpeg reads of it."""
        self._approach: int | None = None
        """Where a part begins to which the file cannot be sought, in ticks."""
        self._index = 0
        self._is_repeated = False
        self._tap: Tap | None = None
        self._tracks: list[int] = []
        """The indices of the picture tracks, the one that is read first."""
        self.rewinds = self.reopens
        self._container, self._stream = self._open()
        try:
            if not self.reopens and (len(self._container.streams) > 1 or self._container.chapters()):
                origin = start_of(self._container, self._stream.time_base or Fraction(1, 90000))
                self._tap = Tap(
                    self.name, self._container, origin + self._from - RUN_UP if self._from else origin - RUN_UP
                )
            self._begin()
            while self._waiting is None and self._seen is None and self.reopens and len(self._tracks) > 1:
                was = describe_track(self._container, self._tracks.pop(0))
                log.warning("%s: not one frame of picture %s can be decoded; the next best is taken", self.name, was)
                self._reopen()
                self._begin()
            if self._waiting is None:
                raise self._nothing()
            first = self._waiting.picture
            self._check_dolby_vision(first)
            self._colors = Colors(first, self.name, self._tags)
            self._shape = Shape(first, self.name)
        except BaseException:
            self._container.close()
            raise
        self.size, self.pixel_aspect = self._shape.size, self._shape.pixel_aspect
        self.picture_track = self._stream.index
        self.sound = self._sound()
        self._shift = Fraction(0) if start is None else self._waiting.time
        self.start = self._origin + self._shift
        self.until = None if self._to is None else self._to - self._shift
        self.length = self._expected_length()

    def _begin(self) -> None:
        """Read up to the first picture."""
        self.time_base = self._stream.time_base or Fraction(1, 90000)
        self.rate = rate_of(self._stream)
        self._origin = start_of(self._container, self.time_base)
        self._step = max(1, round(1 / ((self.rate or 25) * self.time_base)))
        self._ending = Ending(self._container, self._stream, counts=not self._from)
        self._pictures = self._part()
        self._waiting = next(self._pictures, None)

    @abstractmethod
    def _film(self) -> InputContainer:
        """Open the film, at its beginning."""

    def _sound(self) -> Path | SideTracks | None:
        """Return where the tracks beside the pictures come from, None for nowhere."""
        if not self.reopens:
            return self._tap
        return self.path if self._container.streams.audio else None

    def __iter__(self) -> Iterator[Frame]:
        if self._tap is not None:
            self._tap.pictures_begin()
        while True:
            with self._lock:
                shown = self._take()
                frame = None if shown is None else self._frame(shown)
            if frame is None:
                return
            yield frame

    def skip(self, count: int) -> None:
        for _ in range(count):
            with self._lock:  # not made into a frame: that takes as long again as to decode it
                if self._take() is None:
                    return

    def rewind(self) -> None:
        if not self.reopens:
            super().rewind()
        with self._lock:
            if self._closed:
                return
            self._is_repeated = True
            self._pictures.close()
            self._seen, self._approach = None, None
            self._index, self._read_to, self._is_read = 0, 0, False
            self._reopen()  # not sought: some files cannot be, and their decoders would keep what they know
            self._begin()
            if self._waiting is None:
                raise self._nothing()

    def close(self) -> None:
        self._closed = True
        if self._tap is not None:
            self._tap.close()
        with self._lock:
            self._waiting = None
            self._pictures.close()
            self._container.close()

    def _take(self) -> _Shown | None:
        """Return the next picture, counted."""
        if self._closed:
            return None
        shown, self._waiting = self._waiting, None
        shown = shown or next(self._pictures, None)
        self._index += shown is not None
        return shown

    def _frame(self, shown: _Shown) -> Frame:
        pixels = self._shape.fit(self._colors.rgb(shown.picture), shown.picture)
        return Frame(pixels, shown.time - self._shift, self._index - 1, duration=shown.duration)

    def _open(self) -> tuple[InputContainer, VideoStream]:
        container = self._film()
        try:
            if not self._tracks:
                again = self._film if self.reopens else None
                self._tracks = [track.index for track in picture_tracks(container, self.name, again)]
            stream = container.streams[self._tracks[0]]
            if not isinstance(stream, VideoStream):
                raise SourceError(f"{self.name} changed while it was being opened", "open it again")
            if stream.width * stream.height > MAX_PIXELS:
                size = f"{stream.width}x{stream.height}"
                cure = f"make it smaller first: at most {MAX_PIXELS // 10**6} million pixels"
                raise SourceError(f"{self.name}: frames of {size} are too large", cure)
            decode_together(stream)
            self._tags = Tags.of_container(stream)
            self._aspects = Aspects(stream)
        except BaseException:
            container.close()
            raise
        return container, stream

    def _reopen(self) -> None:
        self._container.close()
        self._container, self._stream = self._open()
        self._ending = Ending(self._container, self._stream)
        self.damaged = self.filled = self.mended = 0

    def _part(self) -> Generator[_Shown]:
        """The pictures of the part that is wanted; the last one knows how long it is shown.

        So each waits for the next; not those of a pipe, which has no durations and should be shown at once.
        """
        last: _Shown | None = None
        before: _Shown | None = None
        pictures = self._from_key_frame() if self._from else self._all(from_key=False)
        for shown in pictures:
            self._seen = shown.time
            if shown.time < self._from:
                before = shown
                continue
            if before is not None and shown.time - self._from >= STANDS:
                begun = before._replace(time=self._from, duration=shown.time - self._from)
                if self.reopens:
                    last = begun
                else:
                    yield begun
            before = None
            if self._to is not None and shown.time >= self._to:
                if last is not None:
                    last = self._lasting(last, self._to - last.time, exact=True)
                break
            if not self.reopens:
                yield shown
                continue
            if last is not None:
                yield last
                self._shortest = min(self._shortest or shown.time - last.time, shown.time - last.time)
            last = shown
        else:
            self.ended_early = self._shortfall()
            duration = self._last_picture.duration(ordered="matroska" in self._container.format.name)
            stands = None if before is None or duration is None else before.time + duration - self._from
            if last is not None:
                last = self._lasting(last, duration)
            elif before is not None and stands is not None and stands >= STANDS and self.reopens:
                last = self._lasting(before._replace(time=self._from), stands, exact=True)
        if last is not None:
            yield last
        if self._tap is not None:
            self._tap.end()
        self._conclude()

    def _shortfall(self) -> str | None:
        """Return, at the end, how much of the film was there if it should have been longer: `0.2 of 1.0 s`."""
        return self._ending.shortfall()

    def _lasting(self, last: _Shown, duration: Fraction | None, *, exact: bool = False) -> _Shown:
        """Return the last picture with its duration, if that is one: some files have a tick or half a frame there.

        exact: whether it is no such mistake. Then at most a fraction of a frame, which is no duration, is passed over.
        """
        usual = self._shortest or self._step * self.time_base
        shortest = min(usual * 3 / 4, STANDS) if exact else usual * 3 / 4
        if duration is None or duration < shortest:
            return last
        if self._to is not None:
            duration = min(duration, self._to - last.time)
        return last._replace(duration=duration)

    def _from_key_frame(self) -> Iterator[_Shown]:
        """The pictures from a key frame before the part on; all of the film where none can be found."""
        pictures = self._all(from_key=True)
        first = next(pictures, None) if self._seek() else None
        if first is None or first.time > self._from:
            pictures.close()
            if self.reopens:
                self._reopen()
            self._approach = None
            pictures = self._all(from_key=False)
        else:
            yield first
        yield from pictures

    def _seek(self) -> bool:
        """Go to before the part; False where the file cannot, and where it would save nothing."""
        if not self.reopens:
            return False
        moment = self._origin + self._from - RUN_UP
        target = round(moment / self.time_base)
        begins = track_start(self._stream)
        if begins is None or moment <= begins:
            return False
        if not may_seek(self._container, moment):
            self._approach = target
            return True
        try:
            self._container.seek(target, stream=self._stream)
        except av.error.FFmpegError:
            return False
        return True

    def _all(self, *, from_key: bool) -> Generator[_Shown]:
        """Every picture from where the reader stands, or from the first key frame there."""
        clock: Timestamps | None = None
        for picture, ticks in deinterlaced(self._decoded(from_key=from_key), self.name):
            if clock is None:
                first = round(self._origin / self.time_base)
                if not self._from and ticks is not None and ticks < first:  # the header is wrong
                    self._origin, first = ticks * self.time_base, ticks
                clock = Timestamps(self._step, first=first, jump=int(JUMP / self.time_base))
            time = clock.read(ticks) * self.time_base
            self.mended = clock.mended
            yield _Shown(picture, time)

    def _decoded(self, *, from_key: bool) -> Generator[tuple[VideoFrame, int | None]]:
        """Each picture with its time in ticks as the file has it; what was lost is filled with the one before."""
        gaps: Concealment[VideoFrame] = Concealment(self._step, int(LONGEST_GAP / self.time_base))
        codec = self._stream.codec_context.name
        kind = self._container.format.name
        decoding = kind in ("avi", "asf") and codec in ("h264", "hevc")
        times = DecodingTimes(self._step, late=kind == "asf") if decoding else None
        damaged = self.damaged
        for packet in self._packets() if self._approach is None else self._from_last_key(self._approach):
            if packet.size:
                gaps.expect(packet.dts if times else packet.pts, key=packet.is_keyframe)
            elif packet.pts is not None and codec == "theora":  # the one before once more, by the specification
                yield from gaps.repeat(packet.pts)
                continue
            if times:
                times.note(packet)
            pictures = self._decode(packet)
            if self.damaged > damaged or packet.is_corrupt:
                gaps.damage()
                damaged = self.damaged
            for picture in pictures:
                ticks = times.time(picture) if times else picture.pts
                if from_key and not picture.key_frame:
                    continue  # it may be made from pictures before the place where reading began
                from_key = False
                yield from gaps.put(picture, ticks)
            self.filled = gaps.filled
        yield from gaps.rest()
        self.filled = gaps.filled

    def _decode(self, packet: "av.Packet[VideoStream]") -> "list[VideoFrame]":
        try:
            pictures = packet.decode()
        except av.error.FFmpegError:  # damaged; the next one may be whole
            self.damaged += 1
            return []
        self._aspects.mark(pictures, self._stream.codec_context.sample_aspect_ratio)
        return pictures

    def _from_last_key(self, target: int) -> "Iterator[av.Packet[VideoStream]]":
        """The packets from the last key frame before `target` ticks on: what is before it need not be decoded."""
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

    def _packets(self) -> "Iterator[av.Packet[VideoStream]]":
        """Every packet of the pictures, past what cannot be read; the last one is empty and flushes the decoder.

        Their times are those of a clock that goes on, see `Timeline`.
        """
        bad = 0
        self._timeline, self._last_picture = Timeline(self._container), LastPicture()
        self._holes = Holes(self._container, self._stream.index)
        while bad < BAD_READS:
            try:
                for packet in packets_of(self._container):  # of all tracks: they jump together
                    bad = 0
                    self._read_to = max(self._read_to, (packet.pos or 0) + packet.size)
                    self._ending.note(packet)
                    self._holes.note(packet)
                    for ready in self._timeline.feed(packet):
                        if ready.stream.index == self._stream.index:  # an empty one has no `stream_index`
                            self._last_picture.note(ready)
                            yield _wanted(ready) if self._timeline.jumps else ready
                        elif self._tap is not None and ready.stream.type in ("audio", "subtitle"):
                            self._tap.put(ready)
                self._is_read = True
                return
            except av.error.InvalidDataError:
                bad += 1
                self.damaged += 1
            except av.error.FFmpegError as error:
                if not self._is_end(error):
                    raise self._broken(error) from error
                flush: av.Packet[Any] = av.Packet()
                flush.stream = self._stream
                yield flush
                return

    def _is_end(self, error: av.error.FFmpegError) -> bool:
        """Return whether that is how the film ends."""
        return False

    def _broken(self, error: av.error.FFmpegError) -> SourceError:
        """The error for a film that cannot be read any further."""
        return SourceError(f"{self.name}: {error.strerror}", "the disk or the connection failed")

    def _check_dolby_vision(self, first: VideoFrame) -> None:
        tags = Tags.of(first), self._tags
        path = self._file
        if path is not None and self._stream.codec_context.name in ("hevc", "av1", "libdav1d"):
            tagged = any(one.transfer not in (0, ColorTrc.UNSPECIFIED) for one in tags)
            check_common_colors(path, self._stream.codec_context.codec_tag, tagged=tagged)

    def _nothing(self) -> SourceError:
        """The error for a film without one picture in the part that is wanted."""
        path = self._file
        if self._seen is None and path is not None and is_encrypted(path):
            return SourceError(f"{self.name} is encrypted", "livedream cannot open what is protected against copying")
        if self._seen is None:
            return SourceError(f"{self.name}: not one frame can be decoded", "play it with another program to check")
        seen, wanted = float(self._seen), float(self._from)
        if self._seen < self._from:
            return SourceError(f"{self.name}: no frame at {wanted:g} s, the last one is at {seen:g} s", "start earlier")
        return SourceError(f"{self.name}: no frame from {wanted:g} s on before {float(self._to or 0):g} s", "end later")

    def _expected_length(self) -> int | None:
        """How many frames the header promises of the part."""
        length = self._stream.frames or estimate_length(self._container, self._stream, self.rate)
        if length is None or not (self._from or self._to):
            return length
        if self.rate is None or self._shift * self.rate > length:
            return None  # joined files go on behind the end that the header of the first one tells
        end = length if self._to is None else min(length, math.ceil(self._to * self.rate))
        return max(1, end - math.ceil(self._shift * self.rate))

    @property
    def _file(self) -> Path | None:
        """The file, to be opened beside the decoder; None for a pipe, which would wait for ever, and an address."""
        return self.path if self.path is not None and self.path.is_file() else None

    def _look_behind(self, path: Path) -> None:
        """Report what of the file is missing, and what FFmpeg does not read. Raises OSError."""
        kind = self._container.format.name
        if not self.ended_early and (missing := missing_bytes(path, kind)):
            log.warning("%s: the file was cut off, its last %d bytes are missing", self.name, missing)
        if self._is_read and (unread := behind_the_end(path, kind, self._read_to)):
            cure = "join films with ffmpeg's concat demuxer to have all of them"
            log.warning("%s: %s after the end of the film are left out; %s", self.name, unread, cure)

    def _conclude(self) -> None:
        if self._is_repeated:
            return
        if self.damaged:
            text = f"{self.name}: {self.damaged} damaged packets were skipped"
            log.warning("%s, %d lost frames repeat the one before", text, self.filled)
        if jumps := self._timeline.jumps:
            at = f"at {float(jumps[0].time - self._origin):.2f} s by {float(jumps[0].by):+.2f} s"
            how = f"jumps {at}" if len(jumps) == 1 else f"jumps {len(jumps)} times, first {at}"
            log.warning("%s: the clock of the file %s; picture and sound go on without a gap", self.name, how)
        holes = self._holes.found(whole=self._is_read)
        if holes and not self._timeline.jumps:
            first = holes[0]._replace(
                begin=holes[0].begin - float(self._origin), end=holes[0].end - float(self._origin)
            )
            where = f"from {first.begin:.2f} to {first.end:.2f} s"
            more = "" if len(holes) == 1 else f", and nothing in {len(holes) - 1} more places"
            log.warning("%s: nothing is there %s%s; the file may be damaged", self.name, where, more)
        if (path := self._file) is not None:
            with contextlib.suppress(OSError):  # it was taken away meanwhile: the film has been read all the same
                self._look_behind(path)
        if self.mended:
            log.warning("%s: %d times were missing or went back", self.name, self.mended)


class VideoSource(ContainerSource):
    """The frames of the film in the file at `path`."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        start: Fraction | int | None = None,
        end: Fraction | int | None = None,
    ) -> None:
        self.path: Path = Path(path)
        super().__init__(str(self.path), start=start, end=end)

    def _film(self) -> InputContainer:
        self._bytes = _file_size(self.path)
        return open_film(self.path)

    def _shortfall(self) -> str | None:
        cut = (_file_size(self.path) or self._bytes) < self._bytes  # while it was read
        return self._ending.shortfall(cut=cut)


def _file_size(path: Path) -> int:
    """Return the bytes in a file; 0 where that cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _part_start(start: Fraction | int | None, end: Fraction | int | None) -> Fraction:
    """Return where the part of a film begins, in seconds. Raises ArgumentError when it is no part."""
    begin = Fraction(start or 0)
    if begin < 0:
        raise ArgumentError(f"a film has no part before its beginning: {float(begin):g} s", "start at 0 or later")
    if end is not None and end <= begin:
        text = f"a part that starts at {float(begin):g} s cannot end at {float(end):g} s"
        raise ArgumentError(text, "end it after its start")
    return begin


def _wanted(packet: "av.Packet[VideoStream]") -> "av.Packet[VideoStream]":
    """Return a packet without FFmpeg's mark that its picture is not to be shown.

    It is set by the edit list of the first part of a joined mp4, which means nothing for the others.
    """
    if not packet.is_discard:
        return packet
    wanted: av.Packet[Any] = av.Packet(bytes(packet))
    wanted.pts, wanted.dts, wanted.duration = packet.pts, packet.dts, packet.duration
    wanted.time_base, wanted.is_keyframe, wanted.stream = packet.time_base, packet.is_keyframe, packet.stream
    return wanted
