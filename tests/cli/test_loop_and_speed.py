"""`--loop` and `--speed`, as they are typed."""

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.playback_options import PlaybackOptions, given_playback
from livedream.cli.tasks import dive, dream, dream_plan
from livedream.errors import ArgumentError
from livedream.pipeline import Playback
from livedream.recipe import about
from livedream.sink.null import NullSink
from livedream.sink.open import open_sink
from tests.conftest import count_frames

SMALL = ["--layers", "fire3", "--working-height", "32", "--octaves", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Shown(NullSink):
    """Stands for a window that is closed after so many frames."""

    live = True
    frames: "list[Fraction]"
    most = 10**9

    def __init__(self) -> None:
        super().__init__()
        self.name = "window"
        self.frames = []

    @property
    def finished(self) -> bool:
        return len(self.frames) >= self.most

    def write(self, frame) -> None:
        self.frames.append(frame.time)


@pytest.fixture
def window(monkeypatch):
    """The window of the next run, and the clocks that runs were given."""
    shown, clocks = Shown(), list[Any]()

    def playback(*args, **how):
        clocks.append(Playback(*args, **how))
        return clocks[-1]

    monkeypatch.setattr(
        dream, "open_sink", lambda spec, *a, **b: shown if spec == "window" else open_sink(spec, *a, **b)
    )
    monkeypatch.setattr(dream_plan, "Playback", playback)
    return shown, clocks


def test_a_film_three_times_into_a_file(make_clip, tmp_path, capsys) -> None:
    make_clip("film.mp4", frames=4, rate=10, audio=True)
    assert main(["run", "film.mp4", "--loop", "3", "--to", "out.mp4", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "dreamt 12 frames" in out
    assert err.splitlines()[0] == "warning: the sound is left out: a looped video has none"
    with av.open("out.mp4") as film:
        assert [stream.type for stream in film.streams] == ["video"]  # no sound of one round
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx([number / 10 for number in range(12)])
    assert about(embedded_recipe(Path("out.mp4")))["options"] == {"loop": 3}


def test_without_an_end_into_a_window_until_that_is_closed(make_clip, window, capsys) -> None:
    make_clip("film.mp4", frames=3, rate=50)
    shown, clocks = window
    shown.most = 11
    assert main(["run", "--loop", "film.mp4", *SMALL]) == 0
    assert shown.frames == [Fraction(number, 50) for number in range(11)]
    assert [(clock.speed, clock.only_played) for clock in clocks] == [(1, True)]
    assert "-> window" in capsys.readouterr().out


def test_a_picture_goes_on_dreaming(window) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)).save("photo.png")
    shown, _ = window
    shown.most = 5
    assert main(["run", "photo.png", "--loop", *SMALL]) == 0
    assert shown.frames == [Fraction(number, 30) for number in range(5)]


def test_a_second_of_a_picture_becomes_a_film() -> None:
    Image.new("RGB", (64, 48), (90, 160, 40)).save("photo.png")
    assert main(["run", "photo.png", "--loop", "--duration", "0.2", "--to", "a.mp4", *SMALL]) == 0
    assert count_frames(Path("a.mp4")) == 6


def test_a_duration_ends_a_loop_and_not_each_of_its_rounds(make_clip, tmp_path, capsys) -> None:
    make_clip("film.mp4", frames=4, rate=10, audio=True)
    part = ["--start", "0.1", "--end", "0.4"]
    assert main(["run", "film.mp4", *part, "--loop", "-t", "1", "--to", "a.mp4", *SMALL]) == 0
    assert main(["run", "film.mp4", "--loop", "2", "-t", "1", "--to", "b.mp4", *SMALL]) == 0
    assert [count_frames(Path(name)) for name in ("a.mp4", "b.mp4")] == [10, 8]
    assert about(embedded_recipe(Path("a.mp4")))["options"] == {"start": "1/10", "end": "2/5", "duration": "1"}
    assert capsys.readouterr().err.count("a looped video has none") == 2
    assert main(["run", "film.mp4", "--loop", "-t", "0.2", "--to", "c.mp4", *SMALL]) == 0
    with av.open("c.mp4") as film:  # one round: its sound is kept
        assert [(track.type, float(track.duration * track.time_base)) for track in film.streams] == [
            ("video", pytest.approx(0.2)),
            ("audio", pytest.approx(0.2, abs=0.03)),
        ]


@pytest.mark.parametrize("loop", ["0", "1.5", "abc", "12345678"])
def test_a_wrong_number_of_rounds_is_not_taken_for_a_film(loop, make_clip, capsys) -> None:
    make_clip("film.mp4", frames=1)
    assert main(["run", "film.mp4", f"--loop={loop}", "--to", "a.mp4", *SMALL]) == 2
    assert capsys.readouterr().err.startswith(f"error: --loop takes a whole number from 1 to 1000000, got '{loop}'\n")


def test_a_film_beside_a_window_is_dreamt_as_fast_as_possible_unless_a_speed_is_asked_for(make_clip, window) -> None:
    make_clip("film.mp4", frames=3, rate=50)
    _, clocks = window
    assert main(["run", "film.mp4", "--to", "window", "--to", "a.mp4", *SMALL]) == 0
    assert main(["run", "film.mp4", "--to", "null", *SMALL]) == 0
    assert clocks == []
    assert main(["run", "film.mp4", "--to", "window", "--to", "b.mp4", "--speed", "0.5", *SMALL]) == 0
    assert [(clock.speed, clock.only_played) for clock in clocks] == [(Fraction(1, 2), False)]


def test_a_dive_is_played_in_a_window_and_not_rushed_through(monkeypatch) -> None:
    Image.new("RGB", (64, 48), (90, 160, 40)).save("photo.png")
    arrived = []

    class Watched(Shown):
        def write(self, frame) -> None:
            arrived.append(time.monotonic())

    monkeypatch.setattr(dive, "open_sink", lambda *a, **b: Watched())
    small = ["--layers", "fire3", "--still-height", "32", "--length", "1", "--fps", "8"]
    assert main(["zoom", "photo.png", "--to", "window", *small]) == 0
    assert len(arrived) == 8
    assert arrived[-1] - arrived[0] >= 0.8  # frames of that size take some milliseconds each


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["demo", "--loop"], "only a video can loop, and demo is live"),
        (["demo", "--speed", "2"], "--speed is for videos, and demo is not one"),
        (["photo.png", "--loop", "3"], "--loop takes no number for a picture"),
        (["film.mp4", "--loop", "--to", "a.mp4"], "--loop without a number never ends, so a.mp4 would fill the disk"),
        (["film.mp4", "--loop", "0"], "--loop takes a whole number from 1 to 1000000, got '0'"),
        (["film.mp4", "--speed", "2", "--to", "a.mp4"], "--speed is for windows, virtual cameras and streams"),
        (["film.mp4", "--speed", "11"], "invalid speed '11'"),
        (["film.mp4", "--speed", "fast"], "invalid speed 'fast'"),
        (
            ["film.mp4", "film.mp4", "b.mp4", "--loop"],
            "--loop without a number never ends, and several sources are named",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line_with_a_hint(typed, line, make_clip, capsys) -> None:
    make_clip("film.mp4", frames=2)
    make_clip("b.mp4", frames=2)
    Image.new("RGB", (64, 48)).save("photo.png")
    assert main(["run", *typed, *(() if "--to" in typed else ("--to", "null")), *SMALL]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {line}")
    assert hint.startswith("hint: ")


def test_a_number_after_loop_counts_and_anything_else_is_a_source() -> None:
    assert given_playback((), "film.mp4", None, False) == (("film.mp4",), PlaybackOptions(loop=True))
    assert given_playback(("a",), "3", "1.5x", True) == (
        ("a",),
        PlaybackOptions(loop=True, rounds=3, speed=Fraction(3, 2), sound=True),
    )
    assert given_playback(("a",), None, None, False) == (("a",), PlaybackOptions())
    with pytest.raises(ArgumentError, match="--loop takes a whole number"):
        given_playback((), "-1", None, False)
