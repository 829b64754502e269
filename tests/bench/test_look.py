import sys

import numpy as np
import pytest

from livedream.bench.look import (
    NOISE,
    SIZE,
    added_clipping,
    chroma_over_luma,
    look_of_scene,
    look_of_still,
    measure_look,
    spectral_slope,
    still_scene,
    strength,
)
from livedream.bench.photographs import NAMES, load_photograph, resize_and_crop
from livedream.bench.recognition import count_recognized, load_judge, source_images
from livedream.dream.dreamer import Dreamer
from livedream.errors import ArgumentError
from livedream.settings import DreamSettings

WIDTH, HEIGHT = SIZE


def grey(level: int = 128) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def dreamt(red: int, green: int, blue: int) -> np.ndarray:
    """Return a checkerboard that is brighter and darker than a grey of 128 by these levels."""
    sign = np.where(np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2, 1, -1)
    return (128 + sign[..., None] * np.array([red, green, blue])).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((20, 20, 20), 0),
        # A third of it is luma: chroma (2/3, -1/3, -1/3), of which the mean square is 2/9.
        ((30, 0, 0), np.sqrt(2 / 9) / (1 / 3)),
        # Independent of the amount and the channel: luma 20, chroma (-20, -20, 40).
        ((0, 0, 60), np.sqrt(2)),
        # Luma 20, chroma (20, 0, -20).
        ((40, 20, 0), np.sqrt(800 / 3) / 20),
    ],
)
def test_chroma_over_luma_by_hand(change, expected) -> None:
    assert chroma_over_luma(dreamt(*change), grey()) == pytest.approx(expected)


def test_the_colour_of_the_source_does_not_count() -> None:
    source = np.full((HEIGHT, WIDTH, 3), (90, 160, 40), np.uint8)
    assert chroma_over_luma(source + np.uint8(9), source) == 0


def test_nothing_dreamt_has_no_look() -> None:
    assert measure_look(grey(), grey()) == (0, 0, 0, 0)


@pytest.mark.parametrize("slope", [0, -1, -2, -3, -4])
def test_the_slope_of_noise_is_the_one_that_it_was_made_with(slope) -> None:
    random = np.random.default_rng(1)
    size = 2 * HEIGHT, 2 * WIDTH
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1]))
    # The lowest frequencies would need all of the 255 levels, and are not measured.
    amplitude = np.maximum(frequency, 0.015) ** (slope / 2)
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=size)) * amplitude, size)
    noise = noise[:HEIGHT, :WIDTH]  # its edges do not meet, like those of an image
    dream = np.clip(np.round(128 + 35 * noise / noise.std()), 0, 255).astype(np.uint8)
    found = spectral_slope(np.repeat(dream[..., None], 3, axis=2), grey())
    assert found == pytest.approx(slope, abs=0.15)


def test_clipped_are_pixels_beyond_those_of_the_source() -> None:
    source, dream = grey(), grey()
    source[:64] = 255
    dream[:64] = 255
    dream[64:96, :, 1] = 0
    assert added_clipping(dream, source) == pytest.approx(32 / HEIGHT)
    assert added_clipping(source, dream) == pytest.approx(-32 / HEIGHT)


def test_strength_is_the_mean_absolute_difference() -> None:
    assert strength(dreamt(30, 0, -15), grey()) == pytest.approx(15)


def test_a_look_is_measured_at_the_working_size_and_its_clipping_at_the_full() -> None:
    large = np.kron(dreamt(30, 0, 0), np.ones((2, 2, 1), np.uint8))
    large[0, 0] = 0
    found = measure_look(large, np.full_like(large, 128))
    assert found.chroma_over_luma == pytest.approx(np.sqrt(2), abs=1e-3)
    assert found.clipped == pytest.approx(1 / (4 * WIDTH * HEIGHT))


def test_a_still_scene_has_the_noise_of_a_camera() -> None:
    scene = still_scene(grey(), NOISE)
    first, second = next(scene), next(scene)
    assert first.std() == pytest.approx(NOISE, rel=0.02)
    assert np.subtract(first, second, dtype=int).std() == pytest.approx(NOISE * 2**0.5, rel=0.02)


def test_source_images_are_photographs_and_noise() -> None:
    images = source_images(20)
    assert {image.shape for image in images} == {(240, 360, 3)}
    assert {image.dtype for image in images} == {np.dtype(np.uint8)}
    assert len({image.tobytes() for image in images}) == 20
    neighbours = [np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1] for image in images]
    assert min(neighbours[:10]) > 0.4
    assert max(neighbours[10:]) < 0.1


def test_images_whose_top_class_is_in_the_group_are_recognized() -> None:
    images = [grey(level) for level in (51, 50, 68, 69, 60)]
    assert count_recognized(images, lambda image: int(image[0, 0, 0]), range(51, 69)) == 3


@pytest.mark.parametrize("name", ["squeezenet", "efficientnet_lite0"])
def test_the_judges_recognize_a_cat_and_an_espresso(name) -> None:
    judge = load_judge(name)
    assert judge(load_photograph("chelsea")) in range(281, 286)
    assert judge(load_photograph("coffee")) == 967


def test_photographs_fill_the_size_and_keep_their_shape() -> None:
    assert len(set(NAMES)) == 10
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 50, axis=0).repeat(3, axis=2)
    middle = resize_and_crop(ramp, (25, 25))
    assert middle.shape == (25, 25, 3)
    assert (middle[0, 0, 0], middle[0, -1, 0]) == (25, 73)  # two pixels of the middle half are one


def test_without_scikit_image_there_is_one_clear_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ArgumentError, match="needs scikit-image"):
        load_photograph("astronaut")


def test_a_real_dream_has_a_look(monkeypatch) -> None:
    monkeypatch.setattr("livedream.bench.look.SCENE_FRAMES", 4)
    monkeypatch.setattr("livedream.bench.look._STILL_SIZE", (224, 128))
    settings = DreamSettings(model="squeezenet", layers="fire4", still_steps=2, device="cpu", precision="float32")
    for found in (look_of_scene(Dreamer(settings), "coffee"), look_of_still(Dreamer(settings), "coffee")):
        assert 0.1 < found.chroma_over_luma < 2
        assert -4 < found.slope < 0
        assert 0.5 < found.strength < 30
        assert abs(found.clipped) < 0.2
