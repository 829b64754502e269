import numpy as np
import pytest
import torch

from livedream.dream.feedback import grow_and_turn, way_back
from livedream.dream.motion import Flow
from livedream.dream.residual import warp

SIZE = (9, 17)
"""Its middle is the pixel (8, 4)."""


def where(map: np.ndarray, x: float, y: float) -> list[float]:
    return (map @ [x, y, 1]).tolist()


def test_what_grows_comes_from_nearer_the_middle() -> None:
    assert where(way_back(SIZE, 2, 0), 8, 4) == pytest.approx([8, 4])
    assert where(way_back(SIZE, 2, 0), 12, 2) == pytest.approx([10, 3])


def test_what_turns_clockwise_came_from_before() -> None:
    # On a screen y goes down: a quarter clockwise brings what is at the top, (8, 1), to the right, (11, 4).
    assert where(way_back(SIZE, 1, 90), 11, 4) == pytest.approx([8, 1])


def test_what_drifts_came_from_the_other_side() -> None:
    assert where(way_back(SIZE, 1, 0, (3, -1)), 8, 4) == pytest.approx([5, 5])


def test_the_dream_of_a_stream_grows_turns_and_follows_the_motion() -> None:
    residual = torch.zeros(1, 3, *SIZE)
    residual[0, :, 3, 10] = 9.0  # 2 right of the middle, 1 up
    still = Flow(np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32))
    assert warp(residual, grow_and_turn(still, 2, 0), 1)[0, 0, 2, 12] == pytest.approx(9, abs=1e-3)
    assert warp(residual, grow_and_turn(still, 1, 90), 1)[0, 0, 6, 9] == pytest.approx(9, abs=1e-3)
    # One to the right meanwhile, all of it: after it has grown.
    moving = Flow(np.full((*SIZE, 2), (-1, 0), np.float32), still.confidence)
    assert warp(residual, grow_and_turn(moving, 2, 0), 1)[0, 0, 2, 13] == pytest.approx(9, abs=1e-3)
