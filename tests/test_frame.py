from fractions import Fraction

import numpy as np
import pytest

from livedream import Frame

PIXELS = np.zeros((4, 6, 3), np.uint8)


def test_frame_knows_its_size_and_is_readable_in_a_log() -> None:
    frame = Frame(PIXELS, Fraction(1001, 30000), 1)
    assert frame.size == (6, 4)
    assert repr(frame) == "Frame(6x4, time=0.033 s, index=1)"


def test_same_moment_with_other_pixels() -> None:
    frame = Frame(PIXELS, Fraction(1, 3), 7, duration=Fraction(5)).with_pixels(PIXELS + 1)
    assert (frame.time, frame.index, frame.duration, int(frame.pixels[0, 0, 0])) == (Fraction(1, 3), 7, 5, 1)


@pytest.mark.parametrize(
    ("duration", "error"), [(0.5, TypeError), (Fraction(0), ValueError), (Fraction(-1), ValueError)]
)
def test_a_duration_is_a_positive_fraction(duration, error) -> None:
    with pytest.raises(error, match="duration must be"):
        Frame(PIXELS, Fraction(0), 0, duration=duration)


@pytest.mark.parametrize(
    ("pixels", "time", "index", "error", "text"),
    [
        (PIXELS.tolist(), Fraction(0), 0, TypeError, "numpy array, got list"),
        (PIXELS[..., 0], Fraction(0), 0, ValueError, r"got uint8 \(4, 6\)"),
        (PIXELS[..., :2], Fraction(0), 0, ValueError, r"\(4, 6, 2\)"),
        (PIXELS.astype(float), Fraction(0), 0, ValueError, "got float64"),
        (PIXELS[:0], Fraction(0), 0, ValueError, r"\(0, 6, 3\)"),
        (PIXELS, 0.04, 0, TypeError, "Fraction of seconds, got float"),
        (PIXELS, Fraction(0), 1.0, TypeError, "index must be an int, got float"),
        (PIXELS, Fraction(0), True, TypeError, "index must be an int, got bool"),
        (PIXELS, Fraction(0), -1, ValueError, "index must not be negative, got -1"),
    ],
)
def test_anything_else_is_refused(pixels, time, index, error, text) -> None:
    with pytest.raises(error, match=text):
        Frame(pixels, time, index)


def test_frame_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Frame(PIXELS, Fraction(0), 0).index = 1  # type: ignore[misc]
