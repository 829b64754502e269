"""Drawing from noise, one photograph at each layer, and the dive, from the command line."""

import re
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main

SMALL = ["--size", "32", "--steps", "2", "--device", "cpu"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo(here) -> str:
    Image.fromarray(data.chelsea()[40:136, 100:220]).save("photo.png")
    return "photo.png"


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_one_channel_is_a_picture_with_its_recipe(capsys) -> None:
    assert main(["visualize", "--layer", "fire5:12", "--to", "c.png", "--seed", "3", *SMALL]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "cpu float32, squeezenet, 32x32, 2 steps: fire5:12 -> c.png"
    assert re.fullmatch(r"drew 1 picture in \d+\.\d+ s; written: c\.png", last)
    with Image.open("c.png") as picture:
        assert picture.size == (32, 32)
        recipe = tomllib.loads(picture.info["livedream"])
    assert (recipe["layers"], recipe["seed"], recipe["livedream"]["options"]["steps"]) == ("fire5:12", 3, 2)
    assert main(["visualize", "--layer", "fire5:12", "--to", "d.png", "--seed", "3", *SMALL]) == 0
    assert np.array_equal(pixels("d.png"), pixels("c.png"))


def test_several_are_a_sheet_or_a_folder() -> None:
    layers = ["--layer", "fire2:1", "--layer", "fire3 + 0.5*fire4:2"]
    assert main(["visualize", *layers, *SMALL]) == 0
    assert size("channels.png") == (32 + 2 + 32, 32)
    assert main(["visualize", *layers, "--to", "each/", *SMALL]) == 0
    assert sorted(path.name for path in Path("each").iterdir()) == ["fire2-1.png", "fire3-0.5-fire4-2.png"]


def test_an_atlas_keeps_what_is_there_and_draws_what_is_missing(capsys) -> None:
    command = ["visualize", "--atlas", "--model", "squeezenet", "--channels", "1", "--to", "atlas", *SMALL]
    assert main(command) == 0
    written = sorted(path.name for path in Path("atlas").iterdir())
    assert len(written) == 10 + 2 and {"atlas.png", "index.html", "fire9-256.png"} <= set(written)
    assert size("atlas/atlas.png") == (32, 10 * 34 - 2)
    page = Path("atlas/index.html").read_text()
    assert all(f'src="{name}"' in page for name in written if name[0] in "cf")

    kept = Path("atlas/fire9-256.png").stat().st_mtime_ns
    whole = pixels("atlas/atlas.png")
    Path("atlas/fire2-64.png").unlink()
    assert main(command) == 0
    assert Path("atlas/fire9-256.png").stat().st_mtime_ns == kept
    assert np.array_equal(pixels("atlas/atlas.png"), whole)

    capsys.readouterr()
    assert main([*command, "--seed", "1"]) == 1
    assert "conv1-32.png exists already, drawn with other settings" in capsys.readouterr().err
    assert main([*command, "--seed", "1", "--overwrite"]) == 0
    assert not np.array_equal(pixels("atlas/atlas.png"), whole)


def test_a_guide_that_was_changed_is_another_picture(photo, capsys) -> None:
    command = ["visualize", "--layer", "guide:photo.png@fire2", "--layer", "fire2", "--to", "each/", *SMALL]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("drew 2 pictures in ")
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all pictures exist already: each/"
    Image.fromarray(data.coffee()[:96, :120]).save(photo)
    assert main(command) == 1
    assert "guide-photo.png-fire2.png exists already, drawn with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to draw: neither --layer nor --atlas is given"),
        (["--atlas", "--layer", "fire2"], "--atlas and --layer cannot be combined"),
        (["--layer", "fire2", "--channels", "3"], "--channels is for --atlas"),
        (["--layer", "fire99"], "unknown layer: fire99"),
        (["--layer", "fire2:128"], "invalid channel 128: layer fire2 has 128 channels"),
        (["--layer", "fire2", "--size", "8"], "size must be from 32 to 4096"),
        (["--layer", "fire2", "--to", "a.mp4"], "a.mp4 is not a picture"),
        (["--layer", "fire2", "--to", "window"], "window is not a picture"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(words, message, capsys, here) -> None:
    assert main(["visualize", *words]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {message}") and hint.startswith("hint: ")
    assert list(here.iterdir()) == []


def test_one_photograph_at_each_layer(photo, capsys) -> None:
    quick = ["--still-steps", "1", "--smallest-octave", "96", "--width", "60", "--device", "cpu"]
    assert main(["layers", photo, "--model", "squeezenet", *quick]) == 0
    # The picture and ten layers, four in a row; 60x48 as 120x96 asks for.
    assert size("photo-layers.jpg") == (4 * 62 - 2, 3 * 50 - 2)
    assert main(["layers", photo, "--layers", "fire2 fire9:3", "--to", "two.png", *quick]) == 0
    assert size("two.png") == (3 * 62 - 2, 48)
    out = capsys.readouterr().out
    assert "fire2, working 128x96 and others: photo.png 120x96 -> two.png" in out
    assert re.search(r"\ndreamt at 2 layers in \d+\.\d+ s; written: two\.png\n$", out)


def test_a_layer_that_is_not_there_is_told_before_any_is_dreamt(photo, capsys, here) -> None:
    assert main(["layers", photo, "--model", "squeezenet", "--layers", "fire2 fire99", "--device", "cpu"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown layer: fire99\n")
    assert [path.name for path in here.iterdir()] == [photo]


def test_a_sheet_is_a_picture(photo, capsys) -> None:
    assert main(["layers", photo, "--to", "a.mp4"]) == 2
    assert capsys.readouterr().err.startswith("error: a.mp4 is not a picture\nhint: name a file that ends in .png")


def test_a_dive_is_a_film(photo, capsys) -> None:
    quick = ["--still-height", "48", "--layers", "fire3", "--length", "0.4", "--fps", "25", "--device", "cpu"]
    assert main(["zoom", photo, "--drift", "1,-0.5", *quick]) == 0
    assert "dreamt 10 frames" in capsys.readouterr().out
    with av.open("photo-dive.mp4") as film:
        assert (film.streams.video[0].average_rate, film.streams.video[0].width) == (25, 64)
        assert len(list(film.decode(video=0))) == 10
        assert not film.streams.audio
    recipe = tomllib.loads(embedded_recipe(Path("photo-dive.mp4")))
    assert (recipe["zoom"], recipe["livedream"]["options"]["drift"]) == (1.01, "1,-0.5")
    assert main(["zoom", photo, *quick]) == 1  # it is there already
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--drift", "1"], "invalid drift '1'"),
        (["--length", "0"], "invalid duration '0'"),
        (["--length", "1ms"], "a dive of 0.001 s has no frame"),
        (["--zoom", "2"], "zoom must be a number from 0.8 to 1.25, got 2.0"),
        (["--layers", "fire99"], "unknown layer: fire99"),
        (["--layers", "fire5 + mask:photo.png"], "a dive takes no mask"),
    ],
)
def test_a_wrong_dive_is_one_line(photo, words, message, capsys, here) -> None:
    assert main(["zoom", photo, *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert [path.name for path in here.iterdir()] == [photo]
