import itertools
from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

from livedream import DreamSettings, Frame
from livedream.dream.dive import Dive

PHOTO = np.ascontiguousarray(data.chelsea()[40:168, 100:260])  # 160x128, an eye of the cat
TEN_SECONDS = 300


def dive(photo: np.ndarray, frames: int, drift: tuple[float, float] = (0, 0), **controls) -> list[np.ndarray]:
    diver = Dive(DreamSettings(layers="fire5", still_height=64, device="cpu", **controls), drift)
    return [diver(Frame(photo, Fraction(index, 30), index)).pixels for index in range(frames)]


def sharpness(pixels: np.ndarray) -> float:
    """The variance of the Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


@pytest.fixture(scope="module")
def deep() -> list[np.ndarray]:
    return dive(PHOTO, TEN_SECONDS + 1, zoom=1.01, rotate=0.2)


def test_detail_never_blurs_away(deep) -> None:
    """In ten seconds 1.01 a frame enlarges twentyfold."""
    assert deep[0].shape == (64, 80, 3)
    assert all(sharpness(frame) > sharpness(deep[0]) for frame in deep[60::60])
    undreamt = dive(PHOTO, TEN_SECONDS + 1, zoom=1.01, step_size=0.01)
    assert sharpness(undreamt[-1]) < sharpness(deep[0]) / 2  # it is the dream that keeps it sharp


def test_brightness_and_contrast_stay(deep) -> None:
    means = np.array([frame.mean() for frame in deep])
    assert np.abs(means - means[0]).max() < 16  # seen: 12, and 82 where nothing steadies it
    spreads = np.array([frame.std(axis=(0, 1)) for frame in deep[60:]])
    assert spreads.min() > 35 and spreads.max() < 75  # 50, or the photograph's where it has more


def test_it_begins_with_the_picture_and_is_smooth(deep) -> None:
    begin = cv2.resize(PHOTO, (80, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(deep[0].astype(int) - begin).mean() < 1
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(deep[60:])]
    assert max(changes) < 2 * np.median(changes)  # no frame jumps


def test_it_goes_where_it_is_told() -> None:
    """A spot 10 right and 6 down of the middle, after four frames; steps so small that nothing is dreamt."""
    photo = np.full((64, 96, 3), 60, np.uint8)
    photo[36:40, 56:60] = 250

    def where(**how) -> np.ndarray:
        frame = dive(photo, 5, step_size=0.01, **how)[-1]
        weights = np.maximum(frame[..., 1].astype(float) - 150, 0)
        down, right = np.indices(weights.shape)
        return np.array([(weights * right).sum(), (weights * down).sum()]) / weights.sum() - (47.5, 31.5)

    assert where() == pytest.approx([10, 6], abs=0.1)
    assert where(zoom=1.05) == pytest.approx(np.array([10, 6]) * 1.05**4, abs=0.15)
    assert where(drift=(1, -2)) == pytest.approx([14, -2], abs=0.1)
    # Clockwise by 4 * 5 degrees, on a screen on which y goes down.
    assert where(rotate=5) == pytest.approx([10 * 0.940 - 6 * 0.342, 10 * 0.342 + 6 * 0.940], abs=0.15)


def test_it_repeats() -> None:
    first, again = (dive(PHOTO, 4, zoom=1.02)[-1] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, dive(PHOTO, 4, zoom=1.02, seed=1)[-1])
