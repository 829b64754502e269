"""The whole way, from what is typed to a film that can be watched."""

import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image

from livedream import DeviceError, open_source
from livedream.cli.main import main
from tests.conftest import count_frames

SMALL = ["--working-height", "32", "--octaves", "1"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_film_becomes_a_film_of_as_many_frames(make_clip, tmp_path, capsys):
    make_clip("film.mkv", frames=12, rate=25)
    assert main(["run", "film.mkv", *SMALL]) == 0
    assert count_frames(tmp_path / "film-dream.mp4") == 12
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("cpu ")
    assert ", efficientnet_lite0, blocks.10, working " in first
    assert ", preset film: film.mkv 64x48, 25 fps -> film-dream.mp4" in first
    assert last.startswith("dreamt 12 frames in ")
    assert last.endswith(" fps; written: film-dream.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film-dream.mp4", "film.mkv"]


def test_several_sinks_and_a_preset_with_a_control(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=4)
    typed = ["--to", "a.mp4", "--to", "frames/", "--to", "null", "--preset", "menagerie", "--layers", "fire4", *SMALL]
    assert main(["run", "film.mp4", *typed]) == 0
    assert count_frames(tmp_path / "a.mp4") == 4
    assert len(list((tmp_path / "frames").glob("*.png"))) == 4
    out = capsys.readouterr().out
    assert "squeezenet, fire4, " in out
    assert "preset menagerie" in out
    assert out.endswith("; written: a.mp4, frames/\n")


def test_strength_0_shows_the_source(make_clip, tmp_path):
    """A control that is given wins over the preset, and 0 is not the same as not given."""
    make_clip("film.mp4", frames=2)
    assert main(["run", "film.mp4", "--to", "a/", "--strength", "0", *SMALL]) == 0
    assert main(["run", "film.mp4", "--to", "b/", *SMALL]) == 0
    with open_source("film.mp4") as film, open_source("a/") as same, open_source("b/") as other:
        pixels = [next(iter(source)).pixels for source in (film, same, other)]
    assert np.array_equal(pixels[1], pixels[0])
    assert not np.array_equal(pixels[2], pixels[0])


def test_a_picture_becomes_a_picture_by_the_preset_for_pictures(tmp_path, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save("photo.png")
    assert main(["run", "photo.png", "--still-steps", "1", "--still-height", "32"]) == 0
    with Image.open("photo-dream.png") as picture:
        assert picture.size == (60, 40)
    first, last = capsys.readouterr().out.splitlines()
    assert ", preset still: photo.png 60x40 -> photo-dream.png" in first
    assert last.startswith("dreamt 1 picture in ")


def test_what_exists_is_kept_unless_overwrite_is_given(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=2)
    (tmp_path / "out.mp4").write_text("precious")
    assert main(["run", "film.mp4", "--to", "out.mp4", *SMALL]) == 1
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert main(["run", "film.mp4", "--to", "out.mp4", "--overwrite", *SMALL]) == 0
    assert count_frames(tmp_path / "out.mp4") == 2


def test_the_demo_replaces_its_own_file_and_no_other(tmp_path, make_clip, monkeypatch, capsys):
    monkeypatch.setattr("livedream.capture.demo.demo_clip", make_clip("short.mp4", frames=3, audio=True))
    assert main(["demo", "-t", "0.2"]) == 0
    assert count_frames(tmp_path / "dream.mp4") == 2
    assert main(["demo", "-t", "0.5"]) == 0
    assert count_frames(tmp_path / "dream.mp4") == 5  # the second round is cut off
    capsys.readouterr()
    assert main(["demo"]) == 0
    assert count_frames(tmp_path / "dream.mp4") == 9  # three rounds
    out, err = capsys.readouterr()
    assert out.endswith("; written: dream.mp4\n")
    assert "no window: " in err
    assert "sound" not in err  # the clip plays three times without it, as intended
    with av.open("dream.mp4") as film:
        assert not film.streams.audio
    assert main(["demo", "--to", "dream.mp4"]) == 1
    assert "error: dream.mp4 exists already\n" in capsys.readouterr().err


@pytest.mark.needs_display
def test_the_demo_shows_a_window_where_there_is_a_display(xvfb, make_clip, tmp_path):
    """In a process of its own: Qt would stay in this one."""
    make_clip("short.mp4", frames=3)
    program = """
import sys
from livedream.capture import demo
from livedream.cli.main import main
demo.demo_clip = "short.mp4"
sys.exit(main(["demo"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, _ = done.stdout.splitlines()
    assert "-> dream.mp4 (" in first
    assert first.endswith(", window")
    assert "no window" not in done.stderr
    assert count_frames(tmp_path / "dream.mp4") == 9


def test_the_reader_of_the_output_may_leave(make_clip, tmp_path):
    """`livedream run film.mp4 | head -1`, and the film is dreamt to its end."""
    make_clip("film.mp4", frames=8)
    program = f"{sys.executable} -m livedream run film.mp4 {' '.join(SMALL)} | head -c 3; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "cpu")
    assert "error" not in done.stderr and "Traceback" not in done.stderr
    assert count_frames(tmp_path / "film-dream.mp4") == 8


def test_an_error_on_the_way_leaves_what_was_written(make_clip, tmp_path, monkeypatch, capsys):
    make_clip("film.mp4", frames=6)

    class Broken:
        description = "a dreamer that fails at its fourth frame"

        def __init__(self, settings):
            self.settings = settings

        def prepare(self, size, still=False, *, soon=False):
            pass

        def __call__(self, frame):
            if frame.index == 3:
                raise DeviceError("the GPU fell off the bus", "turn it off and on again")
            return frame

    monkeypatch.setattr("livedream.dream.dreamer.Dreamer", Broken)
    assert main(["run", "film.mp4"]) == 1
    err = capsys.readouterr().err
    assert err == (
        "the video so far is film-dream.part.mp4; --resume continues it\n"
        "error: the GPU fell off the bus\nhint: turn it off and on again\n"
    )
    assert count_frames(tmp_path / "film-dream.part.mp4") == 3


def test_a_warning_of_the_library_is_said(capsys):
    import logging

    from livedream.cli.console import warnings_shown

    with warnings_shown():
        logging.getLogger("livedream.dream.dreamer").warning("3 steps were not finite")
        logging.getLogger("livedream.dream.dreamer").info("nothing to see")
    assert capsys.readouterr().err == "warning: 3 steps were not finite\n"
