"""Writes frames to standard output, as YUV4MPEG2 or as raw RGB, for a program behind a pipe."""

import errno
import logging
import os
import select
import stat
import sys
import time
from abc import ABC, abstractmethod
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from livedream.color.primaries import HD_HEIGHT, HD_WIDTH
from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.hints import either
from livedream.letterbox import letterbox
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo

log = logging.getLogger(__name__)

UNKNOWN_RATE = Fraction(30)
"""Frames per second where the source does not state its rate."""
STDOUT, STDERR = 1, 2
"""File descriptors."""
_READER_GONE = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)
_EXAMPLE = "pipe it into a program: " + either(
    "livedream run film.mp4 --to - | ffmpeg -i - out.mp4", "python program.py | ffmpeg -i - out.mp4"
)


class StdoutSink(Sink):
    """Writes frames at a constant rate to standard output, which carries nothing else from then on.

    Neither Y4M nor raw video has timestamps, so frames are repeated or left out where the times of the source require
    it, as with ffmpeg's `-fps_mode cfr`. A reader that is too slow for a live source loses frames, like a recording.
    When the reader closes the pipe, the sink is finished.

    Anything else that the process prints to standard output goes to standard error, also after `close`: text among the
    frames would damage them, and the reader must see the end of the pipe at once.

    Args:
        info: What is known about the frames.
        raw: Whether raw RGB is written, and not YUV4MPEG2.

    Raises:
        SinkError: Standard output is a terminal, or the same file as standard error.
    """

    def __init__(self, info: StreamInfo | None = None, *, raw: bool = False) -> None:
        info = info or StreamInfo()
        self._rate = info.rate or UNKNOWN_RATE
        self._live = info.live
        self._stills = info.stills
        self._format: _Format = _Rgb24() if raw else _Y4m(self._rate, info.pixel_aspect)
        self.name = f"standard output ({self._format.name}, {float(self._rate):.5g} fps)"
        self.count = 0
        """How many frames were written, including repeated ones."""
        self.repeated = self.left_out = 0
        self._size: tuple[int, int] | None = None
        self._origin = Fraction(0)
        self._data = memoryview(b"")
        """The bytes of the last frame."""
        self._ends = Fraction(0)
        self._waited = 0.0
        """How many seconds the last frame waited for the reader."""
        self._finished = False
        _check_stdout()
        if info.sound or info.lost_sound:
            log.warning("standard output carries no sound")
        self._descriptor: int | None = _take_stdout()

    @property
    def finished(self) -> bool:
        return self._finished

    def write(self, frame: Frame) -> None:
        if self._finished:
            return
        if self._size is None:
            self._size, self._origin = frame.size, frame.time
            self._put(self._format.header(frame.size))
        due = self._due(frame.time)
        if due < self.count:
            self.left_out += 1
            return
        if self._live and self._waited > 1 / self._rate:
            # The reader is too slow. Repeating what it missed would make it even slower.
            self._origin += (due - self.count) / self._rate
        self._repeat_until(self._due(frame.time))
        self._data = self._format.encode(letterbox(frame.pixels, self._size))
        self._put(self._data)
        self.count += 1
        if frame.duration is not None:
            self._ends = frame.time + frame.duration

    def end(self) -> None:
        if self._size is not None and not self._stills:
            self._repeat_until(self._due(self._ends))
        if (self.repeated or self.left_out) and not self._live:
            log.warning(
                "standard output: %d frames repeated and %d left out to keep %.5g fps",
                self.repeated,
                self.left_out,
                float(self._rate),
            )

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _due(self, moment: Fraction) -> int:
        """Return how many frames come before the one at `moment`. Still images follow one another."""
        return self.count if self._stills else round((moment - self._origin) * self._rate)

    def _repeat_until(self, count: int) -> None:
        while self.count < count and not self._finished:
            self._put(self._data)
            self.count += 1
            self.repeated += 1

    def _put(self, data: memoryview) -> None:
        """Write `data`, however long the reader takes. Raises SinkError."""
        if self._descriptor is None or self._finished:
            return
        began = time.monotonic()
        try:
            while data:
                data = data[_write(self._descriptor, data) :]
        except OSError as error:
            if error.errno not in _READER_GONE:
                raise SinkError(
                    f"standard output: {error.strerror}", "free some disk space, or write elsewhere"
                ) from error
            self._finished = True
            frames = "1 frame" if self.count == 1 else f"{self.count} frames"
            log.warning("the reader closed standard output after %s", frames)
        self._waited = time.monotonic() - began


