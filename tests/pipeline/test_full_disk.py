"""A live run whose recording fills its disk. Rows 50 and 54 of reference/video.md, section 9."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.pipeline import run
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo
from tests.conftest import count_frames
from tests.pipeline.parts import Frames, Kept

FPS = 60


@contextmanager
def limited(limit: int) -> Iterator[None]:
    """Let no file of this process get larger than `limit` bytes, if that is above 0."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_50_a_full_disk_does_not_disturb_the_others(small_disk: tuple[Path, int]) -> None:
    """Noise of 192x108 fills a megabyte in a second or two; the display keeps its rate within 5 % before and after."""
    folder, limit = small_disk
    noise = [np.random.default_rng(n).integers(0, 256, (108, 192, 3), np.uint8) for n in range(8)]
    began = time.perf_counter()
    shown: list[float] = []

    class Camera(Frames):
        def __iter__(self):
            for index in range(self.count):
                time.sleep(max(0.0, began + index / FPS - time.perf_counter()))
                yield Frame(noise[index % 8], Fraction(index, FPS), index)

    display = Kept("display", live=True, before=lambda frame: shown.append(time.perf_counter()))
    info = StreamInfo(live=True, rate=Fraction(FPS))
    with limited(limit), VideoSink(folder / "take.mkv", info, overwrite=True) as recording:
        report = run(Camera(3 * FPS, live=True), lambda frame: frame, [display, recording])
        written = recording.count
    fault = report.sinks[1].fault or ""
    assert "No space left on device after " in fault or "File too large after " in fault
    assert report.notices == (fault,)
    assert report.sinks[0].fault is None
    for times in (shown, shown[-FPS:]):
        assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(FPS, rel=0.05)
    assert len(display.frames) >= 0.95 * 3 * FPS
    assert (folder / "take.mkv").stat().st_size > 500_000
    assert count_frames(folder / "take.mkv") >= written - 2 * FPS
    assert [path.name for path in folder.iterdir()] == ["take.mkv"]
