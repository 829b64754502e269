"""A film played several times: times, numbers and what each kind of source makes of `rewind`."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from livedream.capture.looped import LoopedSource
from livedream.capture.open import open_source
from livedream.errors import ArgumentError
from tests.pipeline.parts import Frames


def pixels_of(frames):
    return np.stack([frame.pixels for frame in frames])


def rounds_of(source, times):
    with LoopedSource(source, times) as looped:
        assert looped.length in (None, times * source.length)
        frames = list(looped)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(before.time < after.time for before, after in itertools.pairwise(frames))
    return frames


def test_a_film_goes_on_over_the_seam_without_a_gap(make_clip, caplog) -> None:
    path = make_clip(frames=7, rate=Fraction(30000, 1001), audio=True)
    with open_source(path) as film:
        once = list(film)
    frames = rounds_of(open_source(path), 3)
    assert [frame.time for frame in frames] == [Fraction(1001 * number, 30000) for number in range(21)]
    for number in range(3):
        assert np.array_equal(pixels_of(frames[7 * number : 7 * number + 7]), pixels_of(once))
    assert caplog.records == []


def test_a_part_of_a_film(make_clip) -> None:
    path = make_clip(frames=20, rate=10)
    frames = rounds_of(open_source(path, start=Fraction(1, 2), end=Fraction(9, 10)), 2)
    assert [frame.time for frame in frames] == [Fraction(number, 10) for number in range(8)]
    assert np.array_equal(pixels_of(frames[:4]), pixels_of(frames[4:]))


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animated_picture_with_times_of_its_own(name, tmp_path) -> None:
    """The last picture is shown for 0.5 s, whatever came before."""
    shades = [Image.fromarray(np.full((8, 8, 3), 90 * number, np.uint8)) for number in range(3)]
    shades[0].save(tmp_path / name, save_all=True, append_images=shades[1:], duration=[100, 200, 500])
    frames = rounds_of(open_source(tmp_path / name), 2)
    assert [float(frame.time) for frame in frames] == pytest.approx([0, 0.1, 0.3, 0.8, 0.9, 1.1])
    assert frames[-1].duration == Fraction(1, 2)
    assert np.array_equal(pixels_of(frames[:3]), pixels_of(frames[3:]))


def test_numbered_pictures_and_what_is_wrong_is_told_once(tmp_path, caplog) -> None:
    for number in (0, 1, 3):
        Image.fromarray(np.full((4, 6, 3), 50 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path / "%d.png"), rate=10)
    looped = LoopedSource(source, 2)
    frames = list(looped)
    assert [frame.time for frame in frames] == [Fraction(number, 10) for number in range(6)]
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [0, 0, 150] * 2
    assert (looped.lost, len(caplog.records)) == (1, 2)  # the missing number, and the damaged picture


def test_a_film_of_one_frame(make_clip) -> None:
    path = make_clip(frames=1, rate=10)
    assert [frame.time for frame in rounds_of(open_source(path), 3)] == [0, Fraction(1, 10), Fraction(2, 10)]


def test_without_an_end_until_it_is_closed(make_clip) -> None:
    looped = LoopedSource(open_source(make_clip(frames=3, rate=10)))
    assert (looped.length, looped.round_seconds) == (None, None)
    frames = itertools.islice(looped, 10)
    assert [frame.index for frame in frames] == list(range(10))
    assert looped.round_seconds == Fraction(3, 10)
    looped.close()
    assert list(looped) == []


def test_what_cannot_begin_again_is_refused(make_clip) -> None:
    for source, wrong in ((Frames(2, live=True), "is live"), (Frames(2), "only once")):
        with pytest.raises(ArgumentError, match=wrong):
            LoopedSource(source)
    with open_source(make_clip()) as film, pytest.raises(ArgumentError, match="0 times"):
        LoopedSource(film, 0)
    with pytest.raises(ArgumentError, match="cannot be played again"):
        Frames(2).rewind()


def test_damage_of_a_film_is_told_once(make_clip, caplog) -> None:
    path = make_clip(frames=40, rate=10)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\x9d" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    with open_source(path) as film:
        once = list(film)
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    frames = rounds_of(open_source(path), 3)
    assert len(frames) == 3 * len(once)
    assert np.array_equal(pixels_of(frames[: len(once)]), pixels_of(frames[-len(once) :]))
    assert [record.getMessage() for record in caplog.records] == told != []
