"""The small picture of a look."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.studio.pictures.thumbnail import is_drawable, small_picture, small_settings


def decoded(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG"
    return picture


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1280, 720), (256, 144)),
        ((720, 1280), (144, 256)),
        ((640, 480), (222, 166)),
        ((64, 48), (64, 48)),
        ((4000, 40), (512, 32)),
    ],
)
def test_pictures_of_any_shape_have_about_as_many_pixels(size: tuple[int, int], small: tuple[int, int]) -> None:
    frame = Frame(np.full((size[1], size[0], 3), 90, np.uint8), Fraction(0), 0)
    assert decoded(small_picture(frame)).size == small


def test_the_source_is_dreamt_not_the_dream() -> None:
    dream, source = np.zeros((90, 160, 3), np.uint8), np.full((90, 160, 3), 200, np.uint8)
    assert np.asarray(decoded(small_picture(Frame(dream, Fraction(0), 0, source)))).min() > 190


def test_looks_that_need_a_download_or_a_lost_file_are_not_drawable(tmp_path: Path) -> None:
    assert is_drawable(DreamSettings())
    assert is_drawable(DreamSettings(model="squeezenet", layers="dogs"))
    assert not is_drawable(DreamSettings(model="vgg16"))
    assert not is_drawable(DreamSettings(model="none-such"))
    weights = tmp_path / "own.safetensors"
    assert not is_drawable(DreamSettings(weights=str(weights)))
    weights.touch()
    assert is_drawable(DreamSettings(weights=str(weights)))


def test_small_settings_keep_the_look_and_bound_the_work() -> None:
    given = DreamSettings(
        layers="birds", natural_color=1.5, step_size=50, octave_scale=1.05, still_steps=500, device="cuda"
    )
    small = small_settings(given)
    assert (small.layers, small.natural_color) == ("birds", 1.5)
    assert (small.device, small.step_size) == ("cpu", 50)
    assert small.octave_scale >= 1.3
    assert small.still_steps < 20
