"""What is typed wrong, or is not there: one line that names it, a hint, an exit code, and nothing left behind."""

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from livedream.cli.main import main
from tests.conftest import write_clip

WRONG = 2
OUTSIDE = 1

# (what is typed, exit code, error, a part of the hint). real.mp4 is a film, text.mp4 a text, folder/ a folder.
TABLE = [
    # The source
    (["nothing.mp4"], OUTSIDE, "no such file: nothing.mp4", "check the name"),
    (["folder/nothing.mp4"], OUTSIDE, "no such file: folder/nothing.mp4", "check the name"),
    (["empty"], OUTSIDE, "no pictures in empty", ".png"),
    (["folder/*.jpg"], OUTSIDE, "no such picture: folder/*.jpg", "pattern"),
    (["-"], OUTSIDE, "no data from standard input", "pipe a video into it"),
    (["gopher://host/film"], WRONG, "unsupported protocol: gopher://", "rtsp"),
    # The encoding
    (["real.mp4", "--codec", "h266"], WRONG, "unknown codec: h266", "h265"),
    (["real.mp4", "--to", "out.webm", "--codec", "h264"], WRONG, ".webm cannot contain h264", "choose from vp9, av1"),
    (
        ["real.mp4", "--to", "out.png", "--codec", "av1"],
        WRONG,
        "--codec, --quality and --hardware are for videos, and none is written",
        "-o out.mp4",
    ),
    (
        ["real.mp4", "--quality", "101"],
        WRONG,
        "quality must be from 0 to 100, got 101",
        "0 is smallest, 100 is as good as the original",
    ),
    (["real.mp4", "--to", "out.gif", "--quality", "50"], WRONG, "the quality of gif is fixed", "--quality"),
    # The preset and the controls
    (["real.mp4", "--preset", "fethers"], WRONG, "unknown preset: fethers", "did you mean feathers"),
    (["real.mp4", "--preset", "mine.toml"], WRONG, "no such preset file: mine.toml", "live"),
    (["real.mp4", "--preset", "bad.toml"], WRONG, "bad.toml: unknown control: stesp", "did you mean steps"),
    (["real.mp4", "--stesp", "3"], WRONG, "no such option '--stesp'", "--steps"),
    (
        ["real.mp4", "--steps"],
        WRONG,
        "option '--steps' requires an argument",
        "write --steps 1-20; livedream run --help",
    ),
    (["real.mp4", "--steps", "0"], WRONG, "steps must be a whole number from 1 to 20, got 0", "livedream run --help"),
    (["real.mp4", "--steps", "two"], WRONG, "steps must be a whole number from 1 to 20, got 'two'", "--help"),
    (["real.mp4", "--keep", "nan"], WRONG, "keep must be a number from 0 to 0.999, got nan", "--help"),
    (["real.mp4", "--keep", "-1"], WRONG, "keep must be a number from 0 to 0.999, got -1.0", "--help"),
    (
        ["real.mp4", "--steps", "1.5", "--natural-color", "3", "--pooling", "min"],
        WRONG,
        "steps must be a whole number from 1 to 20, got '1.5'; natural_color must be a number from 0 to 2, got 3.0; "
        "pooling must be max or average, got 'min'",
        "--help",
    ),
    (
        ["real.mp4", "--model", "squeezenett"],
        WRONG,
        "unknown network: squeezenett",
        "did you mean squeezenet or squeezenet1_1?",
    ),
    # The sink
    (["real.mp4", "--to", "windwo"], WRONG, "unknown sink: windwo", "window"),
    (["real.mp4", "--to", "out.avi"], WRONG, "unknown file type: .avi", ".mp4"),
    (["real.mp4", "--to", "real.mp4"], WRONG, "real.mp4 is what the frames are read from", "another name"),
    (["real.mp4", "--to", "real.mp4", "--overwrite"], WRONG, "real.mp4 is what the frames are read from", "another"),
    (["real.mp4", "--to", "same.mp4"], WRONG, "same.mp4 is what the frames are read from", "another name"),
    (["real.mp4", "--to", "old.mp4"], OUTSIDE, "old.mp4 exists already", "--overwrite"),
    (
        ["real.mp4", "--to", "no/out.mp4"],
        OUTSIDE,
        "no/out.mp4 cannot be written: the folder no does not exist",
        "create it",
    ),
    (["real.mp4", "--to", "a.mp4", "--to", "./a.mp4"], WRONG, "./a.mp4 is named twice", "a different name"),
    (["real.mp4", "--to", "window"], OUTSIDE, "cannot open a window: there is no display (DISPLAY is not set)", "--to"),
    # The command line itself
    ([""], WRONG, "the name of a source is empty", "name a video"),
    (["real.mp4", " "], WRONG, "the name of a source is empty", "name a video"),
    (["real.mp4", "demo"], WRONG, "demo is not a file", "a batch takes files: dream other sources one at a time"),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("here")
    (folder / "empty").mkdir()
    (folder / "folder").mkdir()
    write_clip(folder / "real.mp4", frames=5)
    (folder / "same.mp4").symlink_to("real.mp4")
    (folder / "text.mp4").write_text("This is no film.\n" * 100)
    (folder / "nothing-in-it.mp4").touch()
    (folder / "old.mp4").write_text("old")
    (folder / "bad.toml").write_text("stesp = 3\n")
    return folder


def seen(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("typed", "code", "error", "hint"), TABLE, ids=[" ".join(row[0]) for row in TABLE])
def test_an_error_is_a_line_and_a_hint(typed, code, error, hint, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    before = seen(here)
    assert main(["run", *typed]) == code
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == f"error: {error}"
    assert second.startswith("hint: ")
    assert hint in second
    assert seen(here) == before


@pytest.mark.parametrize("film", ["text.mp4", "nothing-in-it.mp4"])
def test_a_file_that_is_no_film(film, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    assert main(["run", film]) == OUTSIDE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert film in first
    assert second.startswith("hint: ")


def test_no_camera(here, monkeypatch, capsys):
    """Number 97, for a machine that has a camera."""
    monkeypatch.chdir(here)
    assert main(["run", "97"]) == OUTSIDE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert "97" in first
    assert second.startswith("hint: ")


@pytest.mark.parametrize(
    ("layers", "error"),
    [("fire66", "fire66"), ("fire6 +", "fire6 +"), ("fire6:9999", "9999")],
)
def test_a_wrong_layer_leaves_no_file(layers, error, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    before = seen(here)
    assert main(["run", "real.mp4", "--to", "out.mp4", "--layers", layers]) == WRONG
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert seen(here) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights")
def test_a_folder_that_takes_no_file(tmp_path, make_clip, capsys):
    film = make_clip()
    target = Path("/dev/full/out.mp4") if os.geteuid() == 0 else tmp_path / "locked" / "out.mp4"
    if os.geteuid() != 0:
        target.parent.mkdir(mode=0o500)
    assert main(["run", str(film), "--to", str(target)]) == OUTSIDE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {target} cannot be written: ")
    assert second.startswith("hint: ")


def broken():
    raise KeyError("ours")


def test_an_error_of_our_own_is_one_line_too(monkeypatch, capsys):
    from livedream.cli.commands import models

    monkeypatch.setattr(models, "network_table", broken)
    assert main(["models"]) == OUTSIDE
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "error: internal error: KeyError: 'ours'\nhint: run it again with -vv for the traceback, and report it\n",
    )


@pytest.mark.parametrize("typed", [["-vv", "models"], ["models", "-vv"], ["-v", "models", "--verbose"]])
def test_vv_shows_the_traceback(typed, monkeypatch, capsys):
    from livedream.cli.commands import models

    monkeypatch.setattr(models, "network_table", broken)
    assert main(typed) == OUTSIDE
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["debug: KeyError", "Traceback (most recent call last):"]
    assert "in broken" in "\n".join(lines)
    assert lines[-3:-1] == ["KeyError: 'ours'", "error: internal error: KeyError: 'ours'"]


@pytest.mark.parametrize(
    "error", [EOFError("the end"), BrokenPipeError(32, "Broken pipe"), OSError(5, "Input/output error")]
)
def test_what_click_would_swallow_is_said(error, monkeypatch, capsys):
    """click takes an EOFError for Ctrl-C (exit code 130) and a broken pipe for its own (1, without a word)."""
    from livedream.cli.commands import models

    def broken():
        raise error

    monkeypatch.setattr(models, "network_table", broken)
    assert main(["models"]) == OUTSIDE
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and str(error.args[-1]) in first
    assert second.startswith("hint: ")


BIG, HUGE = "9" * 30, "9" * 5000


@pytest.mark.parametrize(
    "value", [BIG, HUGE, "1e400", "1e999999999", "-1", "nan", "inf", "", " ", "0x10", "99999x99999"]
)
@pytest.mark.parametrize(
    "option", ["--start", "--end", "--rate", "--size", "--fps", "--tour", "--steps", "--seed", "--keep", "--quality"]
)
def test_numbers_that_nobody_means(option, value, here, monkeypatch, capsys):
    """Each is one line at once: none is calculated with, and none of 5000 digits is read."""
    monkeypatch.chdir(here)
    before = seen(here)
    assert main(["run", "real.mp4", "--to", "out.mp4", option, value]) == WRONG
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert (out, first[:7], second[:6]) == ("", "error: ", "hint: ")
    assert "internal" not in first
    assert seen(here) == before


@pytest.mark.parametrize(
    "typed",
    [
        ["visualize", "--layer", "fire2:1", "--to", "v.png", "--size", "99999999"],
        ["visualize", "--layer", "fire2:1", "--to", "v.png", "--steps", BIG],
        ["zoom", "real.mp4", "--length", BIG],
        ["zoom", "real.mp4", "--fps", "1e999999999"],
        ["zoom", "real.mp4", "--drift", f"{BIG},0"],
        ["models", "squeezenet", "--size", "99999x99999"],
        ["bench", "--seconds", "nan"],
        ["bench", "--rounds", BIG],
        ["run", f"screen:{HUGE}"],
        ["run", "screen:999999x1+0+0"],
        ["run", "real.mp4", "--to", "null", "--layers", f"fire6:{BIG}"],
    ],
    ids=lambda typed: " ".join(typed)[:40],
)
def test_more_numbers_that_nobody_means(typed, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    before = seen(here)
    assert main(typed) == WRONG
    first, second = capsys.readouterr().err.splitlines()
    assert (first[:7], second[:6]) == ("error: ", "hint: ")
    assert seen(here) == before


@pytest.mark.parametrize(
    "typed",
    [
        ["http://[::1"],
        ["rtsp://[/x"],
        ["http://]"],
        ["real.mp4", "--to", "udp://[::1/x.mp4"],
        ["real.mp4", "--to", "rtmp://[/x.mp4"],
        ["real.mp4", "--to", "srt://]:9/x.mkv"],
        ["real.mp4", "--to", "http://127.0.0.1:1/x.mp4"],
    ],
    ids=" ".join,
)
def test_addresses_that_are_none_or_end_like_a_film(typed, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    before = seen(here)
    assert main(["run", *typed, "--working-height", "32", "--octaves", "1"]) in (WRONG, OUTSIDE)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines[-2:]] == ["error", "hint"]
    assert "internal" not in lines[-2]
    assert seen(here) == before


def test_an_address_that_ends_like_a_film_is_no_film(here, monkeypatch, capsys):
    """Nobody listens there, which is said and ends nothing; it was taken for a film that can be resumed."""
    monkeypatch.chdir(here)
    before = seen(here)
    typed = ["run", "real.mp4", "--to", "rtmp://127.0.0.1:1/live/x.mp4", "--working-height", "32", "--octaves", "1"]
    assert main(typed) in (0, OUTSIDE)
    err = capsys.readouterr().err
    assert "Connection refused" in err
    assert "internal" not in err
    assert seen(here) == before


def test_a_name_that_begins_with_a_dash(capsys):
    assert main(["run", "-x.mp4"]) == WRONG
    assert capsys.readouterr().err == (
        "error: no such option '-x' in -x.mp4\nhint: if it is a file name, write ./-x.mp4\n"
    )


def test_what_a_thread_raises_is_one_line(monkeypatch, capsys):
    from livedream.cli.commands import models

    def elsewhere():
        thread = threading.Thread(target=broken, name="livedream-test")
        thread.start()
        thread.join()
        return []

    monkeypatch.setattr(models, "network_table", elsewhere)
    assert main(["models"]) == 0
    assert capsys.readouterr().err == "warning: internal error: KeyError: 'ours' (in livedream-test)\n"


def test_warnings_for_programmers_are_for_v(monkeypatch, capsys):
    from livedream.cli.commands import models

    def warns():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        return []

    monkeypatch.setattr(models, "network_table", warns)
    assert main(["models"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["models", "-v"]) == 0
    assert capsys.readouterr().err == "info: DeprecationWarning: old\n"


def test_errors_go_to_standard_error_without_control_codes():
    command = [sys.executable, "-m", "livedream", "run", "nothing.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "error: no such file: nothing.mp4\nhint: check the name; relative names start in the current folder\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only here are names bytes")
def test_a_name_that_is_no_text():
    command: list[str | bytes] = [sys.executable, "-m", "livedream", "run", b"f\xfclm.mp4"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no such file: f\\udcfclm.mp4\n")
