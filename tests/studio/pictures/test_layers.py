"""What a network can dream of, and the sheets of pictures in the package."""

import itertools
import json
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from livedream import models
from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError
from livedream.studio.pictures.layers import LayerChoices, Tile, layer_choices
from livedream.visualize.visualizer import Visualizer

EMBEDDED = (models.DEFAULT, models.SQUEEZENET)
ATLAS = files("livedream") / "studio" / "page" / "atlas"


def tiles_of(choices: LayerChoices) -> dict[str, Tile]:
    tiles = {row.name: row.picture for row in choices.layers}
    tiles |= {row.objective: row.picture for row in choices.channels}
    return tiles | {row.objective: row.picture for row in choices.groups}


@cache
def sheet(model: str) -> np.ndarray:
    with (ATLAS / f"{model}.webp").open("rb") as file, Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def pixels_of(tile: Tile, model: str) -> np.ndarray:
    return sheet(model)[tile.y : tile.y + tile.h, tile.x : tile.x + tile.w]


@pytest.mark.parametrize("model", EMBEDDED)
def test_every_layer_channel_and_group_has_a_picture_of_its_own(model: str) -> None:
    tiles = tiles_of(layer_choices(model))
    assert None not in tiles.values()
    height, width = sheet(model).shape[:2]
    for name, tile in tiles.items():
        assert tile.url == f"/static/atlas/{model}.webp"
        assert (tile.sheet_w, tile.sheet_h) == (width, height)
        assert 0 <= tile.x < tile.x + tile.w <= width, name
        assert 0 <= tile.y < tile.y + tile.h <= height, name
        assert pixels_of(tile, model).std() > 10, f"{name} is drawn in one colour"
    for (one, a), (other, b) in itertools.combinations(tiles.items(), 2):
        apart = a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y
        assert apart, f"{one} and {other} overlap"


@pytest.mark.parametrize("model", EMBEDDED)
def test_the_choices_are_those_of_the_tables(model: str) -> None:
    choices = layer_choices(model)
    assert choices.model == model
    assert [(row.name, row.layer) for row in choices.channels] == [
        (row.name, row.layer) for row in models.named_channels(model)
    ]
    assert {row.name for row in choices.groups} == {*models.channel_groups(model), *models.named_directions(model)}
    assert {row.name: row.look for row in choices.layers if row.look} == dict(models.find_network(model).layers)


@pytest.mark.parametrize("model", EMBEDDED)
def test_every_choice_is_an_objective_of_its_network(model: str) -> None:
    choices = layer_choices(model)
    known = set(models.layer_names(model))
    for row in choices.layers:
        assert row.name in known
    for objective in [*(row.objective for row in choices.channels), *(row.objective for row in choices.groups)]:
        assert known.issuperset(parse(objective, network=model).layers), f"{objective} stands for no channels"


def test_other_networks_have_their_recommended_layers_without_pictures() -> None:
    choices = layer_choices("vgg16")
    assert [(row.name, row.look, row.picture) for row in choices.layers] == [
        (name, look, None) for name, look in models.find_network("vgg16").layers
    ]
    assert (choices.channels, choices.groups) == ((), ())


def test_unknown_network() -> None:
    with pytest.raises(ArgumentError, match="unknown network: squeezenot"):
        layer_choices("squeezenot")


def test_a_tile_shows_what_the_visualizer_draws_today() -> None:
    """The drawing differs a little from processor to processor, and WebP loses more."""
    model = models.SQUEEZENET
    tiles = {row.objective: row.picture for row in layer_choices(model).channels}
    about = json.loads((ATLAS / f"{model}.json").read_text(encoding="utf-8"))
    drawn = Visualizer(model=model)("puppy-face", tiles["puppy-face"].w, about["steps"])[0]

    def likeness(name: str) -> float:
        return float(np.corrcoef(drawn.ravel(), pixels_of(tiles[name], model).ravel())[0, 1])

    assert likeness("puppy-face") > 0.8
    assert max(likeness(name) for name in tiles if name != "puppy-face") < 0.6
