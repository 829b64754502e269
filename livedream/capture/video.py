"""Frames from a film, each with the time that stands in the file."""

import logging
import threading
from collections.abc import Generator, Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame

log = logging.getLogger(__name__)

BAD_READS = 100
"""How often in a row the reader may fail before the film counts as ended."""
JUMP = Fraction(1)
"""Seconds. A time that goes back further starts a new clock (joined films); one that goes back less is a slip."""
HDR = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}


class VideoSource(Source):
    """The frames of a film in the order of their times, upright, none left out.

    Colours are converted by the tags of each frame (matrix, full or limited range); untagged ones are taken for BT.601,
    as ffmpeg does. What cannot be decoded is skipped and counted in `damaged`; times that are missing, repeat or go
    back are made to increase and counted in `mended`; both are logged once at the end. Frames of another size are
    scaled to that of the first. Raises SourceError when there is nothing to decode.
    """

    live = False

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path: Path = Path(path)
        self.name = str(self.path)
        self.damaged = 0
        self.mended = 0
        self._lock = threading.Lock()
        """Held while PyAV reads: closing a container in the middle of that would crash."""
        self._closed = False
        self._container = _open(self.path)
        try:
            self._stream = _pictures(self._container, self.path)
            self._stream.thread_type = "AUTO"
            self.time_base = self._stream.time_base or Fraction(1, 90000)
            self.rate = _rate(self._stream)
            self.start = _start(self._container, self.time_base)
            self.sound = self.path if self._container.streams.audio else None
            self._step = max(1, round(1 / ((self.rate or 25) * self.time_base)))
            self._turn: _Turn | None = None
            self._coded_size: tuple[int, int] | None = None
            self._frames = self._decode()
            self._waiting = next(self._frames, None)
            if self._waiting is None:
                raise SourceError(f"{self.path}: not one frame can be decoded", "play it with another program to check")
        except BaseException:
            self._container.close()
            raise
        self.size = self._waiting.size
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if self._turn and self._turn.transposed else aspect
        self.length = self._stream.frames or _estimate(self._container, self._stream, self.rate)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                if self._closed:
                    return
                frame, self._waiting = self._waiting, None
                if frame is None:
                    frame = next(self._frames, None)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        self._closed = True
        with self._lock:
            self._waiting = None
            self._frames.close()
            self._container.close()

    def _decode(self) -> Generator[Frame]:
        clock = _Clock(self._step, first=round(self.start / self.time_base), jump=int(JUMP / self.time_base))
        index = 0
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:  # a damaged packet; the next one may be whole
                self.damaged += 1
                continue
            for picture in decoded:
                ticks = clock.read(picture.pts)
                if index == 0:
                    self._look_at(picture)
                yield Frame(self._upright(picture), ticks * self.time_base, index)
                index += 1
        self.mended = clock.mended
        if self.damaged:
            log.warning("%s: %d damaged packets were skipped", self.path, self.damaged)
        if self.mended:
            log.warning("%s: %d times were missing or went back", self.path, self.mended)

    def _packets(self) -> "Iterator[av.Packet[VideoStream]]":
        """Every packet of the film, past what cannot be read; the last one is empty and flushes the decoder."""
        bad = 0
        while bad < BAD_READS:
            try:
                for packet in self._container.demux(self._stream):
                    bad = 0
                    yield packet
                return
            except av.error.InvalidDataError:
                bad += 1
                self.damaged += 1
            except av.error.FFmpegError as error:
                raise SourceError(f"{self.path}: {error.strerror}", "the disk or the connection failed") from error

    def _look_at(self, first: VideoFrame) -> None:
        self._coded_size = first.width, first.height
        self._turn = _turn(first)
        if first.color_trc in HDR:
            log.warning("%s: HDR (%s) is shown without tone mapping", self.path, HDR[ColorTrc(first.color_trc)])
        if first.interlaced_frame:
            log.warning("%s is interlaced; its two fields are dreamt as one picture", self.path)

    def _upright(self, picture: VideoFrame) -> np.ndarray:
        size = picture.width, picture.height
        if size != self._coded_size and self._coded_size is not None:
            log.info("%s: frame of %dx%d scaled to %dx%d", self.path, *size, *self._coded_size)
            picture = picture.reformat(*self._coded_size, format="rgb24")
        pixels = picture.to_ndarray(format="rgb24")
        return self._turn.upright(pixels) if self._turn else pixels


