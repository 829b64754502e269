"""Images that are fitted into a given size."""

from fractions import Fraction

import numpy as np
import pytest

from livedream.letterbox import fitted_size, letterbox


@pytest.mark.parametrize(
    ("picture", "size", "aspect", "rows", "columns"),
    [
        ((640, 480), (1280, 720), 1, slice(0, 720), slice(160, 1120)),  # 720 * 4 / 3 = 960 wide
        ((480, 640), (640, 480), 1, slice(0, 480), slice(140, 500)),  # 480 * 3 / 4 = 360 wide
        ((720, 576), (720, 576), Fraction(4, 3), slice(72, 504), slice(0, 720)),  # 16:9 in 4:3: 576 * 3 / 4 = 432 high
        ((720, 576), (720, 576), Fraction(3, 4), slice(0, 576), slice(90, 630)),  # 4:3 in 16:9: 720 * 3 / 4 = 540 wide
        ((720, 576), (1024, 576), Fraction(64, 45), slice(0, 576), slice(0, 1024)),
    ],
)
def test_shape_is_kept_between_black_bars(
    picture: tuple[int, int], size: tuple[int, int], aspect: Fraction | int, rows: slice, columns: slice
) -> None:
    expected = np.zeros((size[1], size[0], 3), np.uint8)
    expected[rows, columns] = 200
    fitted = letterbox(np.full((picture[1], picture[0], 3), 200, np.uint8), size, Fraction(aspect))
    assert np.array_equal(fitted, expected)


def test_bars_due_to_rounding_are_left_out() -> None:
    assert fitted_size((1280, 962), (640, 480)) == (640, 480)
    assert fitted_size((1280, 970), (640, 480)) == (633, 480)
