from fractions import Fraction

import numpy as np
import pytest
import torch

from livedream import Dreamer, DreamSettings
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import warp
from livedream.dream.motion.zoom import zoom_flow, zoom_matrix
from livedream.frame import Frame

SIZE = (9, 17)
"""Its middle is the pixel (8, 4)."""


def where(map: np.ndarray, x: float, y: float) -> list[float]:
    return (map @ [x, y, 1]).tolist()


def test_what_grows_comes_from_nearer_the_middle() -> None:
    assert where(zoom_matrix(SIZE, 2, 0), 8, 4) == pytest.approx([8, 4])
    assert where(zoom_matrix(SIZE, 2, 0), 12, 2) == pytest.approx([10, 3])


def test_what_turns_clockwise_came_from_before() -> None:
    # On a screen y goes down: a quarter clockwise brings what is at the top, (8, 1), to the right, (11, 4).
    assert where(zoom_matrix(SIZE, 1, 90), 11, 4) == pytest.approx([8, 1])


def test_what_drifts_came_from_the_other_side() -> None:
    assert where(zoom_matrix(SIZE, 1, 0, (3, -1)), 8, 4) == pytest.approx([5, 5])


def test_the_dream_of_a_stream_grows_turns_and_follows_the_motion() -> None:
    residual = torch.zeros(1, 3, *SIZE)
    residual[0, :, 3, 10] = 9.0  # 2 right of the middle, 1 up
    still = Flow(np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32))
    assert warp(residual, zoom_flow(still, 2, 0), 1)[0, 0, 2, 12] == pytest.approx(9, abs=1e-3)
    assert warp(residual, zoom_flow(still, 1, 90), 1)[0, 0, 6, 9] == pytest.approx(9, abs=1e-3)
    # One to the right meanwhile, all of it: after it has grown.
    moving = Flow(np.full((*SIZE, 2), (-1, 0), np.float32), still.confidence)
    assert warp(residual, zoom_flow(moving, 2, 0), 1)[0, 0, 2, 13] == pytest.approx(9, abs=1e-3)


def test_looking_finds_the_way_of_a_dream_that_grows_at_the_working_size() -> None:
    dreamer = Dreamer(DreamSettings(working_height=96, zoom=1.1))
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    dreamer.analyze(Frame(pixels, Fraction(0), 0))
    flow = dreamer.analyze(Frame(pixels, Fraction(1), 1)).flow
    assert flow is not None
    assert flow.vectors.shape == (96, 128, 2)
    # The scene stands; what is at x = 100, y = 20 was a tenth less far from the middle (63.5, 47.5).
    assert flow.vectors[20, 100] == pytest.approx([36.5 / 1.1 - 36.5, 27.5 - 27.5 / 1.1], abs=0.2)
