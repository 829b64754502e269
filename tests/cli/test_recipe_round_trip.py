"""Every output carries its settings, and they make it again."""

import json
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream import ArgumentError, DreamSettings, SourceError, open_sink
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.tasks.recipes import choose_settings
from livedream.formats.gif_comment import last_comment
from livedream.frame import Frame
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


FILMS = ["out.mp4", "out.mov", "out.mkv", "out.webm", "out.gif"]
PICTURES = ["out.png", "out.jpg", "out.webp", "out.tif"]


@pytest.mark.parametrize("name", [*FILMS, *PICTURES, "out/", "out%d.jpg"])
def test_outputs_carry_it_inside(name, tmp_path):
    write(name)
    inside = {"out/": "out/000001.png", "out%d.jpg": "out1.jpg"}.get(name, name)
    assert choose_settings(inside, {}) == SETTINGS
    known = about(embedded_recipe(tmp_path / inside))
    assert known["source"] == "film ä.mp4"
    assert known.get("complete") == (True if name in FILMS else None)


@pytest.mark.parametrize("name", [*FILMS, *PICTURES])
def test_one_file_is_all_there_is(name, tmp_path):
    write(name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "beside"), [("out/", "out/recipe.toml"), ("out%d.jpg", "out.jpg.toml")])
def test_series_of_pictures_have_it_besides(name, beside):
    write(name)
    known = about(Path(beside).read_text())
    assert (known["frames"], known["complete"]) == (3, True)
    assert choose_settings(beside, {}) == SETTINGS


@pytest.mark.parametrize("name", [*FILMS, "out/"])
def test_one_that_was_cut_off_says_so(name):
    write(name, end=False)
    text = Path("out/recipe.toml").read_text() if name == "out/" else embedded_recipe(Path(name))
    assert about(text)["complete"] is False


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("name", FILMS)
def test_other_programs_find_the_film_whole(name):
    """What is written into it afterwards spoils nothing; Matroska has checksums."""
    write(name)
    command = ["ffmpeg", "-v", "error", "-err_detect", "crccheck+bitstream+explode", "-i", name, "-f", "null", "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    tags = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets:format_tags", name]
    text = subprocess.run([*tags, "-of", "json"], capture_output=True, text=True, check=True).stdout
    found_tags = json.loads(text)
    assert found_tags["streams"][0]["nb_read_packets"] == "3"
    comment = next(of for tag, of in found_tags["format"]["tags"].items() if tag.lower() == "comment")
    assert "complete = true" in comment


def test_the_checksum_of_the_tags_in_matroska_is_right():
    write("out.mkv")
    data = Path("out.mkv").read_bytes()
    size_at = data.rindex(b"\x12\x54\xc3\x67") + 4  # Tags; before, in the list of what is where
    width = 9 - data[size_at].bit_length()
    content = size_at + width
    size = int.from_bytes(data[size_at:content], "big") - (1 << 7 * width)
    assert data[content : content + 2] == b"\xbf\x84"  # CRC-32, of four bytes
    assert int.from_bytes(data[content + 2 : content + 6], "little") == zlib.crc32(data[content + 6 : content + size])


