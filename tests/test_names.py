"""Derived names fit into 255 bytes and stay different."""

import os
from pathlib import Path

import pytest

from livedream.errors import ArgumentError
from livedream.names import LONGEST, NumberedName, fitting
from livedream.sink.names import part_of, recipe_beside


@pytest.mark.parametrize("stem", ["x" * 251, "é" * 125, "\udcff" * 251])
def test_a_long_name_is_cut(stem):
    name = fitting(stem, "-dream.mp4")
    assert len(os.fsencode(name)) <= LONGEST
    assert len(os.fsencode(name)) >= LONGEST - 1  # a letter of two bytes
    assert name.endswith("-dream.mp4")
    assert name == fitting(stem, "-dream.mp4")
    assert name != fitting(stem[:-1] + "y", "-dream.mp4")


def test_a_name_that_fits_stays():
    assert fitting("film", ".part.mp4") == "film.part.mp4"
    assert fitting("x" * 251, ".mp4") == "x" * 251 + ".mp4"


def test_the_part_and_the_recipe_of_the_longest_name(tmp_path):
    target = tmp_path / ("x" * 251 + ".mp4")
    for path in (target, part_of(target), recipe_beside(target), part_of(recipe_beside(target))):
        path.touch()
    assert part_of(target).with_suffix(".resume").name.endswith(".part.resume")
    part_of(target).with_suffix(".resume").mkdir()
    assert part_of(Path("a/film.mp4")) == Path("a/film.part.mp4")


def test_numbered_names():
    numbered = NumberedName.parse("out%03d-x.png", "out%03d-x.png")
    assert [numbered.name(7), numbered.name(1234)] == ["out007-x.png", "out1234-x.png"]
    names = ["out007-x.png", "out7-x.png", "out1234-x.png", "out0007-x.png", "out-x.png", "out00\u0667-x.png"]
    assert [numbered.number_in(name) for name in names] == [7, None, 1234, None, None, None]
    assert [numbered.digits_in(name) for name in names] == ["007", "7", "1234", "0007", None, None]
    with pytest.raises(ArgumentError, match=r"a%d%d\.png has 2 places for a number"):
        NumberedName.parse("a%d%d.png", "a%d%d.png")
