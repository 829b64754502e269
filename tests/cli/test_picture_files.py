"""Pictures by the command that a user types. The values are those of shared/cases 03, 12 and 34."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.recipe import about
from tests.conftest import count_frames

SMALL = ["--working-height", "32", "--octaves", "1", "--strength", "0", "--still-steps", "1", "--still-height", "32"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def probe(path: str, entries: str) -> list[str]:
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("target", ["fr/", "out%06d.png"])
def test_rate_of_numbered_pictures(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """12_sequence.sh: 2.0 s at 30 fps became 2.4 s, and --rate was refused."""
    lavfi = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=2"]
    subprocess.run(["ffmpeg", "-v", "error", *lavfi, "-c:v", "libx264", "film.mp4"], check=True)
    source = "fr/%06d.png" if target == "fr/" else target
    assert main(["run", "film.mp4", "--to", target, *SMALL]) == 0
    assert main(["run", source, "--to", "back.mp4", *SMALL]) == 0
    assert main(["run", source, "--to", "fast.mp4", "--rate", "60", *SMALL]) == 0
    entries = "format=duration:stream=avg_frame_rate,sample_aspect_ratio"
    assert probe("back.mp4", entries) == ["1:1,30/1", "2.000000"]
    assert probe("fast.mp4", entries) == ["1:1,60/1", "1.000000"]
    assert "%06d.png 64x48, 30 fps ->" in capsys.readouterr().out
    assert about(embedded_recipe(Path("fast.mp4")))["options"]["rate"] == "60"


@pytest.mark.needs_ffmpeg
def test_pixels_of_pal(capsys: pytest.CaptureFixture[str]) -> None:
    """34_anamorphic.sh"""
    lavfi = ["-f", "lavfi", "-i", "color=gray:s=720x576:r=25:d=0.08,setsar=64/45"]
    subprocess.run(["ffmpeg", "-v", "error", *lavfi, "-c:v", "libx264", "ana.mp4"], check=True)
    assert main(["run", "ana.mp4", "--to", "fr/", "--to", "one.jpg", *SMALL]) == 0
    assert main(["run", "fr/%06d.png", "--to", "back.mp4", *SMALL]) == 0
    assert main(["run", "one.jpg", "--to", "one.tif", *SMALL]) == 0
    for name in ("fr/000000.png", "back.mp4", "one.jpg", "one.tif"):
        assert probe(name, "stream=sample_aspect_ratio")[0].rstrip(",") == "64:45", name


def test_pictures_without_a_rate_say_what_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        Image.new("RGB", (64, 48)).save(f"{number}.jpg")
    assert main(["run", "%d.jpg", "--to", "null", *SMALL]) == 0
    assert "25 fps (assumed: --rate N changes it)" in capsys.readouterr().out


def test_rate_is_refused_where_it_means_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 48)).save("a.png")
    assert main(["run", "a.png", "--rate", "30"]) == 2
    assert "--rate is for cameras" in capsys.readouterr().err


def test_damaged_picture_of_a_folder_is_said_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(f"in/{number}.png")
    Path("in/1.png").write_text("no picture")
    assert main(["run", "in", "--to", "out/", *SMALL]) == 1
    assert [np.asarray(Image.open(f"out/00000{n}.png"))[0, 0, 0] for n in range(2)] == [0, 2]
    out, err = capsys.readouterr()
    assert "dreamt 2 pictures" in out
    assert "warning: in/1.png is not a picture, or is damaged; it is left out" in err
    assert "error: in: 1 of 3 pictures cannot be read" in err


def test_damaged_one_of_numbered_pictures_keeps_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(f"{number}.png")
    Path("1.png").write_bytes(Path("1.png").read_bytes()[:20])
    assert main(["run", "%d.png", "--to", "out.mkv", *SMALL]) == 1
    assert count_frames(Path("out.mkv")) == 3
    assert "error: %d.png: 1 of 3 pictures cannot be read" in capsys.readouterr().err


def test_batch_counts_a_folder_with_a_damaged_picture_as_failed(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        for number in range(2):
            Image.new("RGB", (64, 48)).save(f"{folder}/{number}.png")
    Path("a/1.png").write_text("no picture")
    assert main(["run", "a", "b", "--to", "out/", *SMALL]) == 1
    assert len(list(Path("out/b-dream").glob("*.png"))) == 2
    assert "2 in all: 1 done, 1 failed" in capsys.readouterr().out
    Image.new("RGB", (64, 48)).save("a/1.png")  # repaired
    assert main(["run", "a", "b", "--to", "out/", "--overwrite", *SMALL]) == 0
    assert "2 in all: 1 done, 1 skipped" in capsys.readouterr().out


def test_what_lacks_a_picture_is_not_complete() -> None:
    Path("a").mkdir()
    for number in range(2):
        Image.new("RGB", (64, 48)).save(f"a/{number}.png")
    Path("a/1.png").write_text("no picture")
    for source, target in (("a", "out/"), ("a/%d.png", "out.mkv")):
        assert main(["run", source, "--to", target, *SMALL]) == 1
    for text in (Path("out/recipe.toml").read_text(), embedded_recipe(Path("out.mkv"))):
        assert about(text)["complete"] is False
