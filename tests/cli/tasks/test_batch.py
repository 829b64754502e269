"""Many sources, from what is typed to the summary."""

import os
import signal
import subprocess
import sys
import time

import av
import pytest
from PIL import Image

from livedream import ArgumentError, DeviceError, SinkError
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.progress import overall_status
from livedream.cli.tasks import batch as module
from livedream.cli.tasks.batch import DreamerCache, batch
from livedream.cli.tasks.request import Request
from livedream.recipe import about
from livedream.settings import DreamSettings
from tests.conftest import count_frames

SMALL = ["--working-height", "32", "--octaves", "1"]
TINY = {"working_height": 32, "octaves": 1}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def three(make_clip, tmp_path):
    """Two films and, between them, what is none."""
    make_clip("a.mp4", frames=5)
    (tmp_path / "b.mp4").write_bytes(b"no film at all")
    make_clip("c.mkv", frames=6)
    return ["a.mp4", "b.mp4", "c.mkv"]


def test_a_bad_one_is_reported_and_the_rest_go_on(three, tmp_path, capsys):
    assert main(["run", *three, "--to", "out/", *SMALL]) == 1
    assert count_frames(tmp_path / "out/a-dream.mp4") == 5
    assert count_frames(tmp_path / "out/c-dream.mp4") == 6
    names = ["a-dream.mp4", "c-dream.mp4"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:4] == [
        "3 to dream:",
        "1  a.mp4  ->  out/a-dream.mp4",
        "2  b.mp4  ->  out/b-dream.mp4",
        "3  c.mkv  ->  out/c-dream.mp4",
    ]
    assert lines[-2:] == [
        "3 in all: 2 done, 1 failed",
        "failed: b.mp4 is not a video that FFmpeg can read",
    ]
    assert "space: the sources take " in err and " free in out\n" in err
    assert "error: b.mp4 is not a video that FFmpeg can read\n" in err


def test_a_second_run_skips_what_is_done(three, make_clip, tmp_path, capsys):
    main(["run", *three, "--to", "out/", *SMALL])
    before = (tmp_path / "out/a-dream.mp4").stat().st_mtime_ns
    make_clip("b.mp4", frames=2)
    capsys.readouterr()
    assert main(["run", *three, "--to", "out/", *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 of 3 to dream:\n1  a.mp4  ->  out/a-dream.mp4  (done already)\n")
    assert out.endswith("3 in all: 1 done, 2 skipped\n")
    assert (tmp_path / "out/a-dream.mp4").stat().st_mtime_ns == before

    assert main(["run", *three, "--to", "out/", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], out.splitlines()[-1], err) == ("0 of 3 to dream:", "3 in all: 3 skipped", "")


def test_what_nobody_knows_is_kept_unless_overwrite_is_given(make_clip, tmp_path, capsys):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=3)
    (tmp_path / "b-dream.mp4").write_text("precious")
    assert main(["run", "a.mp4", "b.mp4", *SMALL]) == 1
    assert (tmp_path / "b-dream.mp4").read_text() == "precious"
    reason = "b-dream.mp4 exists already, and carries no recipe (--overwrite replaces it)"
    assert capsys.readouterr().out.endswith(f"2 in all: 1 done, 1 failed\nfailed: b.mp4: {reason}\n")
    assert main(["run", "a.mp4", "b.mp4", *SMALL, "--overwrite"]) == 0
    assert count_frames(tmp_path / "b-dream.mp4") == 3


def test_resume_is_for_the_one_that_was_cut_off(make_clip, tmp_path, monkeypatch):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=2)
    (tmp_path / "b-dream.part.mp4").touch()
    seen = {}

    def remember(source, request, **how):
        seen[source] = request.resume
        if request.resume:
            raise ArgumentError("it was started with other settings", "start again")
        return 0

    monkeypatch.setattr(module, "dream", remember)
    assert batch(["b.mp4", "a.mp4"], Request(resume=True)) == 1  # a wrong one ends nothing
    assert seen == {"b.mp4": True, "a.mp4": False}


