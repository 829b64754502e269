"""The encoder of the dream: its rate, its key frames and its times, as a decoder sees them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from livedream.studio.media.aiortc_changes import change_aiortc
from livedream.studio.media.h264_encoder import QuickH264Encoder

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="PyAV has no x264 here")
IDR = 5


@pytest.fixture(autouse=True)
def _changed() -> None:
    change_aiortc()


def noise(number: int, width: int = 320, height: int = 180) -> av.VideoFrame:
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = number * 3000, Fraction(1, 90000)
    return frame


def kinds(encoder: QuickH264Encoder, frame: av.VideoFrame, force: bool = False) -> list[int]:
    return [unit[0] & 31 for unit in encoder._encode_frame(frame, force)]


def test_a_key_frame_comes_first_and_then_when_it_is_asked_for() -> None:
    encoder = QuickH264Encoder()
    found = [IDR in kinds(encoder, noise(number), force=number == 7) for number in range(12)]
    assert [number for number, key in enumerate(found) if key] == [0, 7]


def test_another_size_begins_anew() -> None:
    encoder = QuickH264Encoder()
    kinds(encoder, noise(0))
    assert IDR in kinds(encoder, noise(1, width=160))


def test_the_rate_is_bounded_by_the_size_of_the_picture() -> None:
    encoder = QuickH264Encoder()
    sizes = [sum(map(len, encoder.encode(noise(number))[0])) for number in range(90)]
    bitrate = 8 * sum(sizes[30:]) / 2  # of two seconds at 30 fps
    assert 320 * 180 * 30 * 0.1 < bitrate < 320 * 180 * 30 * 0.3 * 1.3


def test_small_changes_of_the_rate_cost_no_key_frame_and_large_ones_do() -> None:
    encoder = QuickH264Encoder()
    encoder.target_bitrate = 1_000_000
    kinds(encoder, noise(0, 640, 360))
    encoder.target_bitrate = 1_100_000
    assert IDR not in kinds(encoder, noise(1, 640, 360))
    encoder.target_bitrate = 1_800_000
    assert IDR in kinds(encoder, noise(2, 640, 360))


def test_times_are_those_of_the_frames() -> None:
    encoder = QuickH264Encoder()
    assert [encoder.encode(noise(number))[1] for number in (1, 2, 5)] == [3000, 6000, 15000]
