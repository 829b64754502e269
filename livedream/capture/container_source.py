"""A source that FFmpeg demuxes and decodes to its end: a video in a file, in a pipe or on a web server."""

import logging
import math
import threading
from abc import abstractmethod
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from livedream.capture.decoding.color import Colors, Tags
from livedream.capture.decoding.container import estimate_length
from livedream.capture.decoding.damage_report import log_damage
from livedream.capture.decoding.dolby_vision import check_common_colors
from livedream.capture.decoding.shape import Shape
from livedream.capture.decoding.tap import Tap
from livedream.capture.decoding.timestamps import STANDS
from livedream.capture.decoding.video_decoder import TimedFrame, VideoDecoder
from livedream.capture.decoding.video_track import describe_track, video_tracks
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.side_tracks import SideTracks

log = logging.getLogger(__name__)

RUN_UP = Fraction(1)
"""Seconds before the start of a part at which to look for a key frame: seeking goes by the decoding time, which may be
earlier than the presentation time."""
MAX_PIXELS = 2**27
"""16384x8192. A dream needs about forty bytes per pixel."""


class ContainerSource(Source):
    """The frames of a video in the order of their times, upright, none left out.

    Colours: see `Colors`. Interlaced video: see `deinterlaced`. What cannot be decoded is skipped and counted in
    `damaged`; frames that are missing for this reason repeat the one before and are counted in `filled`. Times that
    are missing, repeat or go back are made to increase and counted in `mended`. All of this is logged once at the end.
    Frames of another shape are letterboxed into that of the first.

    A subclass opens the container in `_open_container`.

    Args:
        name: of the video, for people.
        start: of the part that is wanted, in seconds since the beginning of the video: frames with start <= time < end,
            the first of them at time 0. If a frame before it is shown for another second or more, the part begins with
            that frame. None means from the beginning.
        end: of the part, None for the end of the video.

    Raises:
        SourceError: nothing can be decoded, or the video ends before `start`.
        ArgumentError: start and end do not make a part.
    """

    live = False
    reopens = True
    """Whether `_open_container` may be called again; a pipe can be read once."""

    def __init__(self, name: str, *, start: Fraction | int | None = None, end: Fraction | int | None = None) -> None:
        self.name = name
        self._from = _part_start(start, end)
        self._to = None if end is None else Fraction(end)
        self._lock = threading.Lock()
        """Held while PyAV reads: closing a container in the middle of that would crash."""
        self._closed = False
        self._last_time: Fraction | None = None
        """The time of the last frame that was decoded, of the whole video."""
        self._shortest: Fraction | None = None
        """The shortest time from one frame to the next, in seconds."""
        self._index = 0
        self._is_repeated = False
        self._tap: Tap | None = None
        self._tracks: list[int] = []
        """The stream indices of the video tracks, the one that is read first."""
        self.rewinds = self.reopens
        self._decoder = self._open()
        try:
            if not self.reopens:
                self._tap = self._decoder.tap = self._new_tap()
            first = self._first_decodable()
            self._check_dolby_vision(first.frame)
            self._colors = Colors(first.frame, self.name, self._decoder.tags)
            self._shape = Shape(first.frame, self.name)
        except BaseException:
            self._decoder.close()
            raise
        self.size, self.pixel_aspect = self._shape.size, self._shape.pixel_aspect
        self.time_base, self.rate = self._decoder.time_base, self._decoder.rate
        self.picture_track = self._decoder.stream.index
        self.sound = self._sound()
        self._shift = Fraction(0) if start is None else first.time
        self.start = self._decoder.origin + self._shift
        self.until = None if self._to is None else self._to - self._shift
        self.length = self._expected_length()

    @property
    def damaged(self) -> int:
        """The number of packets that could not be decoded."""
        return self._decoder.damaged

    @property
    def filled(self) -> int:
        """The number of frames that repeat the one before in place of lost ones."""
        return self._decoder.filled

    @property
    def mended(self) -> int:
        """The number of times that were corrected."""
        return self._decoder.mended

    @abstractmethod
    def _open_container(self) -> InputContainer:
        """Open the video at its beginning."""

    def _sound(self) -> Path | SideTracks | None:
        """Return where to read the sound and subtitles, None if there are none."""
        if not self.reopens:
            return self._tap
        return self.path if self._decoder.container.streams.audio else None

    def __iter__(self) -> Iterator[Frame]:
        if self._tap is not None:
            self._tap.pictures_begin()
        while True:
            with self._lock:
                timed = self._take()
                frame = None if timed is None else self._convert(timed)
            if frame is None:
                return
            yield frame

    def skip(self, count: int) -> None:
        for _ in range(count):
            with self._lock:  # not converted: that takes as long again as decoding
                if self._take() is None:
                    return

    def rewind(self) -> None:
        if not self.reopens:
            super().rewind()
        with self._lock:
            if self._closed:
                return
            self._is_repeated = True
            self._frames.close()
            self._last_time, self._index = None, 0
            self._reopen()  # no seeking: some files cannot be sought, and their decoders would keep their state
            self._begin()
            if self._waiting is None:
                raise self._no_frames()

    def close(self) -> None:
        self._closed = True
        if self._tap is not None:
            self._tap.close()
        with self._lock:
            self._waiting = None
            self._frames.close()
            self._decoder.close()

    def _take(self) -> TimedFrame | None:
        """Return the next frame and count it."""
        if self._closed:
            return None
        timed, self._waiting = self._waiting, None
        timed = timed or next(self._frames, None)
        self._index += timed is not None
        return timed

    def _convert(self, timed: TimedFrame) -> Frame:
        pixels = self._shape.fit(self._colors.rgb(timed.frame), timed.frame)
        return Frame(pixels, timed.time - self._shift, self._index - 1, duration=timed.duration)

    # Opening

    def _open(self, *, whole: bool = False) -> VideoDecoder:
        """Open the container and choose its video track. whole: read from the first packet, whatever part is wanted."""
        container = self._open_container()
        try:
            if not self._tracks:
                again = self._open_container if self.reopens else None
                self._tracks = [track.index for track in video_tracks(container, self.name, again)]
            stream = container.streams[self._tracks[0]]
            if not isinstance(stream, VideoStream):
                raise SourceError(f"{self.name} changed while it was being opened", "open it again")
            if stream.width * stream.height > MAX_PIXELS:
                size = f"{stream.width}x{stream.height}"
                hint = f"make it smaller first: at most {MAX_PIXELS // 10**6} million pixels"
                raise SourceError(f"{self.name}: frames of {size} are too large", hint)
            counts = whole or not self._from
            return VideoDecoder(container, stream, self.name, counts=counts, on_failure=self._check_end)
        except BaseException:
            container.close()
            raise

    def _reopen(self, *, whole: bool = False) -> None:
        self._decoder.close()
        self._decoder = self._open(whole=whole)

    def _new_tap(self) -> Tap | None:
        """Return what passes on the sound and subtitles of a video that can be read only once, None if it has none."""
        container = self._decoder.container
        if len(container.streams) == 1 and not container.chapters():
            return None
        return Tap(self.name, container, self._decoder.origin + self._from - RUN_UP)

    def _begin(self) -> None:
        """Decode the first frame."""
        self._frames = self._part()
        self._waiting = next(self._frames, None)

    def _first_decodable(self) -> TimedFrame:
        """Return the first frame, of the best video track of which a frame can be decoded. Raises SourceError."""
        self._begin()
        while self._waiting is None and self._last_time is None and self.reopens and len(self._tracks) > 1:
            track = describe_track(self._decoder.container, self._tracks.pop(0))
            log.warning("%s: no frame of %s can be decoded; using the next best track", self.name, track)
            self._reopen()
            self._begin()
        if self._waiting is None:
            raise self._no_frames()
        return self._waiting

    # The part that is wanted

    def _part(self) -> Generator[TimedFrame]:
        """Yield the frames of the part that is wanted; the last one with its duration.

        So each frame waits for the next, except from a pipe, which has no durations and whose frames should be shown at
        once.
        """
        last: TimedFrame | None = None
        before: TimedFrame | None = None
        frames = self._from_key_frame() if self._from else self._decoder.frames(from_key=False, corrects_origin=True)
        for timed in frames:
            self._last_time = timed.time
            if timed.time < self._from:
                before = timed
                continue
            if before is not None and timed.time - self._from >= STANDS:
                begun = before._replace(time=self._from, duration=timed.time - self._from)
                if self.reopens:
                    last = begun
                else:
                    yield begun
            before = None
            if self._to is not None and timed.time >= self._to:
                if last is not None:
                    last = self._with_duration(last, self._to - last.time, exact=True)
                break
            if not self.reopens:
                yield timed
                continue
            if last is not None:
                yield last
                self._shortest = min(self._shortest or timed.time - last.time, timed.time - last.time)
            last = timed
        else:
            self.ended_early = self._shortfall()
            last = self._last_of_video(last, before)
        if last is not None:
            yield last
        if self._tap is not None:
            self._tap.end()
        if not self._is_repeated:
            log_damage(self._decoder, self._file, ended_early=bool(self.ended_early))

    def _last_of_video(self, last: TimedFrame | None, before: TimedFrame | None) -> TimedFrame | None:
        """Return the last frame of a part that reaches to the end of the video, with its duration.

        last: the last frame in the part, if any. before: the last frame before the part, if none is in it; it is
        returned where it is shown for long enough into the part.
        """
        ordered = "matroska" in self._decoder.container.format.name
        duration = self._decoder.last_frame.duration(ordered=ordered)
        if last is not None:
            return self._with_duration(last, duration)
        if before is None or duration is None or not self.reopens:
            return None
        remaining = before.time + duration - self._from
        if remaining < STANDS:
            return None
        return self._with_duration(before._replace(time=self._from), remaining, exact=True)

    def _with_duration(self, last: TimedFrame, duration: Fraction | None, *, exact: bool = False) -> TimedFrame:
        """Return the last frame with its duration, if that is plausible: some files state a tick or half a frame.

        exact: whether it cannot be such a mistake. Then only a fraction of a frame is ignored.
        """
        usual = self._shortest or self._decoder.step * self._decoder.time_base
        shortest = min(usual * 3 / 4, STANDS) if exact else usual * 3 / 4
        if duration is None or duration < shortest:
            return last
        if self._to is not None:
            duration = min(duration, self._to - last.time)
        return last._replace(duration=duration)

    def _from_key_frame(self) -> Iterator[TimedFrame]:
        """Yield the frames from a key frame before the part on; the whole video if none can be found."""
        frames = self._decoder.frames(from_key=True)
        sought = self.reopens and self._decoder.seek_before(self._decoder.origin + self._from - RUN_UP)
        first = next(frames, None) if sought else None
        if first is None or first.time > self._from:
            frames.close()
            if self.reopens:
                self._reopen(whole=True)
            frames = self._decoder.frames(from_key=False)
        else:
            yield first
        yield from frames

    # How it ends, and what is wrong with it

    def _check_end(self, error: av.error.FFmpegError) -> None:
        """Return if FFmpeg's error is how the video ends, raise SourceError if not."""
        raise SourceError(f"{self.name}: {error.strerror}", "the disk or the connection failed") from error

    def _shortfall(self) -> str | None:
        """Return, at the end, how much of the video was there if it should have been longer: `0.2 of 1.0 s`."""
        return self._decoder.ending.shortfall()

    def _no_frames(self) -> SourceError:
        """Return the error for a video without a single frame in the part that is wanted."""
        if self._last_time is None:
            return SourceError(f"{self.name}: no frame can be decoded", "play it with another program to check")
        last, begin = float(self._last_time), float(self._from)
        if self._last_time < self._from:
            return SourceError(f"{self.name}: no frame at {begin:g} s, the last one is at {last:g} s", "start earlier")
        return SourceError(f"{self.name}: no frame between {begin:g} and {float(self._to or 0):g} s", "end later")

    def _check_dolby_vision(self, first: VideoFrame) -> None:
        container_tags, context = self._decoder.tags, self._decoder.stream.codec_context
        path = self._file
        if path is not None and context.name in ("hevc", "av1", "libdav1d"):
            tagged = any(tags.transfer not in (0, ColorTrc.UNSPECIFIED) for tags in (Tags.of(first), container_tags))
            check_common_colors(path, context.codec_tag, tagged=tagged)

    def _expected_length(self) -> int | None:
        """Return the number of frames in the part by the header, None if unknown."""
        stream = self._decoder.stream
        length = stream.frames or estimate_length(self._decoder.container, stream, self.rate)
        if length is None or not (self._from or self._to):
            return length
        if self.rate is None or self._shift * self.rate > length:
            return None  # files that were joined continue after the end that the header of the first one states
        end = length if self._to is None else min(length, math.ceil(self._to * self.rate))
        return max(1, end - math.ceil(self._shift * self.rate))

    @property
    def _file(self) -> Path | None:
        """The file, if it can be opened again; None for a pipe, which would block, and for an address."""
        return self.path if self.path is not None and self.path.is_file() else None


def _part_start(start: Fraction | int | None, end: Fraction | int | None) -> Fraction:
    """Return where the part of a video begins, in seconds. Raises ArgumentError if it is invalid."""
    begin = Fraction(start or 0)
    if begin < 0:
        raise ArgumentError(f"start must not be negative, got {float(begin):g} s", "start at 0 or later")
    if end is not None and end <= begin:
        text = f"a part that starts at {float(begin):g} s cannot end at {float(end):g} s"
        raise ArgumentError(text, "choose an end later than the start")
    return begin
