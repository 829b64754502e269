"""`--resume` by the command that a user types."""

import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from unittest import mock

import av
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from skimage import data

import livedream
from livedream.cli.main import main
from livedream.pipeline.checkpoints import Journal
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import PartialFile

QUICK = ("--working-height", "32", "--layers", "fire4", "--precision", "float32")


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.fixture
def film(make_clip) -> Path:
    return make_clip("film.mp4", rate=25, frames=200, audio=True)


def test_killed_run_is_resumed_to_the_same_frames_to_the_bit(film, tmp_path, capsys) -> None:
    # FFV1 loses nothing: what it holds is what the dreamer made.
    unbroken, output = tmp_path / "unbroken.mkv", tmp_path / "out.mkv"
    assert main(["run", str(film), "--to", str(unbroken), "--codec", "ffv1", *QUICK]) == 0

    command = [sys.executable, "-m", "livedream", "run", str(film), "--to", str(output), "--codec", "ffv1", *QUICK]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as worker:
        second_checkpoint = tmp_path / "out.part.resume" / "000100.safetensors"
        while worker.poll() is None and not second_checkpoint.exists():
            time.sleep(0.001)
        worker.kill()
    assert not output.exists()

    assert main(["run", str(film), "--to", str(output), "--codec", "ffv1", *QUICK, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out
    first, again = decoded(unbroken), decoded(output)
    assert len(again) == 200
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not (tmp_path / "out.part.resume").exists()


def test_live_masks_go_on_where_a_killed_run_had_them(tmp_path, capsys) -> None:
    """At either checkpoint, frames 51 and 102, a search for the person has just begun."""
    film, unbroken, output = tmp_path / "film.mkv", tmp_path / "unbroken.mkv", tmp_path / "out.mkv"
    person = data.astronaut()[:288:4, :512:4]
    with av.open(str(film), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(51, 2), width=128, height=72, pix_fmt="bgr0")
        for number in range(110):
            moved = np.ascontiguousarray(np.roll(person, number, 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    how = ("--codec", "ffv1", *QUICK, "--mask", "person", "--layers", "fire4 + mask:motion(2, 0.5)")
    assert main(["run", str(film), "--to", str(unbroken), *how]) == 0

    command = [sys.executable, "-m", "livedream", "run", str(film), "--to", str(output), *how]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as worker:
        first, second = (tmp_path / "out.part.resume" / f"{number:06d}.safetensors" for number in (51, 102))
        while worker.poll() is None and not second.exists():
            time.sleep(0.001)
        worker.kill()
    assert not output.exists()
    assert all("mask_search" in load_file(checkpoint) for checkpoint in (first, second))

    assert main(["run", str(film), "--to", str(output), *how, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out
    frames, again = decoded(unbroken), decoded(output)
    assert len(again) == 110
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))


def test_with_nothing_to_resume_it_begins_anew_and_says_so(film, tmp_path, capsys) -> None:
    assert main(["run", str(film), "--to", str(tmp_path / "out.mp4"), *QUICK, "--resume"]) == 0
    assert "nothing of" in (said := capsys.readouterr().err)
    assert "starting from the beginning" in said
    assert len(decoded(tmp_path / "out.mp4")) == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]


@pytest.mark.parametrize("sinks", [["null"], ["frames/"], ["frame.png"], ["a.mp4", "b.mkv"]], ids=" ".join)
def test_every_kind_of_output_begins_anew_where_nothing_is_left(sinks, film, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["run", str(film), "--end", "0.1", *(word for sink in sinks for word in ("-o", sink)), *QUICK, "--resume"]
    assert main(typed) == 0
    assert "starting from the beginning: only " in capsys.readouterr().err
    if sinks != ["null"]:  # now something is there, which is no reason to replace it
        assert main(typed) == 2
        assert f"{Path(sinks[0])} exists already\nhint: leave out --resume" in capsys.readouterr().err


def interrupted(film: Path, output: Path, how: tuple[str, ...] = QUICK) -> None:
    """Leave what a run leaves that somebody stopped with Ctrl-C after some frames."""
    command = [sys.executable, "-m", "livedream", "run", str(film), "--to", str(output), *how]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as worker:
        checkpoint = output.with_name("out.part.resume") / "000050.safetensors"
        while worker.poll() is None and not checkpoint.exists():
            time.sleep(0.001)
        worker.send_signal(2)
        _, stderr = worker.communicate(timeout=60)
    assert worker.returncode == 130
    assert "the video so far is" in stderr


def test_run_that_was_stopped_leaves_a_film_that_plays_and_can_go_on(film, tmp_path, capsys) -> None:
    output = tmp_path / "out.mp4"
    interrupted(film, output)
    assert not output.exists()
    assert len(decoded(tmp_path / "out.part.mp4")) >= 50

    assert main(["run", str(film), "--to", str(output), *QUICK, "--seed", "1", "--resume"]) == 2
    assert "seed was 0, is 1" in (said := capsys.readouterr().err)
    assert "the video so far" not in said  # it would say that --resume continues it

    assert main(["run", str(film), "--to", str(output), *QUICK]) == 1
    assert "--resume continues it" in capsys.readouterr().err

    assert main(["run", str(film), "--to", str(output), *QUICK, "--resume"]) == 0
    assert len(decoded(output)) == 200


def killed(film: Path, output: Path) -> None:
    """Leave a part with a checkpoint that can be reached, as a killed run does."""
    part = output.with_suffix(f".part{output.suffix}")
    with mock.patch.object(PartialFile, "finish", PartialFile.leave), mock.patch.object(Journal, "finish"):
        assert main(["run", str(film), "--to", str(output), *QUICK]) == 0
    assert part.exists()
    assert not output.exists()


def test_changed_input_is_refused(film, make_clip, tmp_path, capsys) -> None:
    output = tmp_path / "out.mp4"
    killed(film, output)
    make_clip("film.mp4", rate=25, frames=199)
    assert main(["run", str(film), "--to", str(output), *QUICK, "--resume"]) == 2
    assert "the content of the source was" in capsys.readouterr().err


def test_other_files_that_the_dream_is_made_of_are_refused(film, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path(livedream.__file__).parent / "assets" / "squeezenet.safetensors"
    (tmp_path / "own.safetensors").write_bytes(own.read_bytes())
    Image.fromarray(np.full((48, 64, 3), 200, np.uint8)).save("mask.png")
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save("guide.png")
    with Path("vector.npy").open("wb") as file:
        np.save(file, np.ones(256, np.float32))
    layers = "guide:guide.png@fire4 + direction(fire4, vector.npy) + mask:mask.png"
    how = ("--working-height", "32", "--precision", "float32", "--layers", layers, "--weights", "own.safetensors")
    output = tmp_path / "out.mkv"
    interrupted(film, output, how)
    capsys.readouterr()

    for name in ("mask.png", "guide.png", "vector.npy", "own.safetensors"):
        before = Path(name).read_bytes()
        if name.endswith("png"):
            Image.fromarray(np.full((48, 64, 3), 128, np.uint8)).save(name)
        else:
            Path(name).write_bytes(before[:-4] + b"\0\0\0\x3f")
        assert main(["run", str(film), "--to", str(output), *how, "--resume"]) == 2
        assert "the content of the files that --layers and --weights name was" in capsys.readouterr().err
        Path(name).write_bytes(before)
    assert main(["run", str(film), "--to", str(output), *how, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out
    assert len(decoded(output)) == 200


def test_what_was_copied_to_another_disk_goes_on_there(film, tmp_path, capsys) -> None:
    """As whoever runs out of room does; a copy has another number than the file for which the lock vouches."""
    killed(film, tmp_path / "out.mp4")
    (tmp_path / "large").mkdir()
    for path in tmp_path.glob("out.part.*"):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, tmp_path / "large" / path.name)
    output = tmp_path / "large" / "out.mp4"
    assert main(["run", str(film), "--to", str(output), *QUICK, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out
    assert len(decoded(output)) == 200


def test_a_film_of_somebodys_in_the_place_of_the_part_stays(film, tmp_path, capsys) -> None:
    killed(film, tmp_path / "out.mp4")
    part = tmp_path / "out.part.mp4"
    part.rename(tmp_path / "aside.mp4")
    shutil.copy(film, part)
    assert main(["run", str(film), "--to", str(tmp_path / "out.mp4"), *QUICK, "--resume"]) == 2
    assert "out.part.mp4 is neither the file that livedream wrote" in capsys.readouterr().err
    assert part.read_bytes() == film.read_bytes()
    (tmp_path / "aside.mp4").replace(part)  # as the hint says; the lock file is gone by now
    assert main(["run", str(film), "--to", str(tmp_path / "out.mp4"), *QUICK, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out


def test_a_film_that_is_complete_is_not_begun_anew(film, tmp_path, capsys) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"complete")
    assert main(["run", str(film), "--to", str(output), *QUICK, "--resume"]) == 1
    assert capsys.readouterr().err == f"error: {output} exists already\nhint: use --overwrite, or another name\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]


def test_run_that_is_alive_is_not_resumed(film, tmp_path, capsys) -> None:
    output = tmp_path / "out.mp4"
    with OutputLock(output):  # as a run holds it; locks of one process are told apart from those of others
        assert main(["run", str(film), "--to", str(output), *QUICK, "--resume"]) == 2
    assert "out.mp4" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4"]


@pytest.mark.parametrize("left", ["nothing", "empty", "foreign"])
def test_part_without_a_journal(left: str, film, tmp_path, capsys) -> None:
    """A run that is killed while the network is loaded leaves an empty part, for which its lock vouches."""
    output, part = tmp_path / "out.mp4", tmp_path / "out.part.mp4"
    if left == "empty":
        lock = OutputLock(output).acquire()
        PartialFile(output, lock).leave()
        lock.release()
    elif left == "foreign":
        part.write_bytes(film.read_bytes())
    code = main(["run", str(film), "--to", str(output), *QUICK, "--end", "1", "--resume"])
    said = capsys.readouterr().err
    if left == "foreign":
        assert code == 2
        assert "has no journal, so the settings it was begun with are unknown\nhint: move it away\n" in said
        assert part.read_bytes() == film.read_bytes()
    else:
        assert code == 0
        assert "starting from the beginning" in said
        assert len(decoded(output)) == 25
        assert not part.exists()