class _Clock:
    """Times of a film in ticks, made to increase, from 0 where the film begins."""

    def __init__(self, step: int, first: int, jump: int) -> None:
        self.mended = 0
        self._step = step
        self._shift = -first
        self._jump = jump
        self._last: int | None = None

    def read(self, ticks: int | None) -> int:
        """Return the time of the next frame, for the one that stands in the file."""
        if self._last is None:
            self.mended += ticks is None
            self._last = 0 if ticks is None else ticks + self._shift
            return self._last
        usual = self._last + self._step
        if ticks is None:
            self.mended += 1
            self._last = usual
        elif ticks + self._shift > self._last:
            self._last = ticks + self._shift
        else:
            self.mended += 1
            if self._last - (ticks + self._shift) > self._jump:
                self._shift = usual - ticks
                self._last = usual
            else:
                self._last += 1
        return self._last


class _Turn:
    """How a picture is turned and mirrored so that it stands upright, from the matrix in the file."""

    def __init__(self, matrix: np.ndarray) -> None:
        (a, b, _), (c, d, _), _ = matrix.tolist()  # x' = a*x + c*y, y' = b*x + d*y, y downwards
        self.transposed = abs(b) > abs(a)
        self._mirrored = (c if self.transposed else a) < 0
        self._upside_down = (b if self.transposed else d) < 0

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self._mirrored:
            pixels = pixels[:, ::-1]
        if self._upside_down:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


def _turn(picture: VideoFrame) -> _Turn | None:
    data: Any = picture.side_data  # PyAV's types call it a dict of something else
    if Type.DISPLAYMATRIX not in data:
        return None
    return _Turn(np.frombuffer(data[Type.DISPLAYMATRIX], np.int32).reshape(3, 3))


def _open(path: Path) -> InputContainer:
    try:
        # Absolute, so that a colon in a name does not make it an address.
        container = av.open(str(path.absolute()), "r")
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder", "name a film") from error
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {path}", "check the name") from error
    except PermissionError as error:
        raise SourceError(f"no right to read {path}", "check the rights of the file and its folder") from error
    except (av.error.FFmpegError, OSError) as error:
        raise _not_a_film(path, error) from error
    if container.format.name == "tty":  # FFmpeg would show a text as a film of scrolling letters
        container.close()
        raise SourceError(f"{path} is a text, not a film")
    return container


def _not_a_film(path: Path, error: OSError | av.error.FFmpegError) -> SourceError:
    """Return the error for a file that no demuxer takes."""
    if path.stat().st_size == 0:
        return SourceError(f"{path} is empty", "was the recording cut off, or the disk full?")
    if isinstance(error, av.error.InvalidDataError):
        boxes = _boxes(path)
        if "ftyp" in boxes and "moov" not in boxes:
            return SourceError(
                f"{path} is cut off: its index (moov) is missing",
                "repair it, for example with untrunc, or copy it again",
            )
        return SourceError(f"{path} is not a film that FFmpeg can read", "play it with another program to check")
    return SourceError(f"{path}: {error.strerror}", "play it with another program to check")


def _boxes(path: Path) -> list[str]:
    """Return the names of the outermost boxes of an mp4 or mov file, in order (ISO/IEC 14496-12, 4.2)."""
    names = []
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            names.append(head[4:8].decode("latin-1"))
            if size < 8:  # 0: up to the end of the file; 2 to 7: no mp4
                break
            file.seek(size - len(head), 1)
    return names


def _pictures(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:  # the cover of a record
            return stream
    if container.streams.audio:
        raise SourceError(f"{path} has sound but no pictures", "name a film")
    raise SourceError(f"{path} has no pictures", "name a film")


def _rate(stream: VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate < 1000:  # 1000 is what files in milliseconds say that know nothing
            return rate
    return None


def _start(container: InputContainer, time_base: Fraction) -> Fraction:
    """Return what the clock of the file shows where its first stream begins, in whole ticks; not below 0.

    Not `container.start_time`: that is rounded to microseconds.
    """
    tracks = [*container.streams.video, *container.streams.audio]
    times = [track.start_time * track.time_base for track in tracks if track.start_time is not None and track.time_base]
    return max(Fraction(0), min(times, default=Fraction(0)) // time_base * time_base)


def _estimate(container: InputContainer, stream: VideoStream, rate: Fraction | None) -> int | None:
    """Return how many frames the film should have by its length, where the file does not count them."""
    if rate is None:
        return None
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * rate)
    if container.duration:
        return round(container.duration * rate / av.time_base)
    return None
