"""`run --watch`, and the recipes of what was dreamt with other files."""

import re
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from livedream import Frame, Sink, load_preset
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.tasks import watch
from livedream.cli.tasks.interactive import window_controls
from livedream.recipe import about
from livedream.sink.open import open_sink
from tests.conftest import count_frames

# Two octaves, 67 and 48 pixels high.
QUICK = ["--layers", "fire5", "--still-steps", "2", "--smallest-octave", "45"]


@pytest.fixture(autouse=True)
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.coffee()[::6, ::6]).save("photo.png")  # 100 x 67


def test_each_step_becomes_a_frame(tmp_path, capsys) -> None:
    assert main(["run", "photo.png", "--to", "still.png", *QUICK]) == 0
    capsys.readouterr()
    assert main(["run", "photo.png", "--watch", "--to", "a.gif", "--to", "a.mp4", "--to", "steps/", *QUICK]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert "preset still: photo.png 100x67 -> a.gif (gif), a.mp4 (libx264" in first
    assert last.startswith("dreamt 1 picture in ") and last.endswith("; written: a.gif, a.mp4, steps/")
    for name in ("a.gif", "a.mp4"):
        with av.open(name) as film:
            times = [frame.time for frame in film.decode(video=0)]
        assert times == pytest.approx([0, 0.1, 0.2, 0.3])
    with Image.open("still.png") as still, Image.open("steps/000003.png") as step:
        assert np.array_equal(np.asarray(still), np.asarray(step))
    assert f"natural_color = {load_preset('still').natural_color}\n" in embedded_recipe(tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["demo", "--watch"], "--watch is for one picture, got demo"),
        (["photo.png", "photo.png", "--watch"], "--watch is for one picture"),
        (["photo.png", "--start", "1", "--watch"], "--start is for videos, and this is a picture"),
        (["photo.png", "--resume", "--to", "window"], "a picture in a window cannot be resumed"),
        (["photo.png", "--loop", "--watch"], "--loop, --speed and --sound have no effect"),
        (["photo.png", "--sound", "--to", "window"], "--loop, --speed and --sound have no effect on the steps"),
    ],
)
def test_what_cannot_be_watched_is_refused(typed, message, capsys, window) -> None:
    assert main(["run", *typed]) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_without_a_display_the_window_must_not_be_all_there_is(capsys) -> None:
    assert main(["run", "photo.png", "--watch"]) == 1
    assert "error: cannot open a window" in capsys.readouterr().err
    assert main(["run", "photo.png", "--watch", "--to", "window", "--to", "a.png"]) == 1
    assert not Path("a.png").exists()


class Looked(Sink):
    """Stands for a window whose viewer closes it when `seen_enough` says so, at a step or at a glance without one."""

    name = "window"
    live = True

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.glances = 0
        self.closed = False
        self.seen_enough = lambda: self.glances > 10

    @property
    def finished(self) -> bool:
        self.closed = self.closed or self.seen_enough()
        return self.closed

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.glances = 0

    def idle(self) -> None:
        self.glances += 1

    def close(self) -> None:
        pass


@pytest.fixture
def window(monkeypatch):
    looked = Looked()
    monkeypatch.setattr(
        watch, "open_sink", lambda spec, *args, **how: looked if spec == "window" else open_sink(spec, *args, **how)
    )
    return looked


def test_a_film_has_the_last_step_too_when_the_machine_is_busy(window, monkeypatch) -> None:
    from livedream.controls.image_controller import ImageController

    compose = ImageController.compose

    def slow(controller, shown):
        time.sleep(0.3 if shown.frame.index == 3 else 0.0)  # three ticks of the main thread
        return compose(controller, shown)

    monkeypatch.setattr(ImageController, "compose", slow)
    window.seen_enough = lambda: window.glances > 10 and window.frames[-1].index == 3
    assert main(["run", "photo.png", "--watch", "--to", "a.gif", *QUICK]) == 0
    assert count_frames(Path("a.gif")) == 4


@pytest.mark.parametrize("on_main_thread", [True, False])
def test_in_a_window_the_dream_stands_until_it_is_closed(on_main_thread, window, capsys) -> None:
    window.on_main_thread = on_main_thread
    window.seen_enough = lambda: window.glances > 10 and window.frames[-1].index == 3
    assert main(["run", "photo.png", "--to", "window", *QUICK]) == 0
    assert window.glances == 11
    first, told = capsys.readouterr().out.splitlines()
    assert first.endswith("photo.png 100x67 -> window")
    assert re.fullmatch(r"dreamt 1 picture in \d+\.\d+ s; in the window, s saves it and q quits", told)


