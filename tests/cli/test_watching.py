"""`run --watch`, and the recipes of what was dreamt with other files."""

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from livedream import Dreamer, DreamSettings, Frame, Sink, load_preset, open_source
from livedream.capture.carried import carried_recipe
from livedream.cli.main import main
from livedream.cli.watching import WatchedSource, _as_it_is
from livedream.pipeline import run
from livedream.recipe import about

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
    assert last.startswith("dreamt 4 frames in ") and last.endswith("; written: a.gif, a.mp4, steps/")
    for name in ("a.gif", "a.mp4"):
        with av.open(name) as film:
            times = [frame.time for frame in film.decode(video=0)]
        assert times == pytest.approx([0, 0.1, 0.2, 0.3])
    with Image.open("still.png") as still, Image.open("steps/000003.png") as step:
        assert np.array_equal(still, step)
    assert f"natural_color = {load_preset('still').natural_color}\n" in carried_recipe(tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["photo.png", "--to", "out.png"], "out.png holds one picture"),
        (["demo"], "--watch is for one picture, got demo"),
        (["photo.png", "photo.png"], "--watch is for one picture"),
        (["photo.png", "--start", "1"], "--start is for films, and this is a picture"),
        (["photo.png", "--resume"], "--watch shows a dream from its first step"),
    ],
)
def test_what_cannot_be_watched_is_refused(typed, message, capsys) -> None:
    assert main(["run", *typed, "--watch"]) == 2
    assert f"error: {message}" in capsys.readouterr().err


class Looked(Sink):
    """Stands for a window whose viewer looks on for a while after the last step, and then closes it."""

    name = "window"
    live = True

    def __init__(self, last: int) -> None:
        self.last = last
        self.seen: list[int] = []
        self.glances = 0

    @property
    def finished(self) -> bool:
        return self.glances > 5

    def write(self, frame: Frame) -> None:
        self.seen.append(frame.index)

    def idle(self) -> None:
        self.glances += self.last in self.seen

    def close(self) -> None:
        pass


@pytest.mark.parametrize("on_main_thread", [True, False])
def test_in_a_window_the_dream_stands_until_it_is_closed(on_main_thread) -> None:
    dreamer = Dreamer(DreamSettings(layers="fire5", still_steps=2, smallest_octave=45))
    with open_source("photo.png") as picture, WatchedSource(picture, dreamer, holds=True) as source:
        window = Looked(source.length - 1)
        window.on_main_thread = on_main_thread
        report = run(source, _as_it_is, [window])
    assert window.seen[-1] == 3
    assert window.glances == 6
    assert report.captured == 4  # a live window may leave out a step, but not the last


def test_a_dream_of_other_files_is_made_again_to_the_bit(tmp_path) -> None:
    Image.fromarray(data.chelsea()).save("guide.png")
    mask = np.zeros((67, 100), np.uint8)
    mask[:, 30:] = 255
    Image.fromarray(mask).save("mask.png")
    layers = "fire5 + guide:guide.png@fire5 + class:goldfinch + mask:mask.png | fire4 + mask:mask.png"
    assert main(["run", "photo.png", "--to", "a.png", *QUICK, "--layers", layers, "--seed", "5"]) == 0
    assert main(["run", "photo.png", "--to", "b.png", "--preset", "a.png"]) == 0
    with Image.open("a.png") as first, Image.open("b.png") as again, Image.open("photo.png") as source:
        assert np.array_equal(first, again)
        assert np.array_equal(np.asarray(first)[:, :28], np.asarray(source)[:, :28])
        assert not np.array_equal(first, source)
    known = about(carried_recipe(tmp_path / "a.png"))
    Image.fromarray(255 - mask).save("mask.png")
    assert main(["run", "photo.png", "--to", "c.png", "--preset", "a.png"]) == 0
    other = about(carried_recipe(tmp_path / "c.png"))
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
