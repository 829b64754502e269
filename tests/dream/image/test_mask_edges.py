from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from livedream.dream.image import mask_edges, resize
from livedream.dream.image.mask_edges import Edge, blend, compose_masked, full_mask, multiply, soften
from livedream.dream.native import kernels

needs_kernels = pytest.mark.skipif(not kernels.compiled, reason="no compiler when livedream was installed")


@pytest.fixture
def without_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "compiled", False)
        yield patch


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def hand(height: int, width: int) -> np.ndarray:
    """Return the alpha of a shape with fingers of 12 pixels and hairs of 2, float32 0..1."""
    mask = np.zeros((height * 4, width * 4), np.uint8)
    cv2.circle(mask, (width * 2, height * 3), width // 2, 255, -1)
    for number, x in enumerate(np.linspace(1.4, 2.6, 7)):
        thick = 48 if number % 2 else 8
        cv2.line(mask, (width * 2, height * 3), (int(width * x), int(height * 1.4)), 255, thick)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def scene(height: int = 360, width: int = 640) -> tuple[np.ndarray, np.ndarray, Edge]:
    """Return a frame with noise of 3 levels, the alpha of what stands in it, and its small mask, blurred."""
    alpha = hand(height, width)
    rng = np.random.default_rng(1)
    wall = cv2.resize(rng.integers(60, 130, (9, 16, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    skin = np.array((190, 140, 120), np.float32)
    frame = skin * alpha[..., None] + wall * (1 - alpha[..., None]) + rng.normal(0, 3, (height, width, 3))
    pixels = np.clip(frame, 0, 255).astype(np.uint8)
    coarse = cv2.GaussianBlur(cv2.resize(alpha, (256, 144), interpolation=cv2.INTER_AREA), (0, 0), 1)
    return pixels, alpha, Edge(coarse, resize.shrink(pixels, (180, 320)))


def near_border(alpha: np.ndarray) -> np.ndarray:
    return cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0


def test_edges_follow_the_frame() -> None:
    pixels, alpha, edge = scene()
    mask, near = full_mask(edge, pixels).astype(np.float32) / 255, near_border(alpha)
    stretched = cv2.resize(edge.coarse, alpha.shape[::-1])
    error = np.abs(mask - alpha)[near].mean()
    assert error < 0.03
    assert error < 0.25 * np.abs(stretched - alpha)[near].mean()
    hair = (alpha > 0.9) & (stretched < 0.4)
    assert hair.sum() > 50, "nothing that the small mask does not show"
    assert mask[hair].mean() > 0.5 > stretched[hair].mean() + 0.15


def test_far_from_the_border_the_mask_is_firm() -> None:
    pixels, alpha, edge = scene()
    mask, far = full_mask(edge, pixels), ~near_border(alpha)
    assert np.array_equal(mask[far & (alpha == 0)], np.zeros((far & (alpha == 0)).sum()))
    assert np.array_equal(mask[far & (alpha == 1)], np.full((far & (alpha == 1)).sum(), 255))


def test_texture_beside_the_border_stays_out() -> None:
    """A texture of the same colours as the shape has specks that look like it."""
    _, alpha, edge = scene()
    texture = np.random.default_rng(3).integers(60, 200, (180, 320, 1), np.uint8)
    texture = cv2.resize(np.repeat(texture, 3, 2), (640, 360), interpolation=cv2.INTER_NEAREST)
    pixels = np.where(alpha[..., None] > 0.5, np.uint8(190), texture)
    mask = full_mask(Edge(edge.coarse, resize.shrink(pixels, (180, 320))), pixels)
    outside = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert (mask[outside] > 64).mean() < 0.01


@pytest.mark.parametrize("contrast", [1.0, 0.1, 0.0])
def test_noise_of_a_camera_hardly_moves_the_border(contrast: float) -> None:
    """With little contrast the noise is all that the frame has to say about the edge."""
    pixels, alpha, edge = scene()
    rng, masks = np.random.default_rng(5), []
    for _ in range(2):
        noisy = 120 + (pixels - 120.0) * contrast + rng.normal(0, 3, pixels.shape)
        frame = np.clip(noisy, 0, 255).astype(np.uint8)
        masks.append(full_mask(Edge(edge.coarse, resize.shrink(frame, (180, 320))), frame).astype(int))
    assert np.abs(masks[0] - masks[1])[near_border(alpha)].mean() / 255 < 0.012


@needs_kernels
@pytest.mark.parametrize(
    "size", [(360, 640), (181, 323), (640, 360), (7, 5), (1, 1), (60, 64), (16, 900), (480, 3)], ids=str
)
def test_compiled_gives_the_same_bits(size: tuple[int, int], without_kernels: pytest.MonkeyPatch) -> None:
    pixels, dream = noise(*size), noise(*size, seed=1)
    rng = np.random.default_rng(2)
    coarse = cv2.blur((cv2.resize(rng.random((9, 16)), (256, 144)) > 0.5).astype(np.float32), (5, 5))
    edge = Edge(coarse, resize.shrink(pixels, (max(1, size[0] // 2), max(1, size[1] // 2))))
    residual = rng.integers(-255, 256, (20, 30, 3)).astype(np.int16)

    def results() -> list[np.ndarray]:
        mask = full_mask(edge, pixels)
        any_mask = rng_mask[: size[0], : size[1]]
        return [
            mask,
            *(blend(pixels, dream, each) for each in (mask, any_mask)),
            *(compose_masked(pixels, residual, strength, each) for strength in (1, 1.5) for each in (mask, any_mask)),
        ]

    rng_mask = rng.integers(0, 256, (900, 900)).astype(np.uint8)
    plain = results()
    without_kernels.setattr(kernels, "compiled", True)
    for number, (ours, theirs) in enumerate(zip(results(), plain, strict=True)):
        assert np.array_equal(ours, theirs), number


@pytest.mark.parametrize("small", [(12, 20), (144, 256), (400, 700)], ids=str)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_value_everywhere_stays_it(value: float, small: tuple[int, int]) -> None:
    pixels = noise(90, 160)
    mask = full_mask(Edge(np.full(small, value, np.float32), resize.shrink(pixels, (45, 80))), pixels, feather=9)
    assert np.array_equal(mask, np.full((90, 160), 255 * value))


def test_source_and_dream_keep_their_bits() -> None:
    pixels, residual = noise(90, 161), np.random.default_rng(1).integers(-99, 99, (30, 50, 3)).astype(np.int16)
    dream = resize.compose(pixels, residual, 1)
    mask = np.zeros((90, 161), np.uint8)
    mask[:, 70:75], mask[:, 75:] = 100, 255
    out = compose_masked(pixels, residual, 1, mask)
    assert np.array_equal(out[:, :70], pixels[:, :70])
    assert np.array_equal(out[:, 75:], dream[:, 75:])
    exact = pixels[:, 70:75] + (dream[:, 70:75].astype(int) - pixels[:, 70:75]) * 100 / 255
    assert np.array_equal(out[:, 70:75], np.rint(exact))
    assert np.array_equal(blend(pixels, dream, mask), out)
    assert compose_masked(pixels, residual, 0, mask) is pixels


def test_every_share_is_rounded_to_the_nearest() -> None:
    mask = np.arange(256, dtype=np.uint8)[None]
    for source, dream in ((0, 255), (255, 0), (13, 200), (7, 8)):
        dark, light = (np.full((1, 256, 3), value, np.uint8) for value in (source, dream))
        exact = source + (dream - source) * np.arange(256) / 255
        assert np.array_equal(blend(dark, light, mask)[0, :, 1], np.rint(exact))


@pytest.mark.parametrize("plain", [False, True])
def test_a_frame_that_is_not_contiguous(plain: bool, without_kernels: pytest.MonkeyPatch) -> None:
    if not plain:
        without_kernels.undo()
    large = noise(200, 300)
    pixels, mask = large[10:100:2, ::-1][:, 20:180], np.random.default_rng(1).integers(0, 256, (90, 160))
    mask = np.asfortranarray(mask[::2].astype(np.uint8))
    residual = np.random.default_rng(2).integers(-99, 99, (20, 30, 3)).astype(np.int16)
    edge = Edge(np.eye(45, 160, dtype=np.float32), np.ascontiguousarray(pixels))
    copy = np.ascontiguousarray(pixels)
    assert np.array_equal(full_mask(edge, pixels), full_mask(edge, copy))
    assert np.array_equal(
        compose_masked(pixels, residual, 1, mask), compose_masked(copy, residual, 1, np.ascontiguousarray(mask))
    )


@pytest.mark.parametrize("feather", [1, 2, 4, 8, 9, 10, 12, 14, 16, 17, 20, 24, 30, 36, 40, 70, 100, 200])
def test_feather_is_the_width_of_an_edge(feather: int) -> None:
    mask = np.zeros((120, 640), np.uint8)
    mask[:, 320:] = 255
    row = soften(mask, feather)[60].astype(int)
    assert np.all(np.diff(row) >= 0)
    between = np.flatnonzero((row > 0) & (row < 255))
    assert between.size == pytest.approx(feather, rel=0.2, abs=1)
    assert between.mean() == pytest.approx(319.5, abs=1)


def test_feather_under_a_pixel_changes_nothing() -> None:
    mask = noise(40, 60)[..., 0]
    assert np.array_equal(soften(mask, 0), mask)
    assert np.array_equal(soften(mask, 0.9), mask)


def test_strength_is_how_much_a_mask_takes_away() -> None:
    mask = np.array([[0, 100, 255]], np.uint8)
    assert soften(mask, 0, 1).tolist() == [[0, 100, 255]]
    assert soften(mask, 0, 0.5).tolist() == [[128, 178, 255]]
    assert soften(mask, 0, 0).tolist() == [[255, 255, 255]]


def test_masks_multiply() -> None:
    first, second = np.array([[0, 255, 255, 128]], np.uint8), np.array([[255, 0, 255, 128]], np.uint8)
    assert multiply([first, second]).tolist() == [[0, 0, 255, 64]]
    assert multiply([first]) is first


def test_threads_change_no_bit() -> None:
    pixels, _, edge = scene()
    masks = []
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            masks.append(full_mask(edge, pixels, 8, 0.7))
    finally:
        cv2.setNumThreads(before)
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])


def test_patches_that_are_skipped_hold_what_would_be_computed(without_kernels: pytest.MonkeyPatch) -> None:
    pixels, _, edge = scene()
    guide = mask_edges._guide(edge, (360, 640))
    assert (guide.kinds > 0).mean() > 0.5
    everywhere = guide._replace(kinds=np.zeros_like(guide.kinds))
    assert np.array_equal(mask_edges._apply(guide, pixels), mask_edges._apply(everywhere, pixels))
