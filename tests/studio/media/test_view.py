"""What a page sees of a frame, in pixels that are worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.studio.media.view import View, render, view_size

SOURCE, DREAM = 10, 200


def frame(width: int, height: int, source: tuple[int, int] | None = None) -> Frame:
    """A frame of one value, whose source has another one, in the same size or in that of `source`."""
    before = np.full((*(source or (width, height))[::-1], 3), SOURCE, np.uint8)
    return Frame(np.full((height, width, 3), DREAM, np.uint8), Fraction(0), 0, source=before)


def test_the_left_share_shows_the_source() -> None:
    picture = render(frame(8, 4), View(0.25))
    assert picture.shape == (4, 8, 3)
    assert (picture[:, :2] == SOURCE).all()
    assert (picture[:, 2:] == DREAM).all()


@pytest.mark.parametrize(("split", "value"), [(0.0, DREAM), (1.0, SOURCE), (-1.0, DREAM), (7.0, SOURCE)])
def test_one_of_them_fills_the_picture(split: float, value: int) -> None:
    assert (render(frame(8, 4), View(split)) == value).all()


def test_without_a_source_all_of_it_is_the_dream() -> None:
    whole = frame(8, 4)
    assert (render(whole.with_pixels(whole.pixels), View(1.0)) == DREAM).all()


def test_nothing_is_copied_that_need_not_be() -> None:
    whole = frame(8, 4)
    assert np.shares_memory(render(whole, View()), whole.pixels)


def test_areas_are_averaged() -> None:
    pixels = np.zeros((4, 32, 3), np.uint8)
    pixels[:, 1::2] = 100  # black and grey columns
    picture = render(Frame(pixels, Fraction(0), 0), View(width=16))
    assert picture.shape == (2, 16, 3)
    assert (picture == 50).all()


def test_a_source_of_another_size_fits() -> None:
    picture = render(frame(8, 4, source=(16, 8)), View(0.5))
    assert (picture[:, :4] == SOURCE).all()
    assert (picture[:, 4:] == DREAM).all()


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((640, 360), None, (640, 360)),
        ((640, 360), 1280, (640, 360)),
        ((1920, 1080), 1280, (1280, 720)),
        ((641, 361), None, (640, 360)),
        ((1000, 333), 500, (500, 166)),
        ((1000, 333), 501, (500, 166)),
        ((1, 1), None, (2, 2)),
        ((4000, 3), 100, (100, 2)),
    ],
)
def test_sizes_are_even_and_limited(size: tuple[int, int], limit: int | None, expected: tuple[int, int]) -> None:
    assert view_size(size, limit) == expected
    assert render(frame(*size), View(0.5, limit)).shape == (*expected[::-1], 3)
