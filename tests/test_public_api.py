"""Livedream as a library: what a program writes, what `help`, a notebook and a type checker show of it."""

import base64
import inspect
import io
import os
import pydoc
import re
import subprocess
import sys
import typing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream import (
    ArgumentError,
    Dreamer,
    DreamSettings,
    Encoding,
    Frame,
    Sink,
    Source,
    SourceError,
    Visualizer,
    demo_clip,
    layer,
    load_preset,
    open_sink,
    open_source,
)
from livedream.image import Picture, Pictures
from livedream.quantities import exact_rate, exact_seconds
from livedream.recipe import Recipe
from livedream.settings import CONTROLS
from livedream.spectacle import Spectacle

QUICK = {"layers": "fire2", "still_height": 32, "still_steps": 3, "smallest_octave": 32, "working_height": 32}


def help_on(thing: object) -> str:
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)  # type: ignore[attr-defined]


# How a program says how to dream -------------------------------------------------------------------------------------


def test_a_dreamer_takes_settings_a_preset_a_file_and_single_controls(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("steps = 3\nstrength = 0.5\n")
    assert Dreamer().settings == DreamSettings()
    assert Dreamer("film").settings == load_preset("film")
    assert Dreamer("film", steps=2).settings == load_preset("film").replace(steps=2)
    assert Dreamer(path).settings == Dreamer(str(path)).settings == DreamSettings(steps=3, strength=0.5)
    assert Dreamer(DreamSettings(seed=7), steps=2).settings == DreamSettings(seed=7, steps=2)
    with pytest.raises(ArgumentError, match="unknown preset: flim") as caught:
        Dreamer("flim")
    assert caught.value.hint == "did you mean film or live?"
    with pytest.raises(ArgumentError, match="unknown preset: FILM") as caught:
        Dreamer("FILM")
    assert caught.value.hint == "did you mean film?"
    with pytest.raises(ArgumentError, match="unknown control: stesp") as caught:
        Dreamer("film", stesp=2)
    assert "steps" in caught.value.hint
    with pytest.raises(TypeError, match="settings must be DreamSettings, or the name or path of a preset, got dict"):
        Dreamer({"steps": 2})  # type: ignore[arg-type]


def test_a_dreamer_takes_the_recipe_of_a_film_or_picture(tmp_path: Path, make_clip) -> None:
    settings = DreamSettings(steps=3, layers="fire5")
    frame = Frame(np.zeros((48, 64, 3), np.uint8), Fraction(0), 0)
    for name in ("dream.mkv", "dream.PNG"):
        with open_sink(tmp_path / name) as sink:
            sink.recipe = Recipe(settings=settings)
            sink.write(frame)
        assert Dreamer(tmp_path / name).settings == load_preset(str(tmp_path / name)) == settings
    with pytest.raises(ArgumentError, match="carries no recipe") as caught:
        Dreamer(make_clip(frames=2))
    assert caught.value.hint == "name a video or image that `livedream run` made, or a .toml file"
    with pytest.raises(SourceError, match=r"no such file: .*gone\.mp4"):
        Dreamer(tmp_path / "gone.mp4")


def test_controls_take_the_numbers_of_numpy_and_fractions() -> None:
    settings = DreamSettings(steps=np.int64(2), strength=np.float32(0.5), zoom=Fraction(9, 8), keep=0)  # type: ignore[arg-type]
    assert settings == DreamSettings(steps=2, strength=0.5, zoom=1.125, keep=0.0)
    numbers = settings.steps, settings.strength, settings.zoom, settings.keep
    assert [type(number) for number in numbers] == [int, float, float, int]  # a whole number stays as it was written
    for wrong in (True, np.bool_(True), 2.0, "2"):
        with pytest.raises(ArgumentError, match="steps must be a whole number"):
            DreamSettings(steps=wrong)  # type: ignore[arg-type]


def test_settings_that_are_none_leave_a_dreamer_as_it_was() -> None:
    dreamer = Dreamer("film")
    with pytest.raises(TypeError, match="settings must be DreamSettings, got str"):
        dreamer.settings = "live"  # type: ignore[assignment]
    assert dreamer.settings == load_preset("film")


def test_a_camera_is_named_by_its_number_as_in_opencv() -> None:
    with pytest.raises(SourceError, match="camera 47 cannot be opened"):
        open_source(47)
    for wrong in (True, 1.5, None, b"film.mp4"):
        with pytest.raises(TypeError, match="spec must be a string, a path or the number of a camera"):
            open_source(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "error"), [("640x480", TypeError), ((1.5, 2), TypeError), (3, TypeError), ((0, 1), ArgumentError)]
)
def test_what_is_no_size(size, error) -> None:
    with pytest.raises(error, match="size must be"):
        open_source("0", size=size)