class _Format(ABC):
    """How a frame is laid out in bytes."""

    name: str

    @abstractmethod
    def header(self, size: tuple[int, int]) -> memoryview:
        """Return what comes before the first frame. All frames have `size`, (width, height)."""

    @abstractmethod
    def encode(self, pixels: np.ndarray) -> memoryview:
        """Return the bytes of one frame, `pixels`: uint8 RGB (height, width, 3)."""


class _Rgb24(_Format):
    """Three bytes per pixel, red, green, blue, row by row. No header: the reader must know the size and the rate."""

    name = "raw rgb24"

    def header(self, size: tuple[int, int]) -> memoryview:
        return memoryview(b"")

    def encode(self, pixels: np.ndarray) -> memoryview:
        return np.ascontiguousarray(pixels).data.cast("B")


class _Y4m(_Format):
    """YUV4MPEG2 (yuv4mpeg(5) of mjpegtools): planar 4:2:0 in limited range.

    It is not 4:4:4, because ffmpeg would make H.264 of it that browsers and phones do not play. The format cannot state
    the matrix, so it is the one that players assume for the size: BT.709 from a width of 1280 or a height of 720 on,
    BT.601 below. Encoders take only even sizes, so an odd one gets one more column or row, a copy of its neighbour.
    """

    _FRAME = b"FRAME\n"

    def __init__(self, rate: Fraction, pixel_aspect: Fraction) -> None:
        self.name = "Y4M"
        self._rate = rate
        self._pixel_aspect = pixel_aspect
        self._scaler = VideoReformatter()
        self._matrix = Colorspace.ITU709

    def header(self, size: tuple[int, int]) -> memoryview:
        width, height = (side + side % 2 for side in size)
        if width < HD_WIDTH and height < HD_HEIGHT:
            self._matrix = Colorspace.ITU601
        fields = [
            f"YUV4MPEG2 W{width} H{height}",
            f"F{self._rate.numerator}:{self._rate.denominator}",
            "Ip",  # progressive
            f"A{self._pixel_aspect.numerator}:{self._pixel_aspect.denominator}",
            "C420jpeg XYSCSS=420JPEG",  # chroma lies between the pixels, as libswscale makes it
            "XCOLORRANGE=LIMITED",
        ]
        return memoryview((" ".join(fields) + "\n").encode())

    def encode(self, pixels: np.ndarray) -> memoryview:
        height, width = pixels.shape[:2]
        if height % 2 or width % 2:
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        video_frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")
        planar = self._scaler.reformat(
            video_frame, format="yuv420p", dst_colorspace=self._matrix, dst_color_range=ColorRange.MPEG, threads=1
        )
        data = np.empty(len(self._FRAME) + pixels.size // 2, np.uint8)
        data[: len(self._FRAME)] = np.frombuffer(self._FRAME, np.uint8)
        offset = len(self._FRAME)
        for plane in planar.planes:
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
                : plane.height, : plane.width
            ]
            data[offset : offset + rows.size].reshape(rows.shape)[:] = rows
            offset += rows.size
        return data.data


def _check_stdout() -> None:
    """Raise SinkError where no program could read frames from standard output."""
    out, err = os.fstat(STDOUT), os.fstat(STDERR)
    if os.isatty(STDOUT):
        raise SinkError("standard output is a terminal", _EXAMPLE)
    same = (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)
    if same and not stat.S_ISCHR(out.st_mode):
        raise SinkError(
            "standard output and standard error are the same file", "leave out 2>&1: text would damage the frames"
        )


def _take_stdout() -> int:
    """Return a descriptor of standard output, and redirect later prints to standard error."""
    sys.stdout.flush()
    descriptor = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor


def _write(descriptor: int, data: memoryview) -> int:
    """Write what fits and return how many bytes that was. Waits while the pipe is full. Raises OSError."""
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # another program that shares the pipe made it non-blocking
            select.select([], [descriptor], [])
