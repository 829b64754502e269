import cv2
import numpy as np
import pytest

from livedream.bench.steadiness import SETTLED, drift, flicker


@pytest.fixture(scope="module")
def film() -> list[np.ndarray]:
    """A soft picture that moves two pixels to the right at each frame."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    wide = cv2.GaussianBlur(noise, (0, 0), 4)
    wide = cv2.normalize(wide, None, 40, 215, cv2.NORM_MINMAX)
    return [np.roll(wide, 2 * number, axis=1) for number in range(6)]


def test_a_dream_that_moves_with_the_film_is_steady(film) -> None:
    inverted = [255 - frame for frame in film]
    assert flicker(inverted, film).ratio == pytest.approx(1, abs=0.05)


def test_a_dream_that_jumps_flickers_by_as_much(film) -> None:
    jumping = [frame + np.uint8(20 * (number % 2)) for number, frame in enumerate(film)]
    found = flicker(jumping, film)
    assert found.dream == pytest.approx(20, abs=3)
    assert found.source < 5


def test_drift_counts_from_the_settled_dream_to_the_last() -> None:
    grey = np.full((16, 16, 3), 100, np.uint8)
    seen = []

    def brightens(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels)
        return pixels + np.uint8(50 if len(seen) <= SETTLED else 50 + (len(seen) - SETTLED) // 10)

    found = drift(brightens, iter([grey] * (SETTLED + 101)))
    assert found.luminance == pytest.approx(10)
    assert found.clipped == 0


def test_drift_counts_pixels_that_clip() -> None:
    half = np.full((16, 16, 3), 100, np.uint8)
    white = half.copy()
    white[:8] = 255
    found = drift(lambda _: white, iter([half] * (SETTLED + 2)))
    assert found.clipped == pytest.approx(0.5)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="200"):
        drift(lambda pixels: pixels, iter([np.zeros((8, 8, 3), np.uint8)] * SETTLED))
