from fractions import Fraction

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.sink.window.views import VIEWS

DREAM = np.full((2, 6, 3), 7, np.uint8)
SOURCE = np.full((2, 6, 3), 3, np.uint8)


@pytest.mark.parametrize(
    ("view", "row"),
    [("dream", [7, 7, 7, 7, 7, 7]), ("source", [3, 3, 3, 3, 3, 3]), ("split", [3, 3, 3, 255, 7, 7])],
)
def test_views(view: str, row: list[int]) -> None:
    frame = Frame(DREAM, Fraction(0), 0, SOURCE)
    assert VIEWS[view](frame)[:, :, 1].tolist() == [row, row]
    assert (DREAM == 7).all() and (SOURCE == 3).all()  # nobody writes into a frame


@pytest.mark.parametrize("view", VIEWS)
def test_without_a_source_there_is_the_dream(view: str) -> None:
    picture = VIEWS[view](Frame(DREAM, Fraction(0), 0))
    assert (picture[:, [0, -1]] == 7).all()


def test_images_of_two_sizes_are_not_split() -> None:
    frame = Frame(DREAM, Fraction(0), 0, SOURCE[:1])
    assert (VIEWS["split"](frame) == 7).all()
