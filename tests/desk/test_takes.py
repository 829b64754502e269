"""Snapshots and recordings."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream import Dreamer, DreamSettings, Frame
from livedream.capture.carried import carried_recipe
from livedream.desk.desk import Desk
from livedream.desk.takes import Takes
from livedream.errors import ArgumentError
from livedream.pipeline import Changes, Playback, Report, SinkReport
from livedream.presets import parse_preset
from livedream.recipe import Recipe
from livedream.sink.lock import OutputLock
from livedream.sink.sink import Facts, Sink

QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8)
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
MOMENT = datetime(2026, 3, 1, 20, 15, 30)


@pytest.fixture
def desk() -> Desk:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((64, 48))
    return Desk(dreamer, "live")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def said() -> list[str]:
    """What is said of takes that were kept, in the terminal."""
    return []


@pytest.fixture
def takes(
    desk: Desk, changes: Changes, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Takes]:
    folder = tmp_path / "takes"
    folder.mkdir()
    monkeypatch.chdir(folder)
    facts = Facts(rate=Fraction(25), live=True)
    takes = Takes(desk, changes, facts, Recipe(settings=QUICK), clock=lambda: MOMENT, on_kept=said.append)
    yield takes
    takes.close()


def test_a_snapshot_is_the_newest_picture_with_the_settings_of_its_moment(
    desk: Desk, takes: Takes, said: list[str]
) -> None:
    desk.set("strength", 0.5)
    dreamt = desk(Frame(PHOTO, Fraction(0), 0))
    takes.snapshot()
    takes.close()
    path = Path("livedream-20260301-201530.png")
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), dreamt.pixels)
    assert parse_preset(carried_recipe(path), str(path)) == QUICK.replace(strength=0.5)
    assert desk.notices.texts[-1] == f"snapshot: {path.resolve()}"
    assert said == [f"snapshot: {path.resolve()}"]


def test_a_snapshot_of_a_film_that_is_played_is_the_frame_that_is_shown(desk: Desk, takes: Takes) -> None:
    desk.playback = Playback()
    takes.snapshot()
    assert desk.notices.texts == ["there is no picture yet"]
    shown = desk(Frame(PHOTO, Fraction(0), 0))
    desk.playback.begin(shown)
    ahead = desk(Frame(PHOTO, Fraction(1, 25), 1))  # waits for its time
    assert not np.array_equal(shown.pixels, ahead.pixels)
    takes.snapshot()
    takes.close()
    with Image.open("livedream-20260301-201530.png") as picture:
        assert np.array_equal(np.asarray(picture), shown.pixels)


def test_without_a_recipe_none_is_taken(desk: Desk, changes: Changes, takes: Takes) -> None:
    desk(Frame(PHOTO, Fraction(0), 0))
    private = Takes(desk, changes, Facts(rate=Fraction(25), live=True), None, clock=lambda: MOMENT)
    private.snapshot()
    private.close()
    with pytest.raises(ArgumentError, match="carries no recipe"):
        carried_recipe(Path("livedream-20260301-201530.png"))


def test_takes_within_a_second_have_names_of_their_own(desk: Desk, takes: Takes, changes: Changes) -> None:
    desk(Frame(PHOTO, Fraction(0), 0))
    takes.snapshot()
    takes.snapshot()
    takes.toggle_recording()
    takes.close()
    for path in ("livedream-20260301-201530.png", "livedream-20260301-201530-2.png"):
        assert Path(path).is_file()
    assert takes.recording == "livedream-20260301-201530-3.mp4"
    ((sink, _),) = changes.take()
    sink.close()


def test_a_take_of_another_livedream_in_the_same_second_is_left_alone(takes: Takes, changes: Changes) -> None:
    """Both the one that writes already and the one that begins at the same moment."""
    Path("livedream-20260301-201530.part.mp4").write_text("another one's")
    with OutputLock(Path("livedream-20260301-201530-2.mp4")):
        takes.toggle_recording()
    assert takes.recording == "livedream-20260301-201530-3.mp4"
    assert Path("livedream-20260301-201530.part.mp4").read_text() == "another one's"
    ((sink, _),) = changes.take()
    sink.close()


def test_a_snapshot_before_the_first_picture_is_said_to_be_none(desk: Desk, takes: Takes) -> None:
    takes.snapshot()
    assert desk.notices.texts == ["there is no picture yet"]


def test_a_snapshot_that_cannot_be_written_is_told(desk: Desk, takes: Takes, tmp_path: Path) -> None:
    desk(Frame(PHOTO, Fraction(0), 0))
    shutil.rmtree(tmp_path / "takes")  # a stick that was pulled out
    takes.snapshot()
    assert "livedream-20260301-201530.png cannot be written" in desk.notices.texts[-1]


def test_a_take_that_has_a_name_of_the_run_is_told(desk: Desk, takes: Takes) -> None:
    desk(Frame(PHOTO, Fraction(0), 0))
    with OutputLock(Path("livedream-20260301-%d.png")):  # as of a run into numbered pictures
        takes.snapshot()
    assert "would be written under one name" in desk.notices.texts[-1]


def test_recording_comes_and_goes(desk: Desk, takes: Takes, changes: Changes, said: list[str]) -> None:
    assert takes.recording is None
    takes.toggle_recording()
    assert takes.recording == "livedream-20260301-201530.mp4"
    ((sink, comes),) = changes.take()
    assert comes
    takes.toggle_recording()
    assert takes.recording is None
    ((gone, comes),) = changes.take()
    assert gone is sink and not comes
    assert said == [f"recorded: {Path('livedream-20260301-201530.mp4').resolve()}"]
    sink.close()


def report(sink: Sink, fault: str | None) -> Report:
    told = SinkReport(name=sink.name, written=1, dropped=0, fps=0, age=None, fault=fault)
    return Report(seconds=1, captured=1, dreamt=1, dropped=0, captured_fps=0, dreamt_fps=0, sinks=(told,))


def test_a_recording_that_failed_is_over(takes: Takes, changes: Changes) -> None:
    takes.toggle_recording()
    ((sink, _),) = changes.take()
    takes.update(report(sink, None))
    assert takes.recording is not None
    takes.update(report(sink, "no space left"))
    assert takes.recording is None
    sink.close()
