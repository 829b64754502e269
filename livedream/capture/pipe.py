"""Frames from standard input, for pipes: Y4M, or raw pictures."""

import os
import select
import sys
from fractions import Fraction
from typing import Any

import av
import av.error
from av.container import InputContainer

from livedream.capture.video import FilmSource
from livedream.errors import ArgumentError, SourceError

NAME = "standard input"
BUFFER = 1 << 20
"""Bytes that FFmpeg asks for at a time."""
_EXAMPLE = "ffmpeg -i film.mp4 -f yuv4mpegpipe - | livedream run - --to dream.mp4"


class PipeSource(FilmSource):
    """The frames of a film that another program writes into our standard input: it waits for us, and none is lost.

    Y4M and whatever else FFmpeg knows by its beginning; with size and rate raw pictures: three bytes for each pixel,
    red, green, blue, line by line, without anything between.

    size: (width, height) in pixels. rate: pictures per second. descriptor: of the file to read.
    Raises SourceError when what comes is no film, ArgumentError when of size and rate one is missing.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | int | None = None,
        descriptor: int = 0,
    ) -> None:
        if (size is None) != (rate is None):
            cure = "give both for raw pictures, neither for Y4M: --size 640x480 --rate 30"
            raise ArgumentError("raw pictures need their size and their rate", cure)
        self._raw = (size, Fraction(rate)) if size is not None and rate is not None else None
        if os.isatty(descriptor):
            raise SourceError("standard input is a terminal", f"pipe a film into it: {_EXAMPLE}")
        self._input = _Interruptible(descriptor)
        try:
            super().__init__(NAME)
        except BaseException:
            self._input.close()
            raise

    def close(self) -> None:
        self._input.stop()  # whoever reads holds the lock that the rest of closing needs
        super().close()
        self._input.close()

    def _film(self) -> InputContainer:
        how: dict[str, Any] = {}
        if self._raw is not None:
            (width, height), rate = self._raw
            options = {"video_size": f"{width}x{height}", "framerate": str(rate), "pixel_format": "rgb24"}
            how = {"format": "rawvideo", "options": options}
        try:
            return av.open(self._input, "r", buffer_size=BUFFER, metadata_errors="replace", **how)
        except (av.error.FFmpegError, OSError) as error:
            if self._input.count == 0:
                raise SourceError(f"nothing comes from {NAME}", f"pipe a film into it: {_EXAMPLE}") from error
            cure = "write Y4M (ffmpeg -f yuv4mpegpipe), or tell --size and --rate of raw pictures"
            raise SourceError(f"what comes from {NAME} is no film that FFmpeg knows", cure) from error


class _Interruptible:
    """A descriptor as a file to read, of which another thread can make an end while it waits for more.

    Windows cannot wait for two things of which one is a pipe: there it ends with the next bytes.
    """

    def __init__(self, descriptor: int) -> None:
        self.count = 0
        """How many bytes came."""
        self._descriptor = descriptor
        self._wake: tuple[int, ...] = os.pipe()
        self._stopped = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        if sys.platform != "win32":
            select.select([self._descriptor, self._wake[0]], [], [])
        if self._stopped:
            return b""
        data = os.read(self._descriptor, size)
        self.count += len(data)
        return data

    def stop(self) -> None:
        self._stopped = True
        if self._wake:
            os.write(self._wake[1], b".")

    def close(self) -> None:
        for end in self._wake:
            os.close(end)
        self._wake = ()