def test_a_picture_beside_the_window_is_the_finished_dream(window, tmp_path, capsys) -> None:
    assert main(["run", "photo.png", "--to", "plain.png", *QUICK]) == 0
    window.seen_enough = lambda: window.glances > 10 and Path("a.png").exists()
    assert main(["run", "photo.png", "--watch", "--to", "a.png", "--to", "steps/", *QUICK]) == 0
    with Image.open("plain.png") as plain, Image.open("a.png") as shown:
        assert np.array_equal(np.asarray(plain), np.asarray(shown))
    assert len(list(tmp_path.glob("steps/*.png"))) == 4
    assert about(embedded_recipe(Path("a.png")))["used"]
    assert "; written: a.png, steps/; in the window" in capsys.readouterr().out


def test_closing_the_window_early_ends_the_dream_unless_a_file_waits_for_it(window, capsys) -> None:
    window.seen_enough = lambda: len(window.frames) == 1
    assert main(["run", "photo.png", "--to", "window", *QUICK, "--still-steps", "500"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "closed before the dream was finished"
    assert main(["run", "photo.png", "--to", "window", "--to", "a.png", *QUICK]) == 0
    assert main(["run", "photo.png", "--to", "plain.png", *QUICK]) == 0
    with Image.open("plain.png") as plain, Image.open("a.png") as shown:
        assert np.array_equal(np.asarray(plain), np.asarray(shown))


@pytest.mark.parametrize("typed", [[], ["--no-recipe"]])
def test_what_is_taken_with_a_key_carries_a_recipe_unless_nobody_wants_one(typed, window, monkeypatch) -> None:
    given: list[Any] = []

    def recorded(*args, **how):
        given.append(how["recipe"])
        return window_controls(*args, **how)

    monkeypatch.setattr(watch, "window_controls", recorded)
    assert main(["run", "photo.png", "--to", "window", *QUICK, *typed]) == 0
    assert (given == [None]) is bool(typed)


def test_a_picture_that_is_there_already_is_not_replaced(window, capsys) -> None:
    Image.new("RGB", (2, 2)).save("a.png")
    assert main(["run", "photo.png", "--watch", "--to", "a.png", *QUICK]) == 1
    assert "error: a.png exists already" in capsys.readouterr().err
    assert window.frames == []


def test_a_dream_of_other_files_is_made_again_to_the_bit(tmp_path) -> None:
    Image.fromarray(data.chelsea()).save("guide.png")
    mask = np.zeros((67, 100), np.uint8)
    mask[:, 30:] = 255
    Image.fromarray(mask).save("mask.png")
    layers = "fire5 + guide:guide.png@fire5 + class:goldfinch + mask:mask.png | fire4 + mask:mask.png"
    assert main(["run", "photo.png", "--to", "a.png", *QUICK, "--layers", layers, "--seed", "5"]) == 0
    assert main(["run", "photo.png", "--to", "b.png", "--preset", "a.png"]) == 0
    with Image.open("a.png") as first, Image.open("b.png") as again, Image.open("photo.png") as source:
        assert np.array_equal(np.asarray(first), np.asarray(again))
        assert np.array_equal(np.asarray(first)[:, :28], np.asarray(source)[:, :28])
        assert not np.array_equal(np.asarray(first), np.asarray(source))
    known = about(embedded_recipe(tmp_path / "a.png"))
    Image.fromarray(255 - mask).save("mask.png")
    assert main(["run", "photo.png", "--to", "c.png", "--preset", "a.png"]) == 0
    other = about(embedded_recipe(tmp_path / "c.png"))
    assert len(known["ingredients"]) == 32
    assert known["ingredients"] != other["ingredients"]
    assert known["fingerprint"] == other["fingerprint"]


def test_a_missing_file_is_one_line_with_a_hint(capsys) -> None:
    assert main(["run", "photo.png", "--to", "a.png", *QUICK, "--layers", "guide:none.jpg@fire5"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert err == [
        "error: no such picture: none.jpg",
        "hint: check the name; relative names start in the current folder",
    ]
