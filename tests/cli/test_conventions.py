"""What users of ffmpeg, cp and git expect of a command line."""

import io
import logging
import shlex
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from tests.conftest import count_frames, write_clip

QUICK = ["--working-height", "32", "--octaves", "1"]
STILL = ["--still-steps", "1", "--still-height", "32"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with film.mp4, 20 frames in 2 s, and photo.png."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "film.mp4", frames=20)
    Image.new("RGB", (64, 48), "teal").save("photo.png")
    return tmp_path


def run(*words: str) -> int:
    return main(["run", *words, *QUICK])


# Names of options -----------------------------------------------------------------------------------------------------


def test_source_and_sink_by_their_other_names() -> None:
    assert run("-i", "film.mp4", "-o", "a.mp4", "--output", "b.mp4", "--to", "c.mp4") == 0
    assert [count_frames(Path(name)) for name in ("a.mp4", "b.mp4", "c.mp4")] == [20, 20, 20]
    assert run("film.mp4", "-o", "a.mp4", "-t", "100ms", "-y") == 0
    assert count_frames(Path("a.mp4")) == 1


def test_several_inputs_are_several_sources(capsys: Capture) -> None:
    assert main(["run", "film.mp4", "-i", "photo.png", "-o", "out/", *QUICK, *STILL]) == 0
    assert "2 in all: 2 done\n" in capsys.readouterr().out


def test_a_duration_is_an_end(capsys: Capture) -> None:
    assert run("film.mp4", "--start", "500ms", "-t", "1s", "-o", "a.mp4") == 0
    assert run("film.mp4", "--start", "0.5", "--end", "0:01.5", "-o", "b.mp4") == 0
    assert count_frames(Path("a.mp4")) == 10
    assert 'end = "3/2"' in embedded_recipe(Path("a.mp4"))
    assert embedded_recipe(Path("a.mp4")) == embedded_recipe(Path("b.mp4"))
    assert run("film.mp4", "--end", "1", "-t", "1", "-o", "c.mp4") == 2
    assert "error: --end and --duration cannot be combined\n" in capsys.readouterr().err
    assert run("film.mp4", "-t", "0s", "-o", "c.mp4") == 2
    assert "error: invalid duration '0s'\n" in capsys.readouterr().err


def test_a_duration_ends_a_live_run() -> None:
    assert run("demo", "-t", "0.5", "-o", "take.mp4") == 0
    with av.open("take.mp4") as film:
        times = [frame.pts * frame.time_base for frame in film.decode(video=0)]
    assert times[0] == 0
    assert times[-1] < Fraction(1, 2)
    assert "[livedream.options]" not in embedded_recipe(Path("take.mp4"))


def test_numbered_pictures_take_a_duration() -> None:
    assert run("film.mp4", "-t", "1", "-o", "frames/") == 0
    assert run("frames/%06d.png", "--rate", "10", "-t", "0.3", "-o", "a.mp4") == 0
    assert count_frames(Path("a.mp4")) == 3


# How much is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [["-q", "run"], ["run", "--quiet"], ["run", "--log-level", "error"]], ids=" ".join)
def test_quiet_prints_nothing_but_errors(typed: list[str], capfd: Capture) -> None:
    """Nor the warning that a control has no effect, nor a list of a batch."""
    assert main([*typed, "film.mp4", "--resume", "--still-steps", "3", *QUICK]) == 0
    assert main([*typed, "film.mp4", "photo.png", "-o", "out/", *QUICK, *STILL]) == 0
    assert capfd.readouterr() == ("", "")
    assert main([*typed, "nothing.mp4"]) == 1
    assert capfd.readouterr() == (
        "",
        "error: no such file: nothing.mp4\nhint: check the name; relative names start in the current folder\n",
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_quiet_shows_no_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    written = []
    for words in (["-q"], []):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        assert run("film.mp4", "-o", "null", *words) == 0
        written.append(terminal.getvalue())
    assert written[0] == ""
    assert "\x1b[" in written[1]


def test_quiet_prints_what_a_command_lists(capsys: Capture) -> None:
    assert main(["presets"]) == 0
    listed = capsys.readouterr()
    assert main(["presets", "-q"]) == 0
    assert capsys.readouterr() == listed


def test_quiet_ends_with_its_run(capsys: Capture) -> None:
    assert run("film.mp4", "-q", "-o", "null") == 0
    assert run("film.mp4", "-o", "null") == 0
    assert "dreamt 20 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "level"),
    [
        ([], "warning"),
        (["-q"], "error"),
        (["-v"], "info"),
        (["-vv"], "debug"),
        (["-v", "-v"], "debug"),
        (["-q", "-v"], "warning"),
        (["--log-level", "error"], "error"),
        (["--log-level", "warning"], "warning"),
        (["--log-level", "info"], "info"),
        (["--log-level", "debug"], "debug"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else value,
)
def test_levels(typed: list[str], level: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from livedream.cli.commands import models

    def speaks() -> list[None]:
        for name in ("error", "warning", "info", "debug"):
            logging.getLogger("livedream.test").log(logging.getLevelNamesMapping()[name.upper()], "said")
        return []

    monkeypatch.setattr(models, "network_table", speaks)
    expected = ["error", "warning", "info", "debug"]
    for words in (["models", *typed], [*typed, "models"]):
        assert main(words) == 0
        printed = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()]
        assert printed == expected[: expected.index(level) + 1]


# Help and slips -------------------------------------------------------------------------------------------------------


def test_no_words_show_the_first_steps(capsys: Capture) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert len(out.splitlines()) < 15
    for step in ("livedream run demo", "livedream run photo.jpg", "livedream run film.mp4", "livedream help run"):
        assert step in out


def test_help_of_a_command(capsys: Capture) -> None:
    for words in (["help", "zoom"], ["zoom", "--help"], ["zoom", "-h"]):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith("Usage: livedream zoom [OPTIONS] PHOTO\n")
    assert main(["help"]) == 0
    assert "\nCommands:\n" in capsys.readouterr().out
    assert main(["help", "rnu"]) == 2
    assert capsys.readouterr().err == "error: unknown command: rnu\nhint: did you mean run?\n"


@pytest.mark.parametrize(
    ("typed", "error", "hint"),
    [
        ("film.mp4", "film.mp4 is not a command", "to dream it: livedream run film.mp4"),
        ("-q 'my film.mp4' -y", "my film.mp4 is not a command", "to dream it: livedream -q run 'my film.mp4' -y"),
        ("0", "0 is not a command", "to dream it: livedream run 0"),
        ("run -o", "option '-o' requires an argument", "write -o SINK; livedream run --help lists all options"),
        ("run film.mp4 out.mp4", "out.mp4 does not exist", "to write it: livedream run film.mp4 -o out.mp4"),
        (
            "run film.mp4 photo.png out/",
            "out/ does not exist",
            "to write it: livedream run film.mp4 photo.png -o out/",
        ),
        (
            "zoom photo.png dive.mp4 -y",
            "got unexpected extra argument (dive.mp4)",
            "to write it: livedream zoom photo.png -y -o dive.mp4",
        ),
        ("zoom photo.png film.mp4", "got unexpected extra argument", "livedream zoom --help lists all options"),
        ("demo film.mp4", "got unexpected extra argument (film.mp4)", "to dream it: livedream run film.mp4"),
        ("demo out.mp4", "got unexpected extra argument (out.mp4)", "to write it: livedream demo -o out.mp4"),
        (
            "run --log-level loud film.mp4",
            "invalid value for '--log-level': 'loud' is not one of",
            "livedream run --help",
        ),
    ],
)
def test_slips(typed: str, error: str, hint: str, capsys: Capture) -> None:
    assert main(shlex.split(typed)) == 2
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith(f"error: {error}")
    assert second.startswith(f"hint: {hint}")


def test_the_film_after_a_tour_is_no_time(capsys: Capture) -> None:
    assert main(["run", *QUICK, "-o", "null", "--tour", "film.mp4"]) == 0
    assert "tour: 20 s per preset: film.mp4" in capsys.readouterr().out


def test_a_source_that_is_not_there_is_no_output(capsys: Capture) -> None:
    """What is no name of an output is missed, as it was."""
    assert run("film.mp4", "gone.avi") == 1
    assert "failed: no such file: gone.avi" in capsys.readouterr().out


@pytest.mark.skipif(Path("/dev/video0").exists(), reason="this machine has a camera")
def test_no_camera_points_to_the_demo(capsys: Capture) -> None:
    assert main(["run"]) == 1
    assert capsys.readouterr().err.splitlines()[1].endswith("try: livedream run demo")
    assert main(["run", "0"]) == 1
    assert "livedream run demo" not in capsys.readouterr().err


# Options without effect -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "warnings"),
    [
        (["photo.png", *STILL, "--steps", "2"], ["--steps has no effect on pictures; use --still-steps"]),
        (["photo.png", *STILL, "--keep", "0.9"], ["--keep has no effect on pictures"]),
        (["photo.png", *STILL, "--zoom", "1.1", "--seed", "3"], ["--zoom has no effect on pictures"]),
        (
            ["film.mp4", *QUICK, "--still-height", "99"],
            ["--still-height has no effect on videos; use --working-height"],
        ),
        (["film.mp4", "film.mp4", *QUICK, "--tile-size", "500", "-o", "out/"], ["--tile-size has no effect on videos"]),
        (["film.mp4", "photo.png", *QUICK, *STILL, "-o", "out/"], []),
        (
            ["demo", "-o", "null", "-t", "0.2", *QUICK, "--smallest-octave", "50"],
            ["--smallest-octave has no effect on live sources; use --octaves"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_control_without_effect_is_a_warning(typed: list[str], warnings: list[str], capsys: Capture) -> None:
    assert main(["run", *typed]) == 0
    err = capsys.readouterr().err
    assert [line for line in err.splitlines() if line.startswith("warning: ")] == [
        f"warning: {one}" for one in warnings
    ]


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("film.mp4 --fps 20", "--fps is for live sources, and this is a video"),
        ("film.mp4 --fixed", "--fixed is for live sources, and this is a video"),
        ("photo.png --fresh", "--fresh is for live sources, and this is a picture"),
        ("photo.png --tour", "--tour is for videos and live sources, and this is a picture"),
        ("photo.png -t 2", "--duration is for videos and live sources, and this is a picture"),
        ("photo.png --start 1 --end 2", "--start and --end are for videos, and this is a picture"),
        ("demo --start 1", "--start is for videos, and this is a live source"),
        ("photo.png --quality 50", "--codec, --quality and --hardware are for videos, and none is written"),
        ("demo --codec h265 -o null", "--codec, --quality and --hardware are for videos, and none is written"),
        ("film.mp4 --size 64x48", "--size is for cameras and raw pictures"),
        ("film.mp4 --rate 5", "--rate is for cameras, screens, raw and numbered pictures"),
        ("film.mp4 photo.png --fresh", "--fresh is for live sources, and these are pictures and videos"),
    ],
)
def test_an_option_without_effect_is_refused(typed: str, error: str, here: Path, capsys: Capture) -> None:
    before = sorted(here.iterdir())
    assert main(["run", *shlex.split(typed)]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"error: {error}"
    assert sorted(here.iterdir()) == before


def test_a_part_of_some_sources_is_said_once(capsys: Capture) -> None:
    assert main(["run", "film.mp4", "photo.png", "--start", "1", "-o", "out/", *QUICK, *STILL]) == 0
    err = capsys.readouterr().err
    assert err.count("warning: only 1 of 2 sources use --start\n") == 1
    assert count_frames(Path("out/film-dream.mp4")) == 10
    assert "start" not in embedded_recipe(Path("out/photo-dream.png"))


# Numbers and sinks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["demo"], ["zoom", "photo.png"], ["layers", "photo.png"], ["visualize", "--layer", "fire2"]]
)
def test_a_command_with_one_result_refuses_two_names(words: list[str], capsys: Capture, here: Path) -> None:
    assert main([*words, "-o", "a.png", "--to", "b.png"]) == 2
    assert capsys.readouterr().err.startswith("error: this command takes one --to, got a.png and b.png\n")
    assert not list(here.glob("[ab].png"))


def test_the_demo_says_what_is_wrong_before_it_looks_for_a_window(capsys: Capture) -> None:
    assert main(["demo", "-t", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: invalid duration '0'\n")


def test_several_films_are_named_with_the_option_that_is_for_one(capsys: Capture) -> None:
    for options, message in (
        (["--speed", "2"], "--speed is for one video, and several sources are named"),
        (["--loop"], "--loop without a number never ends, and several sources are named"),
    ):
        assert run("film.mp4", "photo.png", *options) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}\n")


def test_a_shell_that_is_not_named(capsys: Capture) -> None:
    assert main(["completion"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: missing argument 'bash|zsh|fish|powershell'",
        "hint: livedream completion --help lists all options",
    ]


def test_a_picture_for_a_film_is_a_warning(capsys: Capture) -> None:
    assert run("film.mp4", "-o", "a.png", "-t", "0.2") == 0
    assert main(["zoom", "photo.png", "-o", "z.png", "-t", "0.1", "--still-height", "32", "--octaves", "1"]) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "will contain only the first frame" in line]
    hint = "name a video or a folder/ for all frames"
    assert warned == [
        f"warning: a.png will contain only the first frame of film.mp4; {hint}",
        f"warning: z.png will contain only the first frame of photo.png; {hint}",
    ]
    assert main(["run", "photo.png", "-o", "b.png", *STILL]) == 0
    assert run("film.mp4", "-o", "%03d.png", "-o", "folder/", "-t", "0.2") == 0
    assert "will contain only the first frame" not in capsys.readouterr().err
