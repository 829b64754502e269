"""Every output carries its settings, and they make it again."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from livedream import ArgumentError, DreamSettings, SourceError, open_sink
from livedream.capture.carried import carried_recipe
from livedream.cli.dreaming import choose_settings
from livedream.cli.main import main
from livedream.frame import Frame
from livedream.presets import parse_preset
from livedream.recipe import Recipe, about

SETTINGS = DreamSettings(layers='fire6 + "ä" \\ #\n= [x]', strength=0.3, model="squeezenet", coarseness=1.5)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(spec, count=3, end=True):
    with open_sink(spec) as sink:
        sink.recipe = Recipe(settings=SETTINGS, source="film ä.mp4")
        for index in range(count):
            sink.write(Frame(np.full((48, 64, 3), 9, np.uint8), Fraction(index), index))
        if end:
            sink.end()


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm", "out.png", "out/"])
def test_outputs_carry_it_inside_and_beside(name, tmp_path):
    write(name)
    inside = tmp_path / (f"{name}000001.png" if name == "out/" else name)
    beside = tmp_path / ("out/recipe.toml" if name == "out/" else "out.toml")
    assert parse_preset(carried_recipe(inside), name) == SETTINGS
    assert choose_settings(str(inside), {}) == choose_settings(str(beside), {}) == SETTINGS
    known = about(beside.read_text())
    assert (known["frames"], known["complete"]) == (1 if name == "out.png" else 3, True)
    assert known["source"] == "film ä.mp4"


@pytest.mark.parametrize("name", ["out.gif", "out.jpg", "out.tif"])
def test_others_have_it_beside_alone(name, tmp_path):
    write(name)
    assert choose_settings("out.toml", {}) == SETTINGS
    with pytest.raises(ArgumentError, match=f"{name} carries no recipe") as caught:
        choose_settings(name, {})
    assert ".toml" in caught.value.hint


@pytest.mark.parametrize("name", ["out.mp4", "out/"])
def test_one_that_was_cut_off_says_so(name, tmp_path):
    write(name, end=False)
    assert about((tmp_path / ("out/recipe.toml" if name == "out/" else "out.toml")).read_text())["complete"] is False


def test_without_a_recipe_there_is_no_file(tmp_path):
    with open_sink("out.png") as sink:
        sink.write(Frame(np.zeros((8, 8, 3), np.uint8), Fraction(0), 0))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_what_carries_none(make_clip, tmp_path):
    make_clip("film.mp4", frames=1)
    Image.new("RGB", (4, 4)).save("plain.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("film.mp4", "plain.png"):
        with pytest.raises(ArgumentError, match=f"{name} carries no recipe"):
            choose_settings(name, {})
    for name in ("broken.png", "gone.png", "gone.mp4"):
        with pytest.raises(SourceError, match=name) as caught:
            choose_settings(name, {})
        assert caught.value.hint


def test_a_run_can_be_made_again(make_clip, tmp_path, capsys):
    """By its TOML, its film and its picture; controls that are given win."""
    make_clip("film.mp4", frames=3)
    small = ["--steps", "2", "--working-height", "32", "--octaves", "1"]
    assert main(["run", "film.mp4", "--to", "a.mkv", "--to", "a/", "--preset", "live", *small]) == 0
    text = (tmp_path / "a.toml").read_text()
    assert 'layers = "fire8"\n' in text and "working_height = 32\n" in text
    known = about(text)
    assert known["source"] == "film.mp4"
    assert known["used"].startswith("cpu ") and ", squeezenet, fire8, working " in known["used"]
    for number, preset in enumerate(("a.toml", "a.mkv", "a/000001.png")):
        assert main(["run", "film.mp4", "--to", f"again{number}/", "--preset", preset]) == 0
        assert f"preset {preset}: " in capsys.readouterr().out
        for picture in ("000000.png", "000002.png"):
            with Image.open(f"a/{picture}") as first, Image.open(f"again{number}/{picture}") as second:
                assert np.array_equal(first, second)
    assert choose_settings("a.mkv", {"layers": "fire4"}).layers == "fire4"
    assert choose_settings("a.mkv", {"layers": "fire4"}).steps == 2


def test_layers_of_a_preset_are_those_of_its_own_network(tmp_path):
    assert choose_settings("live", {}).layers == "fire8"
    assert choose_settings("live", {"model": "squeezenet"}).layers == "fire8"
    assert choose_settings("live", {"model": "googlenet"}).layers == "auto"
    assert choose_settings("live", {"model": "googlenet", "layers": "inception_4c"}).layers == "inception_4c"
    (tmp_path / "mine.toml").write_text('model = "googlenet"\nlayers = "inception_4c"\n')
    assert choose_settings("mine.toml", {"model": "googlenet"}).layers == "inception_4c"
    assert choose_settings("mine.toml", {"model": "vgg16"}).layers == "auto"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("recipe", ["", '\n[livedream]\nversion = "0.1.0"\n'])
def test_the_preset_beside_the_film_is_not_replaced(recipe, overwrite, make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=1)
    text = f"# my notes\noctaves = 1\nworking_height = 32\n{recipe}"
    (tmp_path / "look.toml").write_text(text)
    words = ["--overwrite"] if overwrite else []
    assert main(["run", "film.mp4", "--preset", "look.toml", "--to", "look.mp4", *words]) == 2
    assert (tmp_path / "look.toml").read_text() == text
    assert capsys.readouterr().err == "error: look.toml is the preset\nhint: choose another name for the output\n"


def test_a_recipe_that_somebody_edited_is_kept_without_overwrite(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=1)
    text = '# my notes\nsteps = 2\n\n[livedream]\nversion = "0.1.0"\n'
    (tmp_path / "mine.toml").write_text(text)
    small = ["--working-height", "32", "--octaves", "1"]
    assert main(["run", "film.mp4", "--to", "mine.mp4", *small]) == 0
    assert (tmp_path / "mine.toml").read_text() == text
    assert "warning: mine.toml was edited and is left as it is; --overwrite replaces it\n" in capsys.readouterr().err
    for words in (["--overwrite"], ["--overwrite", "--strength", "0.5"]):
        assert main(["run", "film.mp4", "--to", "mine.mp4", *small, *words]) == 0
    assert "strength = 0.5" in (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.mp4").unlink()  # the recipe is as livedream wrote it
    assert main(["run", "film.mp4", "--to", "mine.mp4", *small]) == 0
    assert "strength" not in (tmp_path / "mine.toml").read_text()
    assert "warning" not in capsys.readouterr().err


def test_the_encoding_is_said_and_written_down(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=2)
    small = ["--working-height", "32", "--octaves", "1"]
    assert main(["run", "film.mp4", "--to", "a.mkv", "--codec", "h265", "--quality", "60", *small]) == 0
    assert "-> a.mkv (libx265 medium crf 25)\n" in capsys.readouterr().out  # 44 - 0.6 * (44 - 12) = 24.8
    assert 'codec = "h265"\nquality = 60\n' in (tmp_path / "a.toml").read_text()
