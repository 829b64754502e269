"""`--to -`: what goes through the pipe, and what is said meanwhile."""

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from livedream.capture import demo
from livedream.capture.open import open_source
from livedream.cli.main import main
from livedream.cli.playback_options import PlaybackOptions
from tests.conftest import count_frames
from tests.sink.test_stdout import standard_output

SMALL = ["--working-height", "32", "--octaves", "1"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.needs_ffmpeg
def test_ffmpeg_gets_every_frame_of_the_demo_and_no_word(make_clip, monkeypatch, capsys) -> None:
    monkeypatch.setattr(demo, "demo_clip", make_clip("clip.mp4", frames=7, audio=True))
    read, write = os.pipe()
    with subprocess.Popen(["ffmpeg", "-v", "error", "-i", "-", "x.mp4"], stdin=read) as ffmpeg:
        os.close(read)
        with standard_output(write):
            os.close(write)
            assert main(["run", "demo", "--to", "-", *SMALL]) == 0
        assert ffmpeg.wait(30) == 0
    assert count_frames(Path("x.mp4")) == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert "-> standard output (Y4M, 10 fps)\n" in err
    assert "\ndreamt 7 frames in " in err
    assert err.count("standard output carries no sound") == 1


def test_livedream_reads_it_back_beside_another_sink(make_clip) -> None:
    make_clip("film.mp4", frames=8)
    with open("film.y4m", "wb") as file, standard_output(file.fileno()):  # noqa: PTH123
        words = ["--to", "-", "--to", "out.mp4", "--start", "0.2", "--end", "0.7"]
        assert main(["run", "film.mp4", *words, *SMALL]) == 0
    with open_source("film.y4m") as piped, open_source("out.mp4") as written:
        assert (piped.size, piped.rate) == (written.size, written.rate)
        assert [frame.time for frame in piped] == [frame.time for frame in written]
    assert count_frames(Path("out.mp4")) == 5


def test_a_reader_that_leaves_ends_the_run_but_no_other_sink(make_clip, capsys) -> None:
    make_clip("film.mp4", frames=9)
    for others, count in (([], 0), (["--to", "out.mp4"], 9)):
        read, write = os.pipe()
        os.close(read)
        with standard_output(write):
            os.close(write)
            assert main(["run", "film.mp4", "--to", "-", *others, *SMALL]) == 0
        err = capsys.readouterr().err
        assert "warning: the reader closed standard output after 0 frames\n" in err
        assert "Traceback" not in err
        assert not count or count_frames(Path("out.mp4")) == count


def test_a_dive_as_raw_video(capsys) -> None:
    Image.new("RGB", (48, 32), "orange").save("photo.png")
    with open("dive.rgb", "wb") as file, standard_output(file.fileno()):  # noqa: PTH123
        words = ["--to", "rgb24:-", "--length", "0.1", "--still-height", "32", "--octaves", "1"]
        assert main(["zoom", "photo.png", *words]) == 0
    assert Path("dive.rgb").stat().st_size == 3 * 3 * 48 * 32
    assert capsys.readouterr().out == ""


def test_one_standard_output_takes_one_sink(make_clip, capsys) -> None:
    make_clip("film.mp4", frames=1)
    assert main(["run", "film.mp4", "--to", "-", "--to", "rgb24:-"]) == 2
    assert capsys.readouterr().err.startswith("error: rgb24:- is named twice\n")


def test_a_film_goes_into_a_pipe_as_fast_as_it_can() -> None:
    for sinks, plays in ((["-"], False), (["window", "rgb24:-"], False), (["window"], True)):
        assert PlaybackOptions().plays(sinks) is plays, sinks


def test_quiet_prints_nothing_but_errors(make_clip, capsys) -> None:
    make_clip("film.mp4", frames=2, audio=True)
    with open("film.y4m", "wb") as file, standard_output(file.fileno()):  # noqa: PTH123
        assert main(["run", "film.mp4", "--to", "-", "-q", *SMALL]) == 0
        assert capsys.readouterr() == ("", "")
        assert main(["run", "gone.mp4", "--to", "-", "-q"]) == 1
    assert capsys.readouterr().err.startswith("error: ")
