import sys

import numpy as np
import pytest

from livedream.bench.look import (
    NOISE,
    SIZE,
    chroma_over_luma,
    clipped_share,
    look,
    look_of_scene,
    look_of_still,
    spectral_slope,
    still_scene,
    strength,
)
from livedream.bench.photographs import NAMES, fit, photograph
from livedream.bench.recognition import new_judge, recognised, sources
from livedream.dream.dreamer import Dreamer
from livedream.errors import ArgumentError
from livedream.settings import DreamSettings

WIDTH, HEIGHT = SIZE


def grey(level: int = 128) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def dreamt(red: int, green: int, blue: int) -> np.ndarray:
    """Grey of 128, in a checkerboard brighter and darker by so much in each channel."""
    sign = np.where(np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2, 1, -1)
    return (128 + sign[..., None] * np.array([red, green, blue])).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((20, 20, 20), 0),
        # A third of it is luma: chroma (2/3, -1/3, -1/3), of which the mean square is 2/9.
        ((30, 0, 0), np.sqrt(2 / 9) / (1 / 3)),
        # However much of it there is, and in any channel: luma 20, chroma (-20, -20, 40).
        ((0, 0, 60), np.sqrt(2)),
        # Luma 20, chroma (20, 0, -20).
        ((40, 20, 0), np.sqrt(800 / 3) / 20),
    ],
)
def test_chroma_over_luma_by_hand(change, expected) -> None:
    assert chroma_over_luma(dreamt(*change), grey()) == pytest.approx(expected)


def test_what_is_in_the_source_was_not_dreamt() -> None:
    source = np.full((HEIGHT, WIDTH, 3), (90, 160, 40), np.uint8)
    assert chroma_over_luma(source + np.uint8(9), source) == 0


def test_nothing_dreamt_has_no_look() -> None:
    assert look(grey(), grey()) == (0, 0, 0, 0)


@pytest.mark.parametrize("slope", [0, -1, -2, -3, -4])
def test_the_slope_of_noise_is_the_one_that_it_was_made_with(slope) -> None:
    random = np.random.default_rng(1)
    size = 2 * HEIGHT, 2 * WIDTH
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1]))
    # The lowest would take all of the 255 levels, and are not looked at.
    amplitude = np.maximum(frequency, 0.015) ** (slope / 2)
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=size)) * amplitude, size)
    noise = noise[:HEIGHT, :WIDTH]  # its edges do not meet, as those of a picture
    dream = np.clip(np.round(128 + 35 * noise / noise.std()), 0, 255).astype(np.uint8)
    found = spectral_slope(np.repeat(dream[..., None], 3, axis=2), grey())
    assert found == pytest.approx(slope, abs=0.15)


def test_clipped_are_pixels_beyond_those_of_the_source() -> None:
    source, dream = grey(), grey()
    source[:64] = 255
    dream[:64] = 255
    dream[64:96, :, 1] = 0
    assert clipped_share(dream, source) == pytest.approx(32 / HEIGHT)
    assert clipped_share(source, dream) == pytest.approx(-32 / HEIGHT)


def test_strength_is_the_mean_absolute_difference() -> None:
    assert strength(dreamt(30, 0, -15), grey()) == pytest.approx(15)


def test_a_look_is_measured_at_the_working_size_and_its_clipping_at_the_full() -> None:
    large = np.kron(dreamt(30, 0, 0), np.ones((2, 2, 1), np.uint8))
    large[0, 0] = 0
    found = look(large, np.full_like(large, 128))
    assert found.chroma_over_luma == pytest.approx(np.sqrt(2), abs=1e-3)
    assert found.clipped == pytest.approx(1 / (4 * WIDTH * HEIGHT))


def test_a_still_scene_has_the_noise_of_a_camera() -> None:
    scene = still_scene(grey(), NOISE)
    first, second = next(scene), next(scene)
    assert first.std() == pytest.approx(NOISE, rel=0.02)
    assert np.subtract(first, second, dtype=int).std() == pytest.approx(NOISE * 2**0.5, rel=0.02)


def test_pictures_to_recognise_are_photographs_and_noise() -> None:
    pictures = sources(20)
    assert {picture.shape for picture in pictures} == {(240, 360, 3)}
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}
    assert len({picture.tobytes() for picture in pictures}) == 20
    neighbours = [np.corrcoef(picture[:, 1:].ravel(), picture[:, :-1].ravel())[0, 1] for picture in pictures]
    assert min(neighbours[:10]) > 0.4
    assert max(neighbours[10:]) < 0.1


def test_recognised_is_what_the_judge_puts_into_a_class_of_the_group() -> None:
    pictures = [grey(level) for level in (51, 50, 68, 69, 60)]
    assert recognised(pictures, lambda picture: int(picture[0, 0, 0]), range(51, 69)) == 3


@pytest.mark.parametrize("name", ["squeezenet", "efficientnet_lite0"])
def test_the_judges_know_a_cat_and_an_espresso(name) -> None:
    judge = new_judge(name)
    assert judge(photograph("chelsea")) in range(281, 286)
    assert judge(photograph("coffee")) == 967


def test_photographs_fill_the_size_and_keep_their_shape() -> None:
    assert len(set(NAMES)) == 10
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 50, axis=0).repeat(3, axis=2)
    middle = fit(ramp, (25, 25))
    assert middle.shape == (25, 25, 3)
    assert (middle[0, 0, 0], middle[0, -1, 0]) == (25, 73)  # two pixels of the middle half are one


def test_without_scikit_image_it_is_said_in_one_line(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ArgumentError, match="needs scikit-image"):
        photograph("astronaut")


def test_a_real_dream_has_a_look(monkeypatch) -> None:
    monkeypatch.setattr("livedream.bench.look.SCENE_FRAMES", 4)
    monkeypatch.setattr("livedream.bench.look._STILL_SIZE", (224, 128))
    settings = DreamSettings(model="squeezenet", layers="fire4", still_steps=2, device="cpu", precision="float32")
    for found in (look_of_scene(Dreamer(settings), "coffee"), look_of_still(Dreamer(settings), "coffee")):
        assert 0.1 < found.chroma_over_luma < 2
        assert -4 < found.slope < 0
        assert 0.5 < found.strength < 30
        assert abs(found.clipped) < 0.2
