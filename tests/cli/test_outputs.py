"""What a user had is never lost: outputs that are inputs, names that are taken, two runs into one output."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import av
import numpy as np
import pytest
from PIL import Image

from livedream.capture.demo import demo_clip
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.commands.demo import is_of_demo
from livedream.cli.main import main
from livedream.recipe import about
from tests.conftest import count_frames, write_clip

SMALL = ("--working-height", "32", "--octaves", "1", "--steps", "1", "--device", "cpu")
QUICK = (*SMALL, "--still-steps", "1", "--still-height", "32", "--smallest-octave", "32", "--strength", "0")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def picture(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(path)


# An output that is read, under any of its names ----------------------------------------------------------------------

SOURCES = [
    ("a.part.mp4", "a.mp4"),
    ("a.part.mkv", "a.mkv"),
    ("a.part.gif", "a.gif"),
    ("A/../a.part.mp4", "A/../a.mp4"),
    ("a.part.resume/kept.mp4", "a.mp4"),
    ("a.mp4", "a.mp4"),
    ("a.part.png", "a.png"),
    ("a.part.jpg", "a.jpg"),
    ("a.part.tif", "a.tif"),
    ("fr/000000.png", "fr/"),
    ("fr/000007.png", "fr/"),
    ("fr/000000.part.png", "fr/"),
    ("out3.png", "out%d.png"),
    ("out3.part.png", "out%d.png"),
]


@pytest.mark.parametrize("link", ["", "hard", "soft"])
@pytest.mark.parametrize(("source", "target"), SOURCES)
def test_the_source_is_refused_under_every_name_of_the_output(
    source: str, target: str, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("A").mkdir()
    Path(source).parent.mkdir(exist_ok=True)
    if source.endswith((".mp4", ".mkv", ".gif")):
        write_clip(Path(source).with_suffix(".mkv"), frames=3).rename(source)
    else:
        picture(source)
    read = source
    if link:
        read = f"elsewhere{Path(source).suffix}"
        Path(source).rename(read)
        if link == "hard":
            Path(source).hardlink_to(read)
        else:
            Path(source).symlink_to(Path(read).absolute())
    before = contents()
    for words in ([], ["--overwrite"]):
        assert main(["run", read, "--to", target, *QUICK, *words]) == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error == f"error: {source} is what the frames are read from"
        assert hint.startswith("hint: choose another name for the output")
        assert contents() == before


def test_the_source_may_be_standard_input(here: Path) -> None:
    write_clip(here / "a.mp4", frames=3)
    before = (here / "a.mp4").read_bytes()
    command = [sys.executable, "-m", "livedream", "run", "-", "--to", "a.mp4", "--overwrite", *QUICK]
    with (here / "a.mp4").open("rb") as film:
        done = subprocess.run(command, stdin=film, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "a.mp4 is " in done.stderr and len(done.stderr.splitlines()) == 2
    assert (here / "a.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["--layers", "guide:g.png@fire4", "--to", "g.png"], "g.png is a file named in the layers"),
        (["--layers", "guide:g.part.png@fire4", "--to", "g.png"], "g.part.png is a file named in the layers"),
        (["--preset", "look.png", "--to", "look.png"], "look.png is the preset"),
        (["--preset", "fr/recipe.toml", "--to", "fr/"], "fr/recipe.toml is the preset"),
        (["--preset", "fr/recipe.part.toml", "--to", "fr/"], "fr/recipe.part.toml is the preset"),
    ],
)
def test_other_files_that_are_read_are_refused(
    words: list[str], refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    picture("in.png")
    for name in ("g.png", "g.part.png"):
        picture(name)
    assert main(["run", "in.png", "--to", "look.png", *QUICK]) == 0  # it carries its recipe
    assert main(["run", "in.png", "--to", "fr/", *QUICK]) == 0
    shutil.copy("fr/recipe.toml", "fr/recipe.part.toml")
    before = contents()
    capsys.readouterr()
    assert main(["run", "in.png", *words, *QUICK, "--model", "squeezenet", "--overwrite"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"error: {refused}"
    assert contents() == before


@pytest.mark.parametrize("command", ["zoom", "layers"])
def test_other_commands_refuse_it_too(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture("a.part.png")
    picture("fr/000001.png")
    before = contents()
    tries = {"zoom": ("fr/000001.png", "fr/"), "layers": ("a.part.png", "a.png")}
    source, target = tries[command]
    assert main([command, source, "--to", target, "--overwrite"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {source} is what the frames are read from\n")
    assert contents() == before


@pytest.mark.parametrize("targets", [("a.mp4", "a.part.mp4"), ("fr/", "fr/000002.png"), ("fr/", "fr/%06d.png")])
def test_outputs_of_one_run_have_names_of_their_own(
    targets: tuple[str, str], make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("film.mp4", frames=2)
    for one, other in (targets, targets[::-1]):
        assert main(["run", "film.mp4", "--to", one, "--to", other, "--overwrite", *QUICK]) == 2
        assert "would be written under the same name" in capsys.readouterr().err
    assert list(contents()) == ["film.mp4"]


# Names that are taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["b.part.mp4", "b.part.lock", "b.part.resume/notes.txt"])
def test_what_has_a_temporary_name_is_not_touched(
    taken: str, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("film.mp4", frames=2)
    Path(taken).parent.mkdir(exist_ok=True)
    for content in ("precious", ""):
        Path(taken).write_text(content)
        if taken == "b.part.lock" and not content:
            continue  # an empty lock file is one that a killed run had just made
        for words in (["--overwrite"], ["--overwrite", "--resume"], []):
            assert main(["run", "film.mp4", "--to", "b.mp4", *QUICK, *words]) in (1, 2)
            error = capsys.readouterr().err.splitlines()
            assert [line.split(":")[0] for line in error] == ["error", "hint"]
            assert Path(taken).read_text() == content
            assert not Path("b.mp4").exists()


def test_a_symbolic_link_as_output_is_written_through(make_clip: Callable[..., Path], here: Path) -> None:
    """As by ffmpeg and a shell's `>`: the link stays, and what it points to is replaced, if it may be."""
    make_clip("film.mp4", frames=3)
    (here / "disk").mkdir()
    Path("out.mp4").symlink_to("disk/real.mp4")
    assert main(["run", "film.mp4", "--to", "out.mp4", *QUICK]) == 0
    assert Path("out.mp4").is_symlink()
    assert count_frames(Path("disk/real.mp4")) == 3
    before = Path("disk/real.mp4").read_bytes()
    assert main(["run", "film.mp4", "--to", "out.mp4", *QUICK]) == 1
    assert Path("disk/real.mp4").read_bytes() == before
    assert sorted(path.name for path in Path("disk").iterdir()) == ["real.mp4"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_replaced_by_a_file(make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    make_clip("film.mp4", frames=2)
    os.mkfifo("out.mp4")
    assert main(["run", "film.mp4", "--to", "out.mp4", "--overwrite", *QUICK]) == 1
    assert capsys.readouterr().err.startswith("error: out.mp4 is a device, a pipe or a socket\n")
    assert Path("out.mp4").is_fifo()


def test_frames_of_a_longer_run_do_not_stay_among_those_of_a_shorter_one(
    make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the recipe proves to be livedream's goes; a picture of somebody's stays, and is reported."""
    make_clip("long.mp4", frames=5)
    make_clip("short.mp4", frames=2)
    assert main(["run", "long.mp4", "--to", "fr/", *QUICK]) == 0
    picture("fr/000004.png")
    mine = Path("fr/000004.png").read_bytes()
    assert main(["run", "short.mp4", "--to", "fr/", *QUICK, "--overwrite"]) == 0
    assert sorted(path.name for path in Path("fr").iterdir()) == [
        *("000000.png", "000001.png", "000004.png", "recipe.toml"),
    ]
    assert Path("fr/000004.png").read_bytes() == mine
    assert "000004.png" in capsys.readouterr().err
    assert about(Path("fr/recipe.toml").read_text())["frames"] == 2


def test_a_half_written_picture_is_no_source_and_one_of_that_name_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is killed leaves 000001.part.png, and the lock beside it that says so."""
    for name in ("000000.png", "000001.part.png"):
        picture(f"fr/{name}")
    assert main(["run", "fr", "--to", "two/", *QUICK]) == 0
    assert len(list(Path("two").glob("*.png"))) == 2
    Path("fr/recipe.part.lock").write_text("{}")
    for source in ("fr", "fr/*.png"):
        assert main(["run", source, "--to", "one/", "--overwrite", *QUICK]) == 0
        assert len(list(Path("one").glob("*.png"))) == 1


def test_a_film_of_somebodys_that_is_called_part_is_dreamt_in_a_batch(make_clip: Callable[..., Path]) -> None:
    Path("in").mkdir()
    make_clip("in/trip.part.mp4", frames=2)
    make_clip("in/other.mp4", frames=2)
    assert main(["run", "in", "--to", "out/", *QUICK]) == 0
    assert sorted(path.name for path in Path("out").glob("*.mp4")) == ["other-dream.mp4", "trip.part-dream.mp4"]


def test_the_demo_replaces_a_dream_of_its_own_alone(
    make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    mine = make_clip("dream.mp4", frames=2).read_bytes()
    assert main(["demo"]) == 1
    assert "error: dream.mp4 exists already\nhint: use --overwrite" in capsys.readouterr().err
    assert Path("dream.mp4").read_bytes() == mine
    shutil.copy(demo_clip, "dream.mp4")
    assert not is_of_demo(Path("dream.mp4"))
    assert main(["run", str(demo_clip), "--end", "0.1", "--to", "dream.mp4", "--overwrite", *QUICK]) == 0
    assert is_of_demo(Path("dream.mp4"))
    with mock.patch("livedream.cli.tasks.dream.dream", return_value=0) as dreamt:
        assert main(["demo"]) == 0
        assert dreamt.call_args.args[1].overwrite
        Path("dream.mp4").rename("dream.part.mp4")  # what an earlier demo has left
        assert main(["demo"]) == 0
        assert dreamt.call_args.args[1].overwrite
        shutil.copy(demo_clip, "dream.part.mp4")
        assert main(["demo"]) == 0
        assert not dreamt.call_args.args[1].overwrite


def test_visualize_replaces_no_page_of_somebodys(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["visualize", "--atlas", "--model", "squeezenet", "--channels", "1", "--to", "atlas"]
    command += ["--size", "32", "--steps", "1", "--device", "cpu"]
    Path("atlas").mkdir()
    for name in ("index.html", "atlas.png"):
        Path("atlas", name).write_text("mine")
        assert main(command) == 1
        assert f"{name} exists already" in capsys.readouterr().err
        assert Path("atlas", name).read_text() == "mine"
        Path("atlas", name).unlink()


def test_bench_replaces_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("numbers.json").write_text("mine")
    assert main(["bench", "--json", "numbers.json"]) == 1
    assert capsys.readouterr().err.startswith("error: numbers.json exists already\nhint: use --overwrite")
    assert Path("numbers.json").read_text() == "mine"


# Two runs ------------------------------------------------------------------------------------------------------------

PLAIN = (sys.executable, str(Path(__file__).with_name("plain_run.py")), "nowhere", "run")
"""livedream with a dreamer that is ready at once."""
FRAME = bytes(64 * 48 * 3)
Run = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def running() -> Iterator[Run]:
    """Start `livedream run - ...`, fed with raw frames through a pipe until it is closed, and wait until it writes."""
    with contextlib.ExitStack() as processes:

        def start(part: str, *words: str) -> "subprocess.Popen[bytes]":
            command = [*PLAIN, *words, *QUICK]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
            processes.callback(process.communicate, timeout=60)
            processes.callback(process.kill)
            assert process.stdin is not None
            process.stdin.write(FRAME)
            process.stdin.flush()
            deadline = time.monotonic() + 90
            while not Path(part).exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            assert Path(part).exists(), process.communicate()
            return process

        yield start


def feed(process: "subprocess.Popen[bytes]", frames: int) -> None:
    """Let a run of `-` have so many frames, and end."""
    assert process.stdin is not None
    process.stdin.write(FRAME * (frames - 1))
    process.stdin.close()
    process.stdin = None
    _, stderr = process.communicate(timeout=90)
    assert process.returncode == 0, stderr.decode()


RAW = ("-", "--size", "64x48", "--rate", "25")


@pytest.mark.parametrize("target", ["out.mkv", "out/"])
def test_the_second_of_two_runs_is_told_who_writes_the_output(
    target: str, running: Run, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("film.mp4", frames=9)
    lock = "out/recipe.part.lock" if target == "out/" else "out.part.lock"
    process = running(lock, *RAW, "--to", target)
    tries = [[], ["--overwrite"]] + ([["--resume"], ["--resume", "--overwrite"]] if target == "out.mkv" else [])
    for words in tries:
        assert main(["run", "film.mp4", "--to", target, *QUICK, *words]) == 1
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith(f"error: {target.rstrip('/')} is being written by another run: ")
        assert f"process {process.pid}, since 20" in error
        assert hint.startswith("hint: wait until it ends")
    feed(process, 4)
    if target == "out.mkv":
        assert count_frames(Path(target)) == 4
        assert sorted(contents()) == ["film.mp4", "out.mkv"]
    else:
        assert sorted(contents()) == [
            *("film.mp4", "out/000000.png", "out/000001.png", "out/000002.png", "out/000003.png", "out/recipe.toml"),
        ]


def test_a_killed_run_blocks_nobody_and_its_leftovers_are_replaced(
    running: Run, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("film.mp4", frames=3)
    process = running("out.part.gif", *RAW, "--to", "out.gif")
    process.kill()
    process.communicate()
    assert main(["run", "film.mp4", "--to", "out.gif", *QUICK, "--overwrite"]) == 0
    assert sorted(contents()) == ["film.mp4", "out.gif"]


def test_a_part_that_was_replaced_gets_nobodys_name(running: Run) -> None:
    process = running("out.part.mkv", *RAW, "--to", "out.mkv")
    Path("mine").write_text("mine")
    Path("mine").replace("out.part.mkv")
    assert process.stdin is not None
    process.stdin.write(FRAME * 3)
    process.stdin.close()
    process.stdin = None
    _, stderr = process.communicate(timeout=90)
    assert process.returncode == 1
    assert b"out.part.mkv is not the file that livedream made" in stderr
    assert Path("out.part.mkv").read_text() == "mine"
    assert not Path("out.mkv").exists()


def test_a_batch_goes_on_past_what_another_run_writes(
    running: Run, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=3)
    Path("out").mkdir()
    process = running("out/a-dream.part.mp4", *RAW, "--to", "out/a-dream.mp4")
    assert main(["run", "a.mp4", "b.mp4", "--to", "out/", "--overwrite", *QUICK]) == 1
    shown = capsys.readouterr()
    assert f"a-dream.mp4 is being written by another run: plain_run.py, process {process.pid}" in shown.err
    assert "2 in all: 1 done, 1 failed" in shown.out
    assert count_frames(Path("out/b-dream.mp4")) == 3
    feed(process, 4)
    assert count_frames(Path("out/a-dream.mp4")) == 4


def test_two_batches_into_one_folder_lose_nothing(make_clip: Callable[..., Path]) -> None:
    frames = {"a": 12, "b": 15}
    for name, count in frames.items():
        make_clip(f"{name}.mp4", frames=count)
    command = [*PLAIN, *(f"{name}.mp4" for name in frames), "--to", "out/", "--overwrite", *QUICK]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=100)[1] for process in processes]
    for process, stderr in zip(processes, said, strict=True):
        assert process.returncode in (0, 1)
        assert "Traceback" not in stderr
        assert [
            line for line in _errors(stderr) if "is being written by another run: plain_run.py, process" not in line
        ] == []
    for name, count in frames.items():
        path = Path(f"out/{name}-dream.mp4")
        with av.open(str(path)) as film:
            assert len(list(film.decode(video=0))) == count
        assert about(embedded_recipe(path))["complete"] is True
    assert len(list(Path("out").iterdir())) == 2


def _errors(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("error: ")]