def test_a_sink_wants_the_source_and_not_its_name(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="info must be a StreamInfo or a source from open_source, got str"):
        open_sink(tmp_path / "out.mp4", "film.mp4")  # type: ignore[arg-type]


def test_objectives_do_not_add_to_numbers() -> None:
    assert np.float32(0.5) * layer("fire6") == layer("fire6") * 0.5  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        layer("fire6") + 1  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        layer("fire6") - 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        layer("fire6") * "fire9"  # type: ignore[operator]


def test_an_old_name_of_a_preset(caplog: pytest.LogCaptureFixture) -> None:
    assert Dreamer("natural").settings == load_preset("live")
    assert "the preset natural no longer exists; using live, which is similar" in caplog.text


@pytest.mark.parametrize(
    ("seconds", "exact"),
    [
        (1.5, Fraction(3, 2)),
        (0.1, Fraction(1, 10)),  # and not 3602879701896397/36028797018963968
        (7, Fraction(7)),
        (Fraction(1001, 30000), Fraction(1001, 30000)),
        (np.float64(0.04), Fraction(1, 25)),
        (np.int64(3), Fraction(3)),
    ],
)
def test_seconds_are_the_number_that_was_typed(seconds, exact) -> None:
    assert exact_seconds(seconds, "start") == exact


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (30.0, Fraction(30)),
        (12.5, Fraction(25, 2)),
        (999.0, Fraction(999)),
        (Fraction(2997, 100), Fraction(2997, 100)),  # who writes a fraction means it
    ],
)
def test_rates_of_television(rate, exact) -> None:
    assert exact_rate(rate) == exact


@pytest.mark.parametrize(("rate", "error"), [(0, ArgumentError), (1e9, ArgumentError), (True, TypeError)])
def test_what_is_no_rate(rate, error) -> None:
    with pytest.raises(error, match="rate must be"):
        open_source("demo", rate=rate)


def test_a_part_of_a_film_in_plain_numbers(make_clip) -> None:
    path = make_clip(frames=30, rate=10)
    with open_source(path, start=0.7, end=2) as source:  # a binary float: 0.7 is a little less than 7/10
        frames = list(source)
    assert [frame.time for frame in frames] == [Fraction(n, 10) for n in range(13)]
    with pytest.raises(ArgumentError, match="start must be a finite number, got nan"):
        open_source(path, start=float("nan"))
    with pytest.raises(TypeError, match="end must be a number, got str"):
        open_source(path, end="soon")  # type: ignore[arg-type]


@pytest.mark.needs_ffmpeg
def test_a_loop_over_a_film_keeps_frames_rate_and_sound(make_clip, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    dreamer = Dreamer("live", **QUICK)
    with open_source(make_clip(frames=5, rate=10, audio=True)) as source, open_sink(out, source) as sink:
        for frame in source:
            sink.write(dreamer(frame))
    entries = "stream=codec_type,nb_read_frames,r_frame_rate"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "csv=p=0", str(out)]
    video, audio = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert video == "video,10/1,5"
    assert audio.startswith("audio,")


# help ----------------------------------------------------------------------------------------------------------------


def test_help_on_the_settings_tells_each_control_with_its_range_and_unit() -> None:
    text = help_on(DreamSettings)
    assert "step_size (float, 0.01 to 50 levels of 255, default 2.5): " in text
    assert "pooling ('max' or 'average', default 'max'): 'average' gives" in text
    assert re.findall(r"^ \|      (\w+) \(", text, re.MULTILINE) == [row.name for row in CONTROLS]
    assert text.index("settings = DreamSettings(") < text.index("Args:")


@pytest.mark.parametrize("thing", [Source, Sink, SourceError, ArgumentError])
def test_help_on_what_is_returned_or_raised_shows_what_a_program_uses(thing) -> None:
    text = help_on(thing)
    assert "__weakref__" not in text
    assert "time_base" not in text
    wanted = {Source: ("size (", "rate (", "live ("), Sink: ("write(", "finished")}.get(thing, ("hint",))
    assert [word for word in wanted if word not in text] == []


@pytest.mark.parametrize("thing", [DreamSettings, Dreamer, Encoding, Visualizer, Frame])
def test_help_on_a_class_begins_with_an_example_and_shows_nothing_private(thing) -> None:
    text = help_on(thing)
    assert set(re.findall(r"\b_\w+", text)) <= {"__call__"}
    if thing is not Frame:
        assert re.search(rf"^ \|      .*{thing.__name__}\(", text[: text.index("Args:")], re.MULTILINE)


