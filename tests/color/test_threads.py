import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from livedream.color.threads import conversion_threads


@pytest.mark.parametrize(
    ("cores", "size", "threads"),
    [(16, (1920, 1080), 4), (16, (1280, 720), 1), (4, (3840, 2160), 1), (None, (3840, 2160), 1)],
)
def test_large_frames_take_threads_where_there_are_many_cores(cores, size, threads, monkeypatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert conversion_threads(*size) == threads


@pytest.mark.parametrize(("pix_fmt", "to"), [("yuv420p", "rgb24"), ("yuv420p10le", "gbrp"), ("yuv444p", "gbrp16le")])
def test_threads_change_no_pixel(pix_fmt, to) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (721, 1283, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=pix_fmt)
    one, four = (VideoReformatter().reformat(frame, format=to, threads=count).to_ndarray() for count in (1, 4))
    assert np.array_equal(one, four)
