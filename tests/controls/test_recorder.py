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
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.controls.controller import LiveController
from livedream.controls.recorder import Recorder
from livedream.errors import ArgumentError
from livedream.pipeline import Changes, Playback, Report, SinkReport
from livedream.presets import parse_preset
from livedream.recipe import Recipe
from livedream.sink.lock import OutputLock
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo

QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8)
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
MOMENT = datetime(2026, 3, 1, 20, 15, 30)


@pytest.fixture
def controller() -> LiveController:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((64, 48))
    return LiveController(dreamer, "live")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def said() -> list[str]:
    """What is said of takes that were kept, in the terminal."""
    return []


@pytest.fixture
def recorder(
    controller: LiveController, changes: Changes, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recorder]:
    folder = tmp_path / "takes"
    folder.mkdir()
    monkeypatch.chdir(folder)
    info = StreamInfo(rate=Fraction(25), live=True)
    recorder = Recorder(controller, changes, info, Recipe(settings=QUICK), clock=lambda: MOMENT, on_kept=said.append)
    yield recorder
    recorder.close()


def test_a_snapshot_is_the_newest_picture_with_the_settings_of_its_moment(
    controller: LiveController, recorder: Recorder, said: list[str]
) -> None:
    controller.set("strength", 0.5)
    dreamt = controller(Frame(PHOTO, Fraction(0), 0))
    recorder.snapshot()
    recorder.close()
    path = Path("livedream-20260301-201530.png")
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), dreamt.pixels)
    assert parse_preset(embedded_recipe(path), str(path)) == QUICK.replace(strength=0.5)
    assert controller.messages.texts[-1] == f"snapshot: {path.resolve()}"
    assert said == [f"snapshot: {path.resolve()}"]


def test_a_snapshot_of_a_film_that_is_played_is_the_frame_that_is_shown(
    controller: LiveController, recorder: Recorder
) -> None:
    controller.playback = Playback()
    recorder.snapshot()
    assert controller.messages.texts == ["no picture yet"]
    shown = controller(Frame(PHOTO, Fraction(0), 0))
    controller.playback.begin(shown)
    ahead = controller(Frame(PHOTO, Fraction(1, 25), 1))  # waits for its time
    assert not np.array_equal(shown.pixels, ahead.pixels)
    recorder.snapshot()
    recorder.close()
    with Image.open("livedream-20260301-201530.png") as picture:
        assert np.array_equal(np.asarray(picture), shown.pixels)


def test_without_a_recipe_none_is_taken(controller: LiveController, changes: Changes, recorder: Recorder) -> None:
    controller(Frame(PHOTO, Fraction(0), 0))
    private = Recorder(controller, changes, StreamInfo(rate=Fraction(25), live=True), None, clock=lambda: MOMENT)
    private.snapshot()
    private.close()
    with pytest.raises(ArgumentError, match="carries no recipe"):
        embedded_recipe(Path("livedream-20260301-201530.png"))


def test_takes_within_a_second_have_names_of_their_own(
    controller: LiveController, recorder: Recorder, changes: Changes
) -> None:
    controller(Frame(PHOTO, Fraction(0), 0))
    recorder.snapshot()
    recorder.snapshot()
    recorder.toggle_recording()
    recorder.close()
    for path in ("livedream-20260301-201530.png", "livedream-20260301-201530-2.png"):
        assert Path(path).is_file()
    assert recorder.recording == "livedream-20260301-201530-3.mp4"
    ((sink, _),) = changes.take()
    sink.close()


def test_a_take_of_another_livedream_in_the_same_second_is_left_alone(recorder: Recorder, changes: Changes) -> None:
    """Both the one that writes already and the one that begins at the same moment."""
    Path("livedream-20260301-201530.part.mp4").write_text("another one's")
    with OutputLock(Path("livedream-20260301-201530-2.mp4")):
        recorder.toggle_recording()
    assert recorder.recording == "livedream-20260301-201530-3.mp4"
    assert Path("livedream-20260301-201530.part.mp4").read_text() == "another one's"
    ((sink, _),) = changes.take()
    sink.close()


def test_a_snapshot_before_the_first_picture_is_said_to_be_none(controller: LiveController, recorder: Recorder) -> None:
    recorder.snapshot()
    assert controller.messages.texts == ["no picture yet"]


def test_a_snapshot_that_cannot_be_written_is_told(
    controller: LiveController, recorder: Recorder, tmp_path: Path
) -> None:
    controller(Frame(PHOTO, Fraction(0), 0))
    shutil.rmtree(tmp_path / "takes")  # a stick that was pulled out
    recorder.snapshot()
    assert "livedream-20260301-201530.png cannot be written" in controller.messages.texts[-1]


def test_a_take_that_has_a_name_of_the_run_is_told(controller: LiveController, recorder: Recorder) -> None:
    controller(Frame(PHOTO, Fraction(0), 0))
    with OutputLock(Path("livedream-20260301-%d.png")):  # as of a run into numbered pictures
        recorder.snapshot()
    assert "would be written under the same name" in controller.messages.texts[-1]


def test_recording_comes_and_goes(
    controller: LiveController, recorder: Recorder, changes: Changes, said: list[str]
) -> None:
    assert recorder.recording is None
    recorder.toggle_recording()
    assert recorder.recording == "livedream-20260301-201530.mp4"
    ((sink, comes),) = changes.take()
    assert comes
    recorder.toggle_recording()
    assert recorder.recording is None
    ((gone, comes),) = changes.take()
    assert gone is sink and not comes
    assert said == [f"recorded: {Path('livedream-20260301-201530.mp4').resolve()}"]
    sink.close()


def report(sink: Sink, fault: str | None) -> Report:
    told = SinkReport(name=sink.name, written=1, dropped=0, fps=0, age=None, fault=fault)
    return Report(seconds=1, captured=1, dreamt=1, dropped=0, captured_fps=0, dreamt_fps=0, sinks=(told,))


def test_a_recording_that_failed_is_over(recorder: Recorder, changes: Changes) -> None:
    recorder.toggle_recording()
    ((sink, _),) = changes.take()
    recorder.update(report(sink, None))
    assert recorder.recording is not None
    recorder.update(report(sink, "no space left"))
    assert recorder.recording is None
    sink.close()