@pytest.mark.parametrize("thing", [open_source, open_sink, Dreamer, Visualizer, Frame])
def test_help_describes_each_argument(thing) -> None:
    text = " ".join(help_on(thing).split())
    arguments = text[text.index("Args:") : text.index("Raises:")]
    for name in inspect.signature(thing).parameters:
        assert re.search(rf"\b{name}(, \w+)?: ", arguments) or f", {name}: " in arguments, name


def test_an_instance_still_completes_its_controls() -> None:
    assert {"steps", "pooling", "replace"} <= set(dir(DreamSettings()))


# Type checkers -------------------------------------------------------------------------------------------------------


def test_choices_are_those_of_the_types() -> None:
    """The table takes them from the annotations; mypy checks the annotations in typed_program.py."""
    hints = typing.get_type_hints(DreamSettings)
    literals = {name: typing.get_args(hint) for name, hint in hints.items() if typing.get_args(hint)}
    assert literals == {row.name: row.choices for row in CONTROLS if row.choices}
    assert literals["pooling"] == ("max", "average")
    assert {row.name: row.kind for row in CONTROLS} == {
        name: str if name in literals else hint for name, hint in hints.items()
    }


def test_a_type_checker_finds_livedream_where_it_is_installed(tmp_path: Path) -> None:
    """It runs no import hook, as setuptools leaves one for an editable installation; scripts/setup.sh asks for none."""
    (tmp_path / "program.py").write_text("import livedream\nimport livedream_that_is_not_there\n")
    command = [sys.executable, "-m", "mypy", "--follow-imports=skip", "--no-incremental", "program.py"]
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True).stdout
    assert re.findall(r'named "(\w+)"', said) == ["livedream_that_is_not_there"]


# Notebooks -----------------------------------------------------------------------------------------------------------


def test_a_list_of_drawn_channels_shows_itself_as_a_sheet() -> None:
    draw = Visualizer(model="squeezenet", device="cpu")
    drawn = draw(["fire2:1", "fire2:2"], size=48, steps=1)
    assert isinstance(drawn, list)
    assert [picture.shape for picture in drawn] == [(48, 48, 3)] * 2
    sheet = Image.open(io.BytesIO(drawn._repr_png_() or b""))
    assert sheet.size == (48 + 2 + 48, 48)  # two pixels of black between them
    left = np.asarray(sheet.crop((0, 24, 48, 48)))  # below the label
    assert np.array_equal(left, drawn[0][24:])
    assert [picture.shape for picture in draw("fire2:1", size=48, steps=1)] == [(48, 48, 3)]


def test_a_sheet_goes_on_in_rows() -> None:
    pictures = [np.full((100, 400, 3), 40 * number, np.uint8).view(Picture) for number in range(5)]
    sheet = Image.open(io.BytesIO(Pictures(pictures, "abcde")._repr_png_() or b""))
    assert sheet.size == (400 + 2 + 400, 100 + 2 + 100 + 2 + 100)
    shorter = Pictures(pictures, "abcde")
    del shorter[1:]  # a list like any other
    assert Image.open(io.BytesIO(shorter._repr_png_() or b"")).size == (400, 100)
    assert Pictures([], [])._repr_png_() is None


def test_a_dream_that_is_watched_plays_in_a_notebook_and_can_be_iterated_over() -> None:
    picture = np.repeat(np.add.outer(np.arange(48), 2 * np.arange(64)).astype(np.uint8)[..., None], 3, axis=2)
    watched = Dreamer(device="cpu", **QUICK).spectate(picture)  # type: ignore[arg-type]
    first = next(watched)
    html = watched._repr_html_()
    data = re.fullmatch(r'<img src="data:image/webp;base64,([^"]+)" alt="[^"]+">', html)
    assert data is not None
    played = Image.open(io.BytesIO(base64.b64decode(data[1])))
    rest = list(watched)
    assert [frame.index for frame in (first, *rest)] == list(range(getattr(played, "n_frames", 1)))
    assert played.size == (64, 48)
    played.seek(len(rest))
    assert np.abs(np.asarray(played.convert("RGB")).astype(int) - rest[-1].pixels).mean() < 12  # lossy
    assert played.info["loop"] == 0


def test_a_large_picture_plays_small() -> None:
    frame = Frame(np.zeros((800, 1600, 3), np.uint8), Fraction(0), 0)
    html = Spectacle(lambda: iter([frame, frame]), Fraction(10))._repr_html_()
    played = Image.open(io.BytesIO(base64.b64decode(html.split("base64,")[1].split('"')[0])))
    assert played.size == (512, 256)


def test_the_demo_film_has_a_name() -> None:
    with open_source(demo_clip) as source:
        assert not source.live
