"""Presets and recipes that livedream 0.1.0 wrote mean today what they meant then."""

import dataclasses
import logging
import tomllib

import pytest

from livedream import ArgumentError, DreamSettings, load_preset
from livedream.dream.objective.network_choice import network_for
from livedream.legacy import upgraded
from livedream.presets import parse_preset
from livedream.recipe import Recipe
from livedream.settings import CONTROLS

TABLE = """
[livedream]
version = "0.1.0"
source = "film.mp4"
fingerprint = "0123456789abcdef0123456789abcdef"
used = "cpu bfloat16, squeezenet, fire6, working 448x256"
frames = 250
complete = true

[livedream.options]
codec = "h264"
"""
"""The end of a recipe as 0.1.0 wrote it beside an output; before it the controls that were no default."""

OLD_DEFAULTS = {
    "model": "squeezenet",
    "weights": "official",
    "layers": "fire6",  # what `auto` meant
    "steps": 1,
    "still_steps": 10,
    "step_size": 1.5,
    "octaves": 3,
    "octave_scale": 1.4,
    "jitter": 32,
    "working_height": 256,
    "still_height": 720,
    "tile_size": 1280,
    "keep": 0.98,
    "flow_scale": 0.5,
    "temporal_smoothing": 0.5,
    "still_scene": "dream",
    "zoom": 1.0,
    "rotate": 0.0,
    "strength": 1.0,
    "pooling": "max",
    "seed": 0,
    "device": "auto",
    "precision": "auto",
    # color = 1, smoothing = "none"
    "natural_color": 0.0,
    "coarseness": 0.0,
}
NEW_CONTROLS = {"smallest_octave", "mask", "mask_feather", "mask_strength", "motion_seconds", "no_person"}


def read(controls: str) -> DreamSettings:
    """Return what a recipe of 0.1.0 with these lines of controls means."""
    return parse_preset(controls + "\n" + TABLE, "film-dream.toml")


def test_a_recipe_without_controls_has_the_defaults_of_then(caplog) -> None:
    settings = read("")
    assert {control.name for control in CONTROLS} == OLD_DEFAULTS.keys() | NEW_CONTROLS
    found = dataclasses.asdict(settings)
    assert {name: found[name] for name in OLD_DEFAULTS} == OLD_DEFAULTS
    assert network_for(settings).name == "squeezenet"
    assert not caplog.text


def test_what_a_recipe_names_stays() -> None:
    wanted = OLD_DEFAULTS | {"layers": "fire9", "step_size": 3.0, "keep": 0.5}
    found = dataclasses.asdict(read('layers = "fire9"\nstep_size = 3.0\nkeep = 0.5\n'))
    assert {name: found[name] for name in OLD_DEFAULTS} == wanted


def test_a_recipe_of_another_network_dreams_of_its_own_best_layer() -> None:
    settings = read('model = "googlenet"\n')
    assert (settings.model, settings.layers) == ("googlenet", "auto")


@pytest.mark.parametrize(
    ("lines", "natural_color", "coarseness"),
    [
        ("color = 1.0", 0, 0),
        ("color = 0.0", 2, 0),
        ("color = 0", 2, 0),
        ("color = 0.276", 0.5, 0),  # 0.276^2 is 0.076
        ("color = 0.7", 0.14, 0),
        ("color = 0.001", 2, 0),
        ('smoothing = "none"', 0, 0),
        ('smoothing = "gaussian"', 0, 0.7),
        ('smoothing = "laplacian"', 0, 1),
        ('color = 0.276\nsmoothing = "laplacian"', 0.5, 1),
    ],
)
def test_color_and_smoothing_are_translated(lines, natural_color, coarseness) -> None:
    settings = read(lines)
    assert settings.natural_color == pytest.approx(natural_color, abs=0.005)
    assert settings.coarseness == coarseness
    assert "-0.0" not in str(settings.natural_color)  # which a recipe would show


def test_an_old_recipe_is_that_of_the_same_output() -> None:
    text = "strength = 0.3\ncolor = 0.5\n" + TABLE
    now = Recipe(
        settings=parse_preset(text, "film-dream.toml"),
        fingerprint="0123456789abcdef0123456789abcdef",
        options={"codec": "h264"},
    )
    assert now.differences(text) == []
    assert now.differences(text.replace("0.3", "0.4")) == ["strength"]
    other = dataclasses.replace(now, settings=DreamSettings(strength=0.3))
    assert {"layers", "octaves", "natural_color"} < set(other.differences(text))


def test_a_preset_of_ones_own_has_the_defaults_of_today_and_is_told_the_new_names(tmp_path, caplog) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('layers = "fire9"\ncolor = 0.276\nsmoothing = "gaussian"\n')
    assert load_preset(str(path)) == DreamSettings(layers="fire9", natural_color=0.5, coarseness=0.7)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    color, smoothing = (record.getMessage() for record in caplog.records)
    assert "mine.toml" in color and "color was replaced by natural_color" in color and "natural_color = 0.5" in color
    assert "smoothing was replaced by coarseness" in smoothing and "coarseness = 0.7" in smoothing


def test_a_new_name_beside_the_old_one_wins() -> None:
    assert read("color = 0.5\nnatural_color = 1.5").natural_color == 1.5


def test_a_recipe_of_today_is_not_touched(caplog) -> None:
    settings = DreamSettings(strength=0.3, natural_color=1.2)
    text = Recipe(settings=settings, source="a.mp4").text()
    assert parse_preset(text, "x") == settings
    table: dict[str, object] = {"strength": 0.3}
    generation = tomllib.loads(text)["livedream"]["defaults"]
    assert upgraded(table, is_recipe=True, generation=generation, name="x") == table == {"strength": 0.3}
    assert not caplog.text


def test_a_recipe_of_a_newer_livedream_is_read_with_a_warning(caplog) -> None:
    settings = parse_preset('strength = 0.3\n\n[livedream]\nversion = "9.0.0"\ndefaults = 99\n', "new.toml")
    assert settings == DreamSettings(strength=0.3)
    assert "new.toml was written by a newer version of livedream" in caplog.text


@pytest.mark.parametrize("end", ["", TABLE], ids=["preset", "recipe"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("color = 1.5", "color must be a number from 0 to 1, got 1.5"),
        ("color = -1", "color must be a number from 0 to 1, got -1"),
        ("color = nan", "color must be a number from 0 to 1, got nan"),
        ("color = true", "color must be a number from 0 to 1, got True"),
        ('color = "grey"', "color must be a number from 0 to 1, got 'grey'"),
        ('smoothing = "soft"', "smoothing must be none, gaussian or laplacian, got 'soft'"),
        ("smoothing = [1]", r"smoothing must be none, gaussian or laplacian, got \[1\]"),
        ("steps = 99", "steps must be a whole number from 1 to 20, got 99"),
        ("colour = 1", "unknown control: colour"),
        ("layers = 3", "layers must be text, got 3"),
        ("model = [1]", r"model must be text, got \[1\]"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(line, message, end) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        parse_preset(f"{line}\n{end}", "x.toml")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
