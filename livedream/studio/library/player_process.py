"""Plays an untrusted file in a process of its own, for `livedream.studio.library.player`.

    python -m livedream.studio.library.player_process PATH

It prints a line `About`, and for each byte on its standard input a line `Announced` with the pixels of the frame, RGB;
or, at any time, a line `Problem`, with which it ends. It ends as well when its standard input is closed.

A decoder that a file misleads meets the limits of this process: it can write no file, and soon runs out of memory. It
has no limit of time, because a film is played for as long as people like it.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import BaseModel

from livedream.capture.demo import DemoSource
from livedream.capture.kind import is_image
from livedream.capture.source import Source
from livedream.errors import ArgumentError, LivedreamError, SourceError
from livedream.frame import Frame
from livedream.studio.library.inspection import LONGEST_SIDE, MEMORY
from livedream.studio.library.limits import limit
from livedream.studio.library.player_messages import ALIVE, About, Announced, Problem, Ratio
from livedream.studio.library.repeated_picture import RepeatedPicture

ALIVE_SECONDS = 1.0
"""Between two signs of life while a frame is not due yet."""


def serve(path: Path, out: BinaryIO, asked: threading.Semaphore) -> None:
    """Play the file at `path` to `out`, a frame for each permit of `asked`. Raises LivedreamError and ArgumentError."""
    still = is_image(path)
    with RepeatedPicture.read(path) if still else DemoSource(path, wait=lambda seconds: wait(seconds, out)) as source:
        _send(out, _about(source, still))
        frames = iter(source)
        while True:
            asked.acquire()
            _send_frame(out, next(frames))


def _about(source: Source, still: bool) -> About:
    width, height = source.size
    if max(width, height) > LONGEST_SIDE:
        raise SourceError(
            f"the frames are too large: {width}x{height}", f"make them smaller: at most {LONGEST_SIDE}x{LONGEST_SIDE}"
        )
    return About(
        still=still,
        width=width,
        height=height,
        rate=Ratio.of(source.rate or RepeatedPicture.rate),
        time_base=Ratio.of(source.time_base),
        pixel_aspect=Ratio.of(source.pixel_aspect),
    )


def _send_frame(out: BinaryIO, frame: Frame) -> None:
    width, height = frame.size
    _send(out, Announced(width=width, height=height, time=Ratio.of(frame.time), index=frame.index))
    out.write(np.ascontiguousarray(frame.pixels).data)
    out.flush()


def _send(out: BinaryIO, message: BaseModel) -> None:
    out.write(message.model_dump_json().encode() + b"\n")
    out.flush()


def wait(seconds: float, out: BinaryIO) -> bool:
    """Wait until a frame is due, with signs of life. Returns False: the source continues."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > ALIVE_SECONDS:
        time.sleep(ALIVE_SECONDS)
        out.write(ALIVE)
        out.flush()
    time.sleep(max(0.0, left))
    return False


def _own_output() -> BinaryIO:
    """Return standard output, and send what libraries print to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _requests() -> threading.Semaphore:
    """Return a semaphore with a permit for each byte on standard input. At its end, the process ends."""
    asked = threading.Semaphore(0)

    def watch() -> None:
        while data := os.read(0, 64):
            asked.release(len(data))
        os._exit(0)  # in the middle of a decoder too

    threading.Thread(target=watch, name="livedream-watch", daemon=True).start()
    return asked


def main(path: str) -> int:
    """Play a file, and return the exit code."""
    limit(DATA=MEMORY, AS=2 * MEMORY, FSIZE=0, CORE=0)
    out, asked = _own_output(), _requests()
    try:
        serve(Path(path), out, asked)
    except (LivedreamError, ArgumentError) as error:
        problem = Problem(message=str(error)[:1000], hint=str(error.hint)[:1000])
    except MemoryError:
        problem = Problem(message=f"{path} needs too much memory", hint="make it smaller first")
    _send(out, problem)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
