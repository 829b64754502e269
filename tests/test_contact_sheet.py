import numpy as np
import pytest

from livedream.contact_sheet import in_rows, sheet, tile


def plain(color: int, height: int = 10, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_a_tile_shows_the_middle() -> None:
    picture = plain(0, 20, 60)
    picture[:, 20:40] = 200  # the middle third, as high as wide
    assert (tile(picture, (10, 10)) == 200).all()


@pytest.mark.parametrize("label", ["fire9:42", "a label that is much too long for so small a tile as this one is"])
def test_a_label_is_inside(label) -> None:
    labelled = tile(plain(128, 60, 180), (180, 60), label)
    changed = (labelled != 128).any(axis=(0, 2))
    assert changed.any() and not changed[-1]


def test_tiles_lie_in_rows_from_the_left() -> None:
    rows = in_rows([plain(color) for color in (10, 20, 30)], 2)
    whole = sheet(rows)
    assert whole.shape == (22, 42, 3)
    assert [whole[5, 5, 0], whole[5, 30, 0], whole[16, 5, 0], whole[16, 30, 0]] == [10, 20, 30, 0]