def test_what_looks_like_a_comment_of_a_gif_is_none(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF89a" + b"\x21\xfe\x03abcd" + b"\x3b")  # no block ends with the file
    assert last_comment(path) == ""
    path.write_bytes(b"GIF89a" + b"\x21\xfe\x03abc\x02de\0\x3b")
    assert last_comment(path) == "abcde"


def test_without_a_recipe_there_is_no_file(tmp_path):
    with open_sink("out.png") as sink:
        sink.write(Frame(np.zeros((8, 8, 3), np.uint8), Fraction(0), 0))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_no_recipe_means_none_inside_and_none_beside(make_clip, tmp_path, capsys):
    make_clip("secret-name.mp4", frames=2)
    make_clip("b.mp4", frames=2)
    Image.new("RGB", (64, 48), "red").save("secret-photo.png")
    film = ["--working-height", "32", "--octaves", "1", "--no-recipe"]
    still = ["--still-height", "32", "--no-recipe"]
    to = [word for name in ("a.mkv", "a.gif", "fr/", "n%d.png") for word in ("--to", name)]
    assert main(["run", "secret-name.mp4", *to, *film]) == 0
    assert main(["run", "secret-photo.png", "--to", "p.jpg", "--to", "p.png", "--still-steps", "1", *still]) == 0
    assert main(["zoom", "secret-photo.png", "--to", "dive.mp4", "--length", "0.1", *still]) == 0
    layers = ["--layers", "fire2", "--still-steps", "1"]
    assert main(["layers", "secret-photo.png", "--to", "sheet.png", *layers, *still]) == 0
    assert (
        main(["visualize", "--layer", "fire2:1", "--to", "c.png", "--size", "32", "--steps", "1", "--no-recipe"]) == 0
    )
    assert not list(tmp_path.rglob("*.toml"))
    made = ("a.mkv", "a.gif", "fr/000000.png", "n1.png", "p.jpg", "p.png", "dive.mp4", "sheet.png", "c.png")
    for name in made:
        assert b"secret" not in Path(name).read_bytes(), name
        with pytest.raises(ArgumentError, match=f"{name} carries no recipe"):
            choose_settings(name, {})
    for said in ("2 in all: 2 done", "2 in all: 2 skipped"):
        capsys.readouterr()
        assert main(["run", "secret-name.mp4", "b.mp4", "--to", "out/", *film]) == 0
        assert capsys.readouterr().out.endswith(f"{said}\n")


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
    text = embedded_recipe(tmp_path / "a.mkv")
    assert 'layers = "fire8"\n' in text and "working_height = 32\n" in text
    known = about(text)
    assert known["source"] == "film.mp4"
    assert known["used"].startswith("cpu ") and ", squeezenet, fire8, working " in known["used"]
    for number, preset in enumerate(("a/recipe.toml", "a.mkv", "a/000001.png")):
        assert main(["run", "film.mp4", "--to", f"again{number}/", "--preset", preset]) == 0
        assert f"preset {preset}: " in capsys.readouterr().out
        for picture in ("000000.png", "000002.png"):
            with Image.open(f"a/{picture}") as first, Image.open(f"again{number}/{picture}") as second:
                assert np.array_equal(np.asarray(first), np.asarray(second))
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


def test_what_is_beside_an_output_stays_as_it_is(make_clip, tmp_path):
    """A preset, edited or not, and the recipe that an earlier livedream wrote there."""
    make_clip("film.mp4", frames=1)
    text = '# my notes\noctaves = 1\nworking_height = 32\n\n[livedream]\nversion = "0.1.0"\n'
    (tmp_path / "look.toml").write_text(text)
    for words in ([], ["--overwrite"]):
        assert main(["run", "film.mp4", "--preset", "look.toml", "--to", "look.mp4", *words]) == 0
        assert (tmp_path / "look.toml").read_text() == text


def test_the_recipe_of_a_series_is_not_replaced_while_it_is_the_preset(make_clip, capsys):
    make_clip("film.mp4", frames=1)
    for to, recipe in (("fr/", "fr/recipe.toml"), ("out%d.png", "out.png.toml")):
        Path(recipe).parent.mkdir(exist_ok=True)
        Path(recipe).write_text("octaves = 1\n")
        assert main(["run", "film.mp4", "--preset", recipe, "--to", to]) == 2
        assert capsys.readouterr().err.startswith(f"error: {recipe} is the preset\n")
        assert Path(recipe).read_text() == "octaves = 1\n"


def test_a_recipe_that_somebody_edited_is_kept_without_overwrite(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=1)
    text = '# my notes\nsteps = 2\n\n[livedream]\nversion = "0.1.0"\n'
    recipe = tmp_path / "fr" / "recipe.toml"
    recipe.parent.mkdir()
    recipe.write_text(text)
    run = ["run", "film.mp4", "--to", "fr/", "--working-height", "32", "--octaves", "1"]
    assert main(run) == 0
    assert recipe.read_text() == text
    assert "recipe.toml was edited and is left as it is; allow overwriting to replace it\n" in capsys.readouterr().err
    for words in (["--overwrite"], ["--overwrite", "--strength", "0.5"]):
        assert main([*run, *words]) == 0
    assert "strength = 0.5" in recipe.read_text()
    (tmp_path / "fr/000000.png").unlink()  # the recipe is as livedream wrote it
    assert main(run) == 0
    assert "strength" not in recipe.read_text()
    assert "warning" not in capsys.readouterr().err


def test_films_of_one_stem_have_recipes_of_their_own():
    for name, steps in (("film.webm", 2), ("film.mkv", 3), ("film.png", 4), ("film.gif", 5)):
        with open_sink(name) as sink:
            sink.recipe = Recipe(settings=DreamSettings(steps=steps))
            sink.write(Frame(np.full((48, 64, 3), 9, np.uint8), Fraction(0), 0))
            sink.end()
    assert [choose_settings(f"film.{kind}", {}).steps for kind in ("webm", "mkv", "png", "gif")] == [2, 3, 4, 5]


def test_the_encoding_is_said_and_written_down(make_clip, tmp_path, capsys):
    make_clip("film.mp4", frames=2)
    small = ["--working-height", "32", "--octaves", "1"]
    assert main(["run", "film.mp4", "--to", "a.mkv", "--codec", "h265", "--quality", "60", *small]) == 0
    assert "-> a.mkv (libx265 medium crf 25)\n" in capsys.readouterr().out  # 44 - 0.6 * (44 - 12) = 24.8
    assert 'codec = "h265"\nquality = 60\n' in embedded_recipe(tmp_path / "a.mkv")
