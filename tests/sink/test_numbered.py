"""Numbered images, out%06d.png, which the same pattern reads again."""

from fractions import Fraction

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.recipe import Recipe, about
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo


def frames(count):
    return [Frame(np.full((4, 6, 3), 10 * number, np.uint8), Fraction(number, 25), number) for number in range(count)]


def write(pattern, count=3, **how):
    with open_sink(pattern, **how) as sink:
        sink.recipe = Recipe(settings=DreamSettings(steps=2))
        for frame in frames(count):
            sink.write(frame)
        sink.end()


@pytest.mark.parametrize(
    ("pattern", "names", "recipe"),
    [
        ("out%06d.png", ["out000000.png", "out000001.png", "out000002.png"], "out.png.toml"),
        ("%d.tif", ["0.tif", "1.tif", "2.tif"], "recipe.toml"),
        ("a_%03d_b.png", ["a_000_b.png", "a_001_b.png", "a_002_b.png"], "a_b.png.toml"),
    ],
)
def test_the_same_pattern_reads_what_was_written(pattern, names, recipe, tmp_path):
    write(tmp_path / pattern)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, recipe])
    assert about((tmp_path / recipe).read_text()) | {"frames": 3, "complete": True} == about(
        (tmp_path / recipe).read_text()
    )
    with open_source(str(tmp_path / pattern)) as source:
        assert [int(frame.pixels[0, 0, 0]) for frame in source] == [0, 10, 20]


def test_existing_images_stay_without_overwrite(tmp_path):
    (tmp_path / "out7.png").write_bytes(b"mine")
    (tmp_path / "outer.png").write_bytes(b"mine too")
    with pytest.raises(SinkError, match=r"out7\.png exists already"):
        open_sink(tmp_path / "out%d.png")
    write(tmp_path / "out%d.png", overwrite=True)
    assert (tmp_path / "outer.png").read_bytes() == b"mine too"


def test_surplus_images_of_a_longer_run_are_removed(tmp_path, caplog):
    write(tmp_path / "out%03d.png", 5)
    (tmp_path / "out004.png").write_bytes(b"mine")
    write(tmp_path / "out%03d.png", 2, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.png.toml",
        "out000.png",
        "out001.png",
        "out004.png",
    ]
    assert (tmp_path / "out004.png").read_bytes() == b"mine"
    assert "out004.png follows the last frame of this run, and is left as it is" in caplog.text


@pytest.mark.parametrize("pattern", ["%06d.png", "", "out%d.png"])
def test_a_foreign_half_written_image_is_an_error_at_once(pattern, tmp_path):
    name = "out7.part.png" if "out" in pattern else "000007.part.png"
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(SinkError, match=f"{name} exists already, and livedream may not have made it"):
        open_sink(tmp_path / pattern, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_images_that_are_read_are_never_replaced(tmp_path):
    write(tmp_path / "%d.png")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for source in (tmp_path / "%d.png", tmp_path):
        with (
            open_source(str(source)) as opened,
            pytest.raises(ArgumentError, match="is what the frames are read from"),
        ):
            open_sink(tmp_path / "%d.png", StreamInfo.of(opened), overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_pattern_needs_one_place_for_a_number(tmp_path):
    with pytest.raises(ArgumentError, match="has 2 places for a number"):
        open_sink(tmp_path / "%d-%d.png")
    with pytest.raises(SinkError, match="does not exist"):
        open_sink(tmp_path / "gone" / "%d.png")


def test_more_digits_than_a_name_can_have_are_not_a_place_for_a_number(tmp_path):
    """Formatting a number to 9999999999 digits takes as many bytes: it is no place for a number."""
    write(tmp_path / "%09999999999d.png")
    assert (tmp_path / "%09999999999d.png").is_file()
    with pytest.raises(SinkError, match="File name too long"):
        write(tmp_path / ("x" * 200 + "%099d.png"))
