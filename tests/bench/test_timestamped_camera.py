import time
from fractions import Fraction

import numpy as np
import pytest

from livedream.bench.timestamped_camera import MIN_SIZE, LatencySink, Stamp, StampedCamera, read_stamp, write_stamp
from livedream.frame import Frame


@pytest.mark.parametrize("stamp", [Stamp(0, 0.0), Stamp(17, 1.5), Stamp(2**31, 281_474_976.710655)], ids=str)
@pytest.mark.parametrize("brighter", [-150, 0, 150])
def test_a_stamp_is_read_back_from_under_a_dream(stamp, brighter) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (64, MIN_SIZE[0] + 40, 3), np.uint8)
    write_stamp(pixels, stamp)
    dreamt = np.clip(pixels.astype(int) + brighter + random.integers(-90, 91, pixels.shape), 0, 255).astype(np.uint8)
    assert read_stamp(dreamt) == stamp


def test_the_camera_numbers_its_frames_and_says_when_it_took_them() -> None:
    began = time.perf_counter()
    with StampedCamera([np.zeros((32, MIN_SIZE[0], 3), np.uint8)], 100, 0.05) as camera:
        stamps = [read_stamp(frame.pixels) for frame in camera]
    assert [stamp.number for stamp in stamps] == [0, 1, 2, 3, 4]
    assert began <= stamps[0].time + 1e-6
    assert stamps[-1].time - stamps[0].time >= 0.039  # four frames at 100 fps


def test_an_age_is_the_time_since_the_stamp() -> None:
    pixels = np.zeros((32, MIN_SIZE[0], 3), np.uint8)
    write_stamp(pixels, Stamp(1, time.perf_counter() - 2))
    sink = LatencySink()
    sink.write(Frame(pixels, Fraction(0), 1))
    assert 2 <= sink.ages[0] < 3
    assert sink.arrivals[0] <= time.perf_counter()


def test_frames_too_small_for_a_stamp_are_refused() -> None:
    with pytest.raises(ValueError, match="384x32"):
        StampedCamera([np.zeros((32, 320, 3), np.uint8)], 30, 1)
