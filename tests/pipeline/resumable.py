"""Run by test_resume.py in a process of its own, to be killed: a film through a dreamer that remembers, into a film.

    python resumable.py FILM OUTPUT LOG [resume] [CODEC]

LOG gets a line for each frame dreamt, its number and the checksum of its pixels before encoding.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

from livedream import Frame, open_source
from livedream.pipeline import run
from livedream.pipeline.checkpoints import Checkpoints, Journal, State, pick_up
from livedream.sink.lock import OutputLock
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo


class Remembering:
    """Adds to each frame a trace of all frames before it, as exact as the dreamer's residual."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("a")
        self._trace: np.ndarray | None = None

    def __call__(self, frame: Frame) -> Frame:
        now = frame.pixels.astype(np.float32)
        self._trace = now if self._trace is None else self._trace * np.float32(0.9) + now * np.float32(0.1)
        pixels = self._trace.astype(np.uint8)
        self._log.write(f"{frame.index} {hashlib.sha256(pixels).hexdigest()}\n")
        self._log.flush()
        return frame.with_pixels(pixels)

    def state(self) -> State:
        return {} if self._trace is None else {"trace": self._trace}

    def restore(self, state: State) -> None:
        self._trace = state.get("trace")

    def close(self) -> None:
        self._log.close()


def main(film: str, output: Path, log: Path, *, resume: bool, codec: str = "auto") -> None:
    dreamer = Remembering(log)
    journal = Journal(output.with_name(f"{output.stem}.part{output.suffix}"), {"film": film})
    kept = point = None
    with OutputLock(output) as lock, open_source(film) as source:
        if resume and (found := pick_up(journal)):
            kept, point = found
        if kept is not None and point is not None:
            dreamer.restore(point.state)
            source.skip(point.index)
        else:
            journal.begin()
        with VideoSink(output, StreamInfo.of(source), encoding=Encoding(codec=codec), lock=lock, salvage=kept) as sink:
            sink.resumable()
            run(source, dreamer, [sink], checkpoints=Checkpoints(journal, sink, dreamer))
    journal.finish()
    dreamer.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[4:] if word != "resume"]
    main(
        sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), resume="resume" in sys.argv[4:], codec=(words or ["auto"])[0]
    )
