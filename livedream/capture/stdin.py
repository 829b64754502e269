"""Frames from a pipe: standard input, a FIFO, `<(...)`. It carries Y4M, raw RGB or a video file."""

import logging
import os
import select
import stat
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer

from livedream.capture.container_source import ContainerSource
from livedream.errors import ArgumentError, SourceError
from livedream.hints import either, option

log = logging.getLogger(__name__)

NAME = "standard input"
BUFFER = 1 << 20
"""Bytes that FFmpeg requests at a time."""
WAITING_SECONDS = 2.0
"""A warning is logged if nothing arrives for this long at the beginning."""
_EXAMPLE = either(
    "ffmpeg -i film.mp4 -f yuv4mpegpipe - | livedream run - --to dream.mp4",
    "ffmpeg -i film.mp4 -f yuv4mpegpipe - | python program.py",
)


class StdinSource(ContainerSource):
    """The frames of a video that another program writes into a pipe. The program waits for us, and no frame is lost.

    The pipe carries Y4M or any other format that FFmpeg recognizes; with size and rate, raw RGB: three bytes per
    pixel, row by row, without padding.

    Args:
        size: (width, height) of raw frames, in pixels.
        rate: of raw frames, per second.
        descriptor: of the file to read.
        path: of a FIFO, which is read in place of the descriptor.
        start: see `ContainerSource`.
        end: see `ContainerSource`.

    Raises:
        SourceError: the data is not a video.
        ArgumentError: only one of size and rate is given.
    """

    reopens = False

    def __init__(
        self,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | int | None = None,
        descriptor: int = 0,
        path: Path | None = None,
        start: Fraction | int | None = None,
        end: Fraction | int | None = None,
    ) -> None:
        if (size is None) != (rate is None):
            example = either("--size 640x480 --rate 30", "size=(640, 480), rate=30")
            hint = f"give both for raw frames, neither for Y4M: {example}"
            raise ArgumentError("raw frames need both size and rate", hint)
        self._raw = (size, Fraction(rate)) if size is not None and rate is not None else None
        self.name = name = NAME if path is None else str(path)
        if path is None and os.isatty(descriptor):
            raise SourceError(f"{name} is a terminal", f"pipe a video into it: {_EXAMPLE}")
        if path is not None and "fd" not in path.parts:  # /dev/fd/63 of <(...) is not a file name
            self.path = path
        self._input: _Interruptible | None = None
        waiting = threading.Timer(WAITING_SECONDS, self._say_waiting, (name,))
        waiting.name, waiting.daemon = "livedream-waiting", True
        waiting.start()
        try:
            self._input = _Interruptible(descriptor) if path is None else _Interruptible(_open(path), owned=True)
            super().__init__(name, start=start, end=end)
        except BaseException:
            if self._input is not None:
                self._input.close()
            raise
        finally:
            waiting.cancel()
            waiting.join()

    @property
    def files(self) -> Sequence[Path]:
        return ()

    def close(self) -> None:
        if self._input is not None:
            self._input.stop()  # a reader holds the lock that the rest of closing needs
        super().close()
        if self._input is not None:
            self._input.close()

    def _say_waiting(self, name: str) -> None:
        if self._input is None:
            log.warning("waiting for a program to write into %s", name)
        elif self._input.count == 0:
            log.warning("waiting for a video from %s", name)

    def _open_container(self) -> InputContainer:
        if self._input is None:
            raise RuntimeError("the pipe is not open")
        arguments: dict[str, Any] = {}
        if self._raw is not None:
            (width, height), rate = self._raw
            options = {"video_size": f"{width}x{height}", "framerate": str(rate), "pixel_format": "rgb24"}
            arguments = {"format": "rawvideo", "options": options}
        try:
            return av.open(self._input, "r", buffer_size=BUFFER, metadata_errors="replace", **arguments)
        except (av.error.FFmpegError, OSError) as error:
            if self._input.count == 0:
                raise SourceError(f"no data from {self.name}", f"pipe a video into it: {_EXAMPLE}") from error
            if self._is_mp4():
                raise self._index_at_end() from error
            hint = f"write Y4M (ffmpeg -f yuv4mpegpipe), or give {option('size')} and {option('rate')} of raw frames"
            raise SourceError(f"FFmpeg does not recognize the format of {self.name}", hint) from error

    def _no_frames(self) -> SourceError:
        return self._index_at_end() if self._last_time is None and self._is_mp4() else super()._no_frames()

    def _is_mp4(self) -> bool:
        return self._input is not None and self._input.head[4:8] == b"ftyp"

    def _index_at_end(self) -> SourceError:
        message = f"the index of the mp4 from {self.name} is not at its beginning, and a pipe cannot be rewound"
        return SourceError(message, "save it to a file first, or send Matroska (ffmpeg -f matroska -)")


def is_whole_file(descriptor: int) -> bool:
    """Return whether `descriptor` is a file on disk, at its beginning, that /dev/stdin can open again."""
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return regular and os.lseek(descriptor, 0, os.SEEK_CUR) == 0 and Path("/proc/self/fd").is_dir()
    except OSError:
        return False


def _open(path: Path) -> int:
    """Open a FIFO. Blocks until another process opens its other end."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}", "check the name and the permissions of the file") from error


class _Interruptible:
    """A readable file for a descriptor, which another thread can end while a read blocks.

    Windows cannot wait for two objects if one is a pipe: there the file ends with the next bytes.

    Args:
        descriptor: to read from.
        owned: whether to close the descriptor too.
    """

    def __init__(self, descriptor: int, *, owned: bool = False) -> None:
        self.count = 0
        """The number of bytes that were read."""
        self.head = b""
        """The first bytes."""
        self._descriptor = descriptor
        self._owned = owned
        self._wake: tuple[int, ...] = os.pipe()
        self._stopped = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        if sys.platform != "win32":
            select.select([self._descriptor, self._wake[0]], [], [])
        if self._stopped:
            return b""
        data = os.read(self._descriptor, size)
        self.head = self.head or data[:8]
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
        if self._owned:
            self._owned = False
            os.close(self._descriptor)
