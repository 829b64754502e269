"""What a network can dream of: its layers, named channels and groups, with pictures of them. Does not import torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from livedream.models import channel_groups, find_network, named_channels, named_directions


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of a sheet of pictures, in pixels."""

    url: str
    """Of the sheet."""
    x: int
    y: int
    w: int
    h: int
    sheet_w: int
    sheet_h: int


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """A layer."""

    name: str
    """Also the objective."""
    look: str
    """The look of its dreams; empty if nobody has described it."""
    picture: Tile | None


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """A channel with a name."""

    name: str
    objective: str
    """What to write into the control `layers`."""
    layer: str
    picture: Tile | None


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """A group of channels, or a direction."""

    name: str
    objective: str
    picture: Tile | None


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """What a network can dream of."""

    model: str
    layers: Sequence[LayerChoice]
    """From shallow to deep: the blocks of a network of the package, the recommended layers of another one."""
    channels: Sequence[ChannelChoice]
    """By layer, from shallow to deep."""
    groups: Sequence[GroupChoice]


@cache
def layer_choices(model: str) -> LayerChoices:
    """Return what the network `model` can dream of. Only the networks of the package have pictures.

    Raises:
        ArgumentError: the network is unknown.
    """
    looks = dict(find_network(model).layers)
    tiles = _tiles(model)
    layers, channels, groups = (tiles.get(kind, {}) for kind in ("layers", "channels", "groups"))
    rows = {row.name.replace(" ", "-"): row for row in named_channels(model)}
    named = {name.replace(" ", "-"): name for name in (*channel_groups(model), *named_directions(model))}
    return LayerChoices(
        model,
        # The table of the pictures has every block of the network, so that no network has to be built here.
        tuple(LayerChoice(name, looks.get(name, ""), layers.get(name)) for name in layers or looks),
        tuple(ChannelChoice(row.name, text, row.layer, channels.get(text)) for text, row in rows.items()),
        tuple(GroupChoice(name, text, groups.get(text)) for text, name in named.items()),
    )


def _tiles(model: str) -> Mapping[str, Mapping[str, Tile]]:
    """Return the pictures of `model` by kind and objective, as scripts/build_atlas made them."""
    table = files("livedream") / "studio" / "page" / "atlas" / f"{model}.json"
    if not table.is_file():
        return {}
    sheet = json.loads(table.read_text(encoding="utf-8"))
    width, height = sheet["size"]
    url = f"/static/atlas/{model}.webp"
    return {
        kind: {name: Tile(url, x, y, w, h, width, height) for name, (x, y, w, h) in rectangles.items()}
        for kind, rectangles in sheet["tiles"].items()
    }