def test_other_settings_and_other_sources(make_clip, tmp_path, capsys):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=3)
    assert main(["run", "a.mp4", "b.mp4", *SMALL]) == 0
    make_clip("b.mp4", frames=4)
    capsys.readouterr()
    assert main(["run", "a.mp4", "b.mp4", *SMALL, "--steps", "2"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("0 of 2 to dream:\n1  a.mp4  ->  a-dream.mp4  (exists)\n")
    assert (
        "\nfailed: a.mp4: a-dream.mp4 exists already, made with other settings (steps) (--overwrite replaces it)\n"
        in out
    )
    assert "b-dream.mp4 exists already, made with other settings (steps, source)" in out
    assert main(["run", "a.mp4", "b.mp4", *SMALL, "--overwrite"]) == 0
    assert capsys.readouterr().out.endswith("2 in all: 1 done, 1 skipped\n")
    assert count_frames(tmp_path / "b-dream.mp4") == 4


def test_folders_patterns_and_pictures(make_clip, tmp_path, capsys):
    for folder in ("films", "more", "photos"):
        (tmp_path / folder).mkdir()
    make_clip("films/a.mp4", frames=2)
    make_clip("more/a.mov", frames=3)
    for number in range(2):
        Image.new("RGB", (60, 40), "red").save(f"photos/{number}.png")
    still = ["--still-steps", "1", "--still-height", "32"]
    assert main(["run", "films", "more/*.mov", "photos", "--to", "out/*.mkv", *SMALL, *still]) == 0
    assert count_frames(tmp_path / "out/a.mkv") == 2
    assert count_frames(tmp_path / "out/a-2.mkv") == 3
    assert sorted(path.name for path in (tmp_path / "out/photos").iterdir()) == [
        "000000.png",
        "000001.png",
        "recipe.toml",
    ]
    assert "octaves = 1" in (tmp_path / "out/photos/recipe.toml").read_text()
    assert main(["run", "films", "more/*.mov", "photos", "--to", "out/*.mkv", *SMALL, *still]) == 0
    assert capsys.readouterr().out.endswith("3 in all: 3 skipped\n")


def test_one_folder_of_films(make_clip, tmp_path, capsys):
    (tmp_path / "films").mkdir()
    make_clip("films/a.mp4", frames=2)
    assert main(["run", "films/", *SMALL]) == 0
    assert count_frames(tmp_path / "a-dream.mp4") == 2


def test_too_little_room(make_clip, tmp_path, capsys):
    sources = [str(make_clip(name, frames=2).name) for name in ("a.mp4", "b.mp4")]
    size = sum((tmp_path / name).stat().st_size for name in sources)
    asked = []

    def free(folder):
        asked.append(str(folder))
        return size - 1

    with pytest.raises(SinkError, match=r"not enough space: .* kB free in out, and the sources take .* kB") as caught:
        batch(sources, Request(sinks=("out/",), controls=TINY), free_bytes=free)
    assert caught.value.hint
    assert asked == ["out"]
    assert list((tmp_path / "out").iterdir()) == []
    assert batch(sources, Request(sinks=("out/",), controls=TINY), free_bytes=lambda folder: size) == 0


def test_the_folder_around_must_be_there(three, capsys):
    assert main(["run", *three, "--to", "gone/out/", *SMALL]) == 1
    assert "error: cannot create the folder gone/out: No such file or directory\nhint: " in capsys.readouterr().err


@pytest.mark.parametrize("typed", [["--to", "out.mp4"], ["--to", "a/", "--to", "b/"], ["--steps", "99"]])
def test_wrong_arguments_come_out_before_any_work(three, typed, tmp_path):
    assert main(["run", *three, *typed]) == 2
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_wrong_for_all_ends_it(make_clip, monkeypatch):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=2)
    calls = []

    def no_device(*args, **how):
        calls.append(args)
        raise DeviceError("no GPU")

    monkeypatch.setattr(module, "dream", no_device)
    with pytest.raises(DeviceError):
        batch(["a.mp4", "b.mp4"], Request())
    assert len(calls) == 1


STILL = ["--still-steps", "1", "--still-height", "32"]


def test_each_fails_by_itself(make_clip, tmp_path, capsys):
    """A codec without a decoder, a recipe in the way that is none, what is not there."""
    for name in ("a.mp4", "b.mp4", "raw.mov", "old.mp4"):
        make_clip(name, frames=10)
    Image.new("RGB", (60, 40), "red").save("p.png")
    raw = (tmp_path / "raw.mov").read_bytes()
    (tmp_path / "raw.mov").write_bytes(raw.replace(b"avc1" + bytes(7) + b"\1", b"brvn" + bytes(7) + b"\1"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old-dream.mp4").write_text("mine")
    (tmp_path / "out/old-dream.toml").write_bytes(b"[livedream]\noptions = 3\nsource = [[1], {a = 2}]\n")
    sources = ["a.mp4", "p.png", "raw.mov", "gone.mp4", "old.mp4", "b.mp4"]
    assert main(["run", *sources, "--start", "0.2", "--to", "out/", *SMALL, *STILL]) == 1
    assert count_frames(tmp_path / "out/a-dream.mp4") == 8  # 10 fps: frames 2 to 9
    assert count_frames(tmp_path / "out/b-dream.mp4") == 8
    assert (tmp_path / "out/old-dream.mp4").read_text() == "mine"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4] == "6 in all: 3 done, 3 failed"
    assert [line.split()[0] for line in lines[-3:]] == ["failed:"] * 3
    for name in ("raw.mov", "gone.mp4", "old.mp4"):
        assert sum(name.removesuffix(".mp4") in line for line in lines[-3:]) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("ours"), "internal error: KeyError: 'ours'"),
        (MemoryError(), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12000000000 bytes."),
         "out of memory: 12.0 GB were requested"),
        (EOFError(), "internal error: EOFError"),
        (OSError(24, "Too many open files", "a.mp4"), "a.mp4: Too many open files"),
        (RecursionError(), "an expression or a file is nested too deeply"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_whatever_one_raises_the_others_go_on(error, reason, make_clip, monkeypatch, capsys):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=2)
    dreamt = []

    def dream(source, request, **how):
        dreamt.append(source)
        if source == "a.mp4":
            raise error
        return 0

    monkeypatch.setattr(module, "dream", dream)
    assert main(["run", "a.mp4", "b.mp4"]) == 1
    assert dreamt == ["a.mp4", "b.mp4"]
    assert f"2 in all: 1 done, 1 failed\nfailed: {'' if 'a.mp4' in reason else 'a.mp4: '}{reason}\n" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        (["--layers", "fire66"], "unknown layer"),
        (["--preset", "fethers"], "unknown preset: fethers"),
        (["--codec", "h264", "--to", "*.webm"], ".webm cannot contain h264"),
        (
            ["--codec", "h264", "--to", "*/"],
            "--codec, --quality and --hardware are for videos, and none is written",
        ),
        (["--rate", "30"], "--rate is for cameras"),
        (["--rate", ""], "invalid rate ''"),
    ],
)
def test_what_is_wrong_for_all_is_said_once(typed, error, make_clip, capsys):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, frames=2)
    assert main(["run", "a.mp4", "b.mp4", *typed, *SMALL]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(set(errors)) == 1
    assert error in errors[0]


def test_options_of_films_are_for_the_films_of_a_batch(make_clip, tmp_path, capsys):
    make_clip("a.mp4", frames=2)
    Image.new("RGB", (60, 40), "red").save("p.png")
    typed = ["run", "a.mp4", "p.png", "--to", "out/", "--codec", "h265", *SMALL, *STILL]
    assert main(typed) == 0
    with av.open(str(tmp_path / "out/a-dream.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "hevc"
    assert 'codec = "h265"' in embedded_recipe(tmp_path / "out/a-dream.mp4")
    assert "codec" not in embedded_recipe(tmp_path / "out/p-dream.png")
    err = capsys.readouterr().err
    assert err.count("only 1 of 2 sources use --codec, --quality and --hardware\n") == 1
    assert main(typed) == 0
    assert capsys.readouterr().out.endswith("2 in all: 2 skipped\n")


def test_options_of_films_are_not_for_pictures_alone(capsys):
    for name in ("p.png", "q.png"):
        Image.new("RGB", (60, 40), "red").save(name)
    assert main(["run", "p.png", "q.png", "--start", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: --start is for videos, and these are pictures\n")


def test_a_disk_that_others_fill_fails_what_does_not_fit(make_clip, tmp_path, capsys):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_clip(name, frames=2)
    size = (tmp_path / "b.mp4").stat().st_size
    free = iter([10**9, size - 1, size])
    assert batch(["a.mp4", "b.mp4", "c.mp4"], Request(controls=TINY), free_bytes=lambda folder: next(free)) == 1
    out = capsys.readouterr().out
    assert "3 in all: 2 done, 1 failed\nfailed: b.mp4: " in out
    assert ", and the sources take" in out


def test_the_longest_names(make_clip, tmp_path, capsys):
    """The names of its dream, its part and its journal would all be too long."""
    long = "x" * 251 + ".mp4"
    make_clip(long, frames=2)
    make_clip("b.mp4", frames=2)
    assert main(["run", long, "b.mp4", "--to", "out/", *SMALL]) == 0
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".mp4", ".mp4"]
    assert main(["run", long, "b.mp4", "--to", "out/", *SMALL]) == 0
    assert capsys.readouterr().out.endswith("2 in all: 2 skipped\n")
    assert main(["run", "y" * 252 + ".mp4", "b.mp4", "--to", "more/", *SMALL]) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("File name too long")


def test_one_film_into_a_pattern(make_clip, tmp_path, capsys):
    make_clip("a.mp4", frames=2)
    assert main(["run", "a.mp4", "--to", "out/*.mkv", *SMALL]) == 0
    assert count_frames(tmp_path / "out/a.mkv") == 2
    assert main(["run", "demo", "--to", "*.mkv"]) == 2
    assert main(["run", "gone.mp4", "--to", "new/*.mkv"]) == 1
    assert not (tmp_path / "new").exists()
    err = capsys.readouterr().err
    assert "error: the * in *.mkv stands for the name of a file, and demo is not a file\n" in err
    assert "error: no such file: gone.mp4\n" in err


def test_one_film_into_numbered_pictures(make_clip, tmp_path):
    make_clip("a.mp4", frames=3)
    assert main(["run", "a.mp4", "--to", "out%06d.png", "--strength", "0", *SMALL]) == 0
    pictures = [f"out00000{number}.png" for number in range(3)]
    assert sorted(path.name for path in tmp_path.glob("out*")) == sorted([*pictures, "out.png.toml"])
    assert main(["run", "out%06d.png", "--to", "back.mp4", "--strength", "0", *SMALL]) == 0
    assert count_frames(tmp_path / "back.mp4") == 3


def test_one_network_for_equal_settings(monkeypatch):
    made = []

    class Fake:
        def __init__(self, settings):
            self.settings, self.resets = settings, 0
            made.append(self)

        def reset(self):
            self.resets += 1

    monkeypatch.setattr(module, "new_dreamer", Fake)
    one = DreamerCache()
    assert one(DreamSettings()) is one(DreamSettings())
    assert made[0].resets == 2
    assert one(DreamSettings(steps=2)) is not made[0]
    assert len(made) == 2


def test_the_second_film_is_dreamt_as_if_it_were_alone(make_clip, tmp_path):
    make_clip("a.mp4", frames=3)
    make_clip("b.mp4", frames=4, size=(80, 48))
    assert main(["run", "b.mp4", "--to", "alone/", *SMALL]) == 0
    assert main(["run", "a.mp4", "b.mp4", "--to", "*/", *SMALL]) == 0
    for picture in sorted((tmp_path / "alone").glob("*.png")):
        assert Image.open(picture).tobytes() == Image.open(tmp_path / "b" / picture.name).tobytes()


def test_overall_status():
    assert overall_status(2, 5, 0.25, 30.0) == "2 of 5 (25 % of all, 1:30 left)"
    assert overall_status(1, 5, 0.0, 1.0) == "1 of 5 (0 % of all)"


# A process that a shell has put in the background ignores Ctrl-C; this one must not.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from livedream.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
def test_ctrl_c_ends_the_batch_and_says_what_is_done(make_clip, tmp_path):
    """The second film is long enough to be stopped once its part file grows."""
    make_clip("a.mp4", frames=2)
    make_clip("b.mp4", frames=3000)
    make_clip("c.mp4", frames=2)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", "a.mp4", "b.mp4", "c.mp4", *SMALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    part = tmp_path / "b-dream.part.mp4"
    try:
        end = time.monotonic() + 60
        while process.poll() is None and not (part.exists() and part.stat().st_size) and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out.splitlines()[-3:] == ["3 in all: 1 done, 2 not done", "not done: b.mp4", "not done: c.mp4"]
    assert about(embedded_recipe(tmp_path / "a-dream.mp4"))["complete"] is True
    assert not (tmp_path / "c-dream.mp4").exists()
