"""The pixels of a window, without a window. See tests/test_letterbox.py for the geometry."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from livedream.letterbox import fitted_size
from livedream.sink.window.canvas import Canvas

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 48), (100, 48), (64, 200), (160, 100)])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(64, 45)], ids=str)
def test_an_image_is_letterboxed_with_linear_interpolation(size: tuple[int, int], aspect: Fraction) -> None:
    width, height = fitted_size((64, 48), size, aspect)
    scaled = cv2.resize(NOISE, (width, height), interpolation=cv2.INTER_LINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    expected = np.zeros((size[1], size[0], 3), np.uint8)
    expected[top : top + height, left : left + width] = scaled[:, :, ::-1]
    assert np.array_equal(Canvas().compose(NOISE, size, aspect), expected)


def test_shrinking_uses_every_pixel() -> None:
    # A factor of 2 by hand: the mean of four pixels. BGR comes out.
    expected = NOISE.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))[:, :, ::-1]
    assert np.abs(Canvas().compose(NOISE, (32, 24)) - expected).max() <= 1
    # Of stripes that are two pixels wide, a nearest neighbour or linear interpolation at a factor of 4.2 shows black or
    # white; what is seen from afar is grey.
    stripes = np.zeros((420, 420, 3), np.uint8)
    stripes[:, 1::4] = stripes[:, 2::4] = 255
    seen = Canvas().compose(stripes, (100, 100))
    assert seen.min() > 90 and seen.max() < 165


def test_what_was_drawn_on_the_canvas_is_cleared() -> None:
    canvas = Canvas()
    canvas.compose(NOISE, (200, 60))[...] = 255
    again = canvas.compose(NOISE, (200, 60))
    assert (again[:, :60] == 0).all() and (again[:, -60:] == 0).all()
    assert np.array_equal(again, Canvas().compose(NOISE, (200, 60)))
    assert canvas.compose(NOISE, (64, 90)).shape == (90, 64, 3)


def test_the_input_image_is_not_changed() -> None:
    before = NOISE.copy()
    Canvas().compose(NOISE, (64, 48))[...] = 0
    assert np.array_equal(NOISE, before)
