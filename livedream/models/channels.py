"""Named channels of the embedded networks, alone, in groups and in directions. Does not import torch."""

from dataclasses import dataclass
from functools import cache

from livedream.models.channel_table import CHANNELS, GROUPS
from livedream.models.classes import plain_name
from livedream.models.directions import DIRECTIONS
from livedream.models.registry import find_network


@dataclass(frozen=True, slots=True)
class NamedChannel:
    """A channel that has a name."""

    network: str
    layer: str
    channel: int
    name: str
    pull: float
    """The weight at which its mean is about as strong as the whole layer; negative to minimise the channel."""


def named_channels(network: str) -> list[NamedChannel]:
    """Return the named channels of `network`, by layer from shallow to deep. Most networks have none.

    Raises:
        ArgumentError: the network is unknown.
    """
    find_network(network)
    return list(_rows(network).values())


def channel_groups(network: str) -> dict[str, list[NamedChannel]]:
    """Return the groups of channels of `network` by name, such as `dogs`. Raises ArgumentError."""
    find_network(network)
    rows = _rows(network)
    return {group: [rows[name] for name in names] for group, names in GROUPS.get(network, {}).items()}


def named_directions(network: str) -> dict[str, list[str]]:
    """Return the layers of each named direction of `network`, such as `dogs`. Raises ArgumentError."""
    find_network(network)
    return {name: [part.layer for part in parts] for name, parts in DIRECTIONS.get(network, {}).items()}


def channel_names(network: str) -> list[str]:
    """Return the names of the channels, groups and directions of `network` as in an objective: `snow-leopard`."""
    names = [*channel_groups(network), *named_directions(network), *(row.name for row in named_channels(network))]
    return [name.replace(" ", "-") for name in names]


def find_channels(network: str, name: str) -> list[NamedChannel] | None:
    """Return the channels that `name` stands for in `network`: one, or those of a group or direction.

    Case, spaces, `-` and `_` make no difference. Returns None for an unknown name.
    """
    plain = plain_name(name)
    if plain in DIRECTIONS.get(network, ()):
        return _direction(network, plain)
    row = _rows(network).get(plain)
    return [row] if row else channel_groups(network).get(plain)


def _direction(network: str, name: str) -> list[NamedChannel]:
    parts = DIRECTIONS[network][name]
    count = sum(len(part.weights) for part in parts)  # the objective divides by the number of channels
    return [
        NamedChannel(network, part.layer, channel, name, weight * count)
        for part in parts
        for channel, weight in part.weights.items()
    ]


@cache
def _rows(network: str) -> dict[str, NamedChannel]:
    rows: dict[str, NamedChannel] = {}
    for layer, pull, names in CHANNELS.get(network, ()):
        rows |= {name: NamedChannel(network, layer, channel, name, pull) for name, channel in names.items()}
    return rows
