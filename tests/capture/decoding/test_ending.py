"""Films that end before their header says so; and whole ones, of which nobody may say that."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.capture.open import open_source
from livedream.capture.video import VideoSource
from livedream.pipeline import run
from livedream.recipe import Recipe, about
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.films import av, write_film

TICKS = list(range(50))
PLAIN: dict[str, Any] = {"time_base": Fraction(1, 25), "gop": 10}


def ended(path: Path) -> tuple[int, str | None]:
    """How many frames came, and what was said of the end."""
    with VideoSource(path) as source:
        count = sum(1 for _ in source)
    return count, source.ended_early


def cut_before(film: Path, number: int) -> None:
    """Cut a film off where its packet of that number begins."""
    with av.open(str(film)) as whole:
        places = [packet.pos for packet in whole.demux(video=0) if packet.size]
    with film.open("r+b") as file:
        file.truncate(places[number])


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}, {"movflags": "faststart"}])
def test_whole_mp4(options: dict[str, str], tmp_path: Path) -> None:
    assert ended(write_film(tmp_path / "whole.mp4", TICKS, options=options, **PLAIN)) == (50, None)


@pytest.mark.parametrize("sound_seconds", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "mov", "avi", "flv", "ts", "mpg", "nut"])
def test_pictures_may_end_before_the_sound_or_after(kind: str, sound_seconds: float, tmp_path: Path) -> None:
    codec, sound = ("mpeg2video", "mp2") if kind == "mpg" else ("libx264", "aac")
    film = write_film(tmp_path / f"whole.{kind}", TICKS, codec=codec, sound=sound, sound_seconds=sound_seconds, **PLAIN)
    assert ended(film) == (50, None)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(
    "ticks",
    [[0], [0, 3000, 6000, 30000], [0, 40, 41, 42, 5000], [700 + 40 * n for n in range(20)], [100_000, 100_040]],
    ids=["one frame", "slides", "variable", "late", "a clock that begins at 100 s"],
)
def test_whole_films_with_odd_times(kind: str, ticks: list[int], tmp_path: Path) -> None:
    assert ended(write_film(tmp_path / f"whole.{kind}", ticks)) == (len(ticks), None)


@pytest.mark.parametrize(
    ("kind", "options"), [("mkv", {}), ("webm", {}), ("avi", {}), ("flv", {}), ("mp4", {"movflags": "faststart"})]
)
def test_cut_off(kind: str, options: dict[str, str], tmp_path: Path) -> None:
    codec = "libvpx" if kind == "webm" else "libx264"
    film = write_film(tmp_path / f"cut.{kind}", TICKS, codec=codec, options=options, **PLAIN)
    cut_before(film, 30)
    count, said = ended(film)
    assert 28 <= count <= 30
    assert said is not None
    seconds, _, rest = said.partition(" of ")
    assert abs(float(seconds) - count / 25) <= 0.1
    assert rest == "2.0 s"


def test_a_matroska_film_without_a_tag_is_measured_by_all_its_tracks(tmp_path: Path) -> None:
    """The header has one duration, that of the sound: 4 s. Whole, the pictures may end after 2; cut, they may not."""
    film = write_film(tmp_path / "film.mkv", TICKS, sound="aac", sound_seconds=4, **PLAIN)
    content = film.read_bytes().replace(b"DURATION", b"DURATI0N")
    film.write_bytes(content)
    assert ended(film) == (50, None)
    film.write_bytes(content[: len(content) * 8 // 10])
    assert ended(film) == (50, "2.0 of 4.0 s")


def test_the_last_frames_of_an_mp4(tmp_path: Path) -> None:
    """Three of fifty, and B-frames: the times alone would not show it."""
    film = write_film(tmp_path / "cut.mp4", TICKS, options={"movflags": "faststart"}, **PLAIN)
    content = film.read_bytes()
    film.write_bytes(content[:-150])
    _, said = ended(film)
    assert said is not None


def test_a_part_that_ends_before_the_cut_is_whole(tmp_path: Path) -> None:
    film = write_film(tmp_path / "cut.mkv", TICKS, **PLAIN)
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 6 // 10])
    with VideoSource(film, end=Fraction(1, 5)) as source:
        assert sum(1 for _ in source) == 5
        assert source.ended_early is None
    with VideoSource(film, start=Fraction(1, 5)) as source:
        list(source)
        assert source.ended_early is not None


def test_cut_while_it_is_read(make_clip: Callable[..., Path]) -> None:
    film = make_clip("film.ts", frames=400, size=(320, 240), rate=25)
    with VideoSource(film) as source:
        frames = iter(source)
        next(frames)
        with film.open("r+b") as file:
            file.truncate(film.stat().st_size // 2)
        count = 1 + sum(1 for _ in frames)
    assert count < 400
    assert source.ended_early is not None
    assert source.ended_early.endswith(" of 16.0 s")


@pytest.mark.parametrize("target", ["out.mkv", "frames/"])
@pytest.mark.parametrize("cut", [False, True])
def test_what_is_made_of_it_is_not_complete(cut: bool, target: str, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", TICKS, **PLAIN)
    if cut:
        film.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    name = f"{tmp_path / target}/" if target.endswith("/") else str(tmp_path / target)
    with open_source(film) as source, open_sink(name, StreamInfo.of(source)) as sink:
        sink.recipe = Recipe(settings=DreamSettings())
        run(source, lambda frame: frame, [sink])
    text = (tmp_path / "frames/recipe.toml").read_text() if target == "frames/" else embedded_recipe(tmp_path / target)
    assert about(text)["complete"] is not cut
