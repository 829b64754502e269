import numpy as np

from livedream.dream.image.resize import compose, shrink


def test_shrinking_takes_the_mean_of_what_is_covered() -> None:
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, 0] = (40, 80, 120)
    assert shrink(pixels, (1, 2)).tolist() == [[[10, 20, 30], [0, 0, 0]]]


def test_dream_is_added_and_clipped() -> None:
    pixels = np.full((1, 2, 3), (0, 100, 250), np.uint8)
    residual = np.full((1, 2, 3), (-5, 20, 30), np.int16)
    assert compose(pixels, residual, 1)[0, 0].tolist() == [0, 120, 255]
    assert compose(pixels, residual, 0.5)[0, 0].tolist() == [0, 110, 255]
    assert pixels[0, 0].tolist() == [0, 100, 250]


def test_strength_zero_is_the_source() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    assert np.array_equal(compose(pixels, np.full((3, 4, 3), 99, np.int16), 0), pixels)


def test_detail_of_the_source_stays_under_a_coarse_dream() -> None:
    pixels = np.random.default_rng(0).integers(20, 200, (64, 64, 3), np.uint8)
    out = compose(pixels, np.full((4, 4, 3), 17, np.int16), 1)
    assert np.array_equal(out, pixels + 17)
