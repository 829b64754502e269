"""Numbered pictures as a film. The expected values are written by hand."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from livedream.capture.image_sequence import ImageSequenceSource
from livedream.capture.open import open_source
from livedream.cli.tasks.reporting import describe
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo


def save(path: Path, level: int, size: tuple[int, int] = (4, 2)) -> None:
    Image.new("RGB", size, (level, 0, 0)).save(path)


def levels(source: ImageSequenceSource) -> list[int]:
    return [int(frame.pixels[0, 0, 0]) for frame in source]


def test_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (2, 10, 9):
        save(tmp_path / f"a{number}.png", number)
    save(tmp_path / "a11.jpg", 11)
    save(tmp_path / "b1.png", 1)
    with ImageSequenceSource(str(tmp_path / "a%d.png")) as source:
        assert (source.rate, source.length, source.size, source.stills, source.live) == (25, 3, (4, 2), False, False)
        assert source.path == tmp_path
        frames = list(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [2, 9, 10]
    assert [(frame.time, frame.index) for frame in frames] == [(Fraction(n, 25), n) for n in range(3)]


def test_number_of_digits(tmp_path: Path) -> None:
    for name, level in (("007", 7), ("7", 1), ("0008", 2), ("1234", 9)):
        save(tmp_path / f"{name}.png", level)
    with ImageSequenceSource(str(tmp_path / "%03d.png")) as source:
        assert levels(source) == [7, 9]


def test_gaps_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2, 5):
        save(tmp_path / f"{number}.png", number)
    with caplog.at_level(logging.WARNING), ImageSequenceSource(str(tmp_path / "%d.png")) as source:
        assert levels(source) == [1, 2, 5]
    assert "2 of the numbers from 1 to 5 are missing" in caplog.text


def test_what_is_no_file_is_a_gap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (0, 3):
        save(tmp_path / f"{number:02}.png", number)
    (tmp_path / "01.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "02.png").mkdir()
    with ImageSequenceSource(f"{tmp_path}/%02d.png") as source:
        assert levels(source) == [0, 3]
    assert "2 of the numbers from 0 to 3 are missing" in caplog.text


def test_all_have_the_size_of_the_first_and_none_is_stretched(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 100, (8, 4))
    save(tmp_path / "2.png", 200, (80, 40))
    save(tmp_path / "3.png", 200, (4, 4))
    with ImageSequenceSource(str(tmp_path / "%d.png")) as source:
        frames = list(source)
    assert [frame.size for frame in frames] == [(8, 4)] * 3
    assert frames[1].pixels[:, :, 0].min() == 200
    assert frames[2].pixels[0, :, 0].tolist() == [0, 0, 200, 200, 200, 200, 0, 0]


def test_skip(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", number)
    with ImageSequenceSource(str(tmp_path / "%d.png")) as source:
        source.skip(2)
        assert [(frame.index, int(frame.pixels[0, 0, 0])) for frame in source] == [(2, 2), (3, 3)]


def test_what_a_sink_writes_comes_back_to_the_bit(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    frames = [Frame(chance.integers(0, 256, (5, 7, 3), np.uint8), Fraction(n, 25), n) for n in range(3)]
    with open_sink(f"{tmp_path}/frames/", StreamInfo(rate=Fraction(25))) as sink:
        for frame in frames:
            sink.write(frame)
        sink.end()
    with open_source(f"{tmp_path}/frames/%06d.png") as source:
        back = list(source)
    assert [frame.time for frame in back] == [frame.time for frame in frames]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(back, frames, strict=True))


def test_what_is_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such picture"):
        ImageSequenceSource(str(tmp_path / "%d.png"))
    with pytest.raises(SourceError, match="No such file"):
        ImageSequenceSource(str(tmp_path / "absent" / "%d.png"))
    with pytest.raises(ArgumentError, match="has 2 places for a number"):
        ImageSequenceSource(str(tmp_path / "%d-%d.png"))


def test_a_file_of_that_very_name_is_itself(tmp_path: Path) -> None:
    save(tmp_path / "100%d.png", 1)
    with open_source(tmp_path / "100%d.png") as source:
        assert source.stills


# Rates and times -----------------------------------------------------------------------------------------------------


def through_pictures(folder: Path, times: list[Fraction], info: StreamInfo, duration: Fraction | None = None) -> str:
    with open_sink(f"{folder}/fr/", info) as sink:
        for number, time in enumerate(times):
            last = duration if number == len(times) - 1 else None
            sink.write(Frame(np.full((4, 6, 3), number, np.uint8), time, number, duration=last))
        sink.end()
    return f"{folder}/fr/%06d.png"


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(12)], ids=str)
def test_what_livedream_wrote_has_its_rate_again(rate: Fraction, tmp_path: Path) -> None:
    times = [n / rate for n in range(4)]
    pattern = through_pictures(tmp_path, times, StreamInfo(rate=rate, time_base=1 / rate / 512))
    with open_source(pattern) as source:
        assert source.rate == rate
        assert not source.rate_is_assumed
        frames = list(source)
        assert [frame.time for frame in frames] == times
        assert all(time % source.time_base == 0 for time in times)


def test_varying_times_and_the_last_duration_come_back(tmp_path: Path) -> None:
    times = [Fraction(3, 1000), Fraction(50, 1000), Fraction(2), Fraction(5)]
    info = StreamInfo(rate=Fraction(4, 6), time_base=Fraction(1, 1000))
    pattern = through_pictures(tmp_path, times, info, duration=Fraction(3, 2))
    with open_source(pattern) as source:
        frames = list(source)
        assert source.time_base == Fraction(1, 1000)
    assert [frame.time for frame in frames] == [time - times[0] for time in times]
    assert [frame.duration for frame in frames] == [None, None, None, Fraction(3, 2)]
    with open_source(pattern) as source:
        source.skip(2)
        assert next(iter(source)).time == times[2] - times[0]


def test_rate_that_is_asked_for_counts_more(tmp_path: Path) -> None:
    pattern = through_pictures(tmp_path, [Fraction(0), Fraction(3)], StreamInfo(rate=Fraction(30)))
    with open_source(pattern, rate=Fraction(50)) as source:
        assert (source.rate, source.rate_is_assumed) == (50, False)
        assert [frame.time for frame in source] == [0, Fraction(1, 50)]


def test_rate_that_nobody_knows_is_said_to_be_assumed(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    with open_source(f"{tmp_path}/%d.png") as source:
        assert (source.rate, source.rate_is_assumed) == (25, True)
        assert describe(source).endswith("25 fps (assumed: --rate N changes it)")


def test_missing_numbers_and_mixed_films_are_closed_up(tmp_path: Path) -> None:
    rate = Fraction(10)
    pattern = through_pictures(tmp_path, [n / rate for n in range(6)], StreamInfo(rate=rate))
    (tmp_path / "fr" / "000002.png").unlink()
    (tmp_path / "fr" / "000003.png").unlink()
    (tmp_path / "fr" / "000006.png").write_bytes((tmp_path / "fr" / "000000.png").read_bytes())
    (tmp_path / "fr" / "000007.png").write_bytes((tmp_path / "fr" / "000001.png").read_bytes())
    with open_source(pattern) as source:
        assert [frame.time for frame in source] == [n / rate for n in range(6)]


def test_stills_carry_no_time(tmp_path: Path) -> None:
    pattern = through_pictures(tmp_path, [Fraction(0), Fraction(1, 25)], StreamInfo(stills=True, rate=Fraction(25)))
    with open_source(pattern) as source:
        assert source.rate_is_assumed


@pytest.mark.parametrize(
    "text", ["1/0", "x", "9" * 50, "-1/25", "1e999999/3", "nan", "1/99999999999999999999999999999"]
)
def test_times_that_a_stranger_wrote_are_nonsense_or_harmless(text: str, tmp_path: Path) -> None:
    for number in range(2):
        info = PngInfo()
        for name in ("livedream-time", "livedream-rate", "livedream-duration"):
            info.add_text(name, text)
        Image.new("RGB", (4, 2)).save(tmp_path / f"{number}.png", pnginfo=info)
    with open_source(f"{tmp_path}/%d.png") as source:
        first, second = source
        assert first.time == 0 < second.time


# Damage --------------------------------------------------------------------------------------------------------------


def test_neighbour_stands_in_for_what_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5):
        save(tmp_path / f"{number}.png", number)
    (tmp_path / "0.png").write_text("no picture")
    (tmp_path / "3.png").write_bytes(b"")
    with open_source(f"{tmp_path}/%d.png") as source:
        assert levels(source) == [1, 1, 2, 2, 4]  # type: ignore[arg-type]
        assert source.lost == 2
    assert "0.png is not a picture" in caplog.text
    assert "3.png is empty" in caplog.text


def test_not_one_that_can_be_read(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(SourceError, match="none of the 2 pictures"):
        open_source(f"{tmp_path}/%d.png")


def test_kinds_of_pixel_change(tmp_path: Path) -> None:
    Image.new("RGB", (4, 2), (9, 9, 9)).save(tmp_path / "0.png")
    Image.new("P", (4, 2)).save(tmp_path / "1.png")
    Image.new("RGBA", (4, 2), (0, 0, 0, 0)).save(tmp_path / "2.png")
    Image.fromarray(np.full((2, 4), 257 * 7, np.uint16)).save(tmp_path / "3.png")
    with open_source(f"{tmp_path}/%d.png") as source:
        assert levels(source) == [9, 0, 255, 7]  # type: ignore[arg-type]
