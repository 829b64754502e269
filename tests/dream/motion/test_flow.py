import cv2
import numpy as np
import pytest

from livedream.dream.motion.flow import Motion

SIZE = (128, 192)


def scene(seed: int, size: tuple[int, int] = (200, 300)) -> np.ndarray:
    """A picture of soft blobs, uint8 RGB: structure at every place, as a flow needs it."""
    noise = np.random.default_rng(seed).normal(0, 1, size).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, None, 3)
    grey = np.clip(128 + 60 * blobs / blobs.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def window(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    return np.ascontiguousarray(picture[y : y + SIZE[0], x : x + SIZE[1]])


def test_first_frame_has_no_past() -> None:
    assert Motion(SIZE, 0.5)(window(scene(0), 0, 0)) is None


@pytest.mark.parametrize(("dx", "dy"), [(6, 0), (0, -4), (-8, 2)])
def test_flow_leads_back_to_where_each_pixel_was(dx, dy) -> None:
    # The camera moves by (dx, dy), so what is at (x, y) now was at (x + dx, y + dy) in the frame before; half of that
    # on the map of half the size.
    motion = Motion(SIZE, 0.5)
    motion(window(scene(0), 50, 40))
    flow = motion(window(scene(0), 50 + dx, 40 + dy))
    assert flow is not None
    middle = flow.vectors[16:-16, 16:-16]
    assert np.median(middle[..., 0]) == pytest.approx(dx / 2, abs=0.25)
    assert np.median(middle[..., 1]) == pytest.approx(dy / 2, abs=0.25)
    assert flow.confidence[16:-16, 16:-16].mean() > 0.95


@pytest.mark.parametrize("picture", [window(scene(0), 0, 0), np.full((*SIZE, 3), 120, np.uint8)], ids=["blobs", "even"])
def test_still_scene_with_camera_noise_stands_still(picture) -> None:
    """In the noise of an even one DIS finds a flow of 1.7 pixels on average."""
    motion = Motion(SIZE, 0.5)
    rng = np.random.default_rng(3)

    def noisy() -> np.ndarray:
        return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)

    motion(noisy())
    for _ in range(5):
        flow = motion(noisy())
        assert flow is not None
        assert np.abs(flow.vectors).mean() < 0.01
        assert flow.confidence.mean() > 0.99


def test_what_was_hidden_is_not_trusted() -> None:
    motion = Motion(SIZE, 0.5)
    before, after = window(scene(0), 0, 0), window(scene(0), 0, 0)
    before[40:90, 60:120] = 0  # a black card, gone in the next frame
    motion(before)
    flow = motion(after)
    assert flow is not None
    assert flow.confidence[25:40, 35:55].mean() < 0.2
    assert flow.confidence[:15].mean() > 0.95


def test_cut_ends_the_past() -> None:
    motion = Motion(SIZE, 0.5)
    motion(window(scene(0), 0, 0))
    assert motion(window(scene(1), 0, 0)) is None
    assert motion(window(scene(1), 0, 0)) is not None


def test_flash_and_fade_are_no_cuts() -> None:
    motion = Motion(SIZE, 0.5)
    picture = window(scene(0), 0, 0)
    motion(picture)
    assert motion((picture * 0.6).astype(np.uint8)) is not None
    assert motion(np.clip(picture * 0.6 + 80, 0, 255).astype(np.uint8)) is not None


def test_black_frames_are_no_cuts() -> None:
    motion = Motion(SIZE, 0.5)
    black = np.zeros((*SIZE, 3), np.uint8)
    motion(black)
    flow = motion(black)
    assert flow is not None
    assert not flow.vectors.any()
