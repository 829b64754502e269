"""Numbered pictures as a film. The expected values are written by hand."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.sequence import SequenceSource
from livedream.capture.source import open_source
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.sink.sink import Facts, open_sink


def save(path: Path, level: int, size: tuple[int, int] = (4, 2)) -> None:
    Image.new("RGB", size, (level, 0, 0)).save(path)


def levels(source: SequenceSource) -> list[int]:
    return [int(frame.pixels[0, 0, 0]) for frame in source]


def test_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (2, 10, 9):
        save(tmp_path / f"a{number}.png", number)
    save(tmp_path / "a11.jpg", 11)
    save(tmp_path / "b1.png", 1)
    with SequenceSource(str(tmp_path / "a%d.png")) as source:
        assert (source.rate, source.length, source.size, source.stills, source.live) == (25, 3, (4, 2), False, False)
        assert source.path == tmp_path
        frames = list(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [2, 9, 10]
    assert [(frame.time, frame.index) for frame in frames] == [(Fraction(n, 25), n) for n in range(3)]


def test_number_of_digits(tmp_path: Path) -> None:
    for name, level in (("007", 7), ("7", 1), ("0008", 2), ("1234", 9)):
        save(tmp_path / f"{name}.png", level)
    with SequenceSource(str(tmp_path / "%03d.png")) as source:
        assert levels(source) == [7, 9]


def test_gaps_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2, 5):
        save(tmp_path / f"{number}.png", number)
    with caplog.at_level(logging.WARNING), SequenceSource(str(tmp_path / "%d.png")) as source:
        assert levels(source) == [1, 2, 5]
    assert "2 of the numbers from 1 to 5 are missing" in caplog.text


def test_all_have_the_size_of_the_first(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 100, (8, 4))
    save(tmp_path / "2.png", 200, (80, 40))
    with SequenceSource(str(tmp_path / "%d.png")) as source:
        assert [frame.size for frame in source] == [(8, 4), (8, 4)]


def test_skip(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", number)
    with SequenceSource(str(tmp_path / "%d.png")) as source:
        source.skip(2)
        assert [(frame.index, int(frame.pixels[0, 0, 0])) for frame in source] == [(2, 2), (3, 3)]


def test_what_a_sink_writes_comes_back_to_the_bit(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    frames = [Frame(chance.integers(0, 256, (5, 7, 3), np.uint8), Fraction(n, 25), n) for n in range(3)]
    with open_sink(f"{tmp_path}/frames/", Facts(rate=Fraction(25))) as sink:
        for frame in frames:
            sink.write(frame)
        sink.end()
    with open_source(f"{tmp_path}/frames/%06d.png") as source:
        back = list(source)
    assert [frame.time for frame in back] == [frame.time for frame in frames]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(back, frames, strict=True))


def test_what_is_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such picture"):
        SequenceSource(str(tmp_path / "%d.png"))
    with pytest.raises(SourceError, match="No such file"):
        SequenceSource(str(tmp_path / "absent" / "%d.png"))
    with pytest.raises(ArgumentError, match="a place for 2 numbers"):
        SequenceSource(str(tmp_path / "%d-%d.png"))


def test_a_file_of_that_very_name_is_itself(tmp_path: Path) -> None:
    save(tmp_path / "100%d.png", 1)
    with open_source(tmp_path / "100%d.png") as source:
        assert source.stills
