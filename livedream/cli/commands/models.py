"""`livedream models`: the networks, and the layers of each."""

import dataclasses
import textwrap
from typing import Any

import click

from livedream.cli.activity import Activity
from livedream.cli.as_json import json_option, say_json
from livedream.cli.console import say, say_lines, say_table
from livedream.cli.parsing import parse_size
from livedream.errors import ArgumentError
from livedream.models import (
    LOGITS,
    Network,
    aliases,
    channel_groups,
    find_network,
    layer_facts,
    named_channels,
    named_directions,
    network_table,
)

SIZE = (448, 256)
"""(width, height): a 16:9 frame at the default working height."""


@click.command(short_help="List the networks, or the layers of one.")
@click.argument("name", required=False)
@click.option("--size", metavar="WxH", help="Picture size for sizes and costs of layers [default: 448x256]")
@json_option
def models(name: str | None, size: str | None, as_json: bool) -> None:
    """List the networks: name, where the weights are, and the layers that dream well, from shallow to deep, with their
    common names.

    With NAME, list all layers of that network: other names, number of channels, size of the feature map, and the cost
    of one step in 10^9 operations, forward and backward; then the channels that have names, and groups of channels.
    """
    if name is not None:
        _say_layers(find_network(name), parse_size(size) if size else SIZE, as_json)
    elif size is not None:
        raise ArgumentError(
            "--size is for the layers of one network", "name the network: livedream models squeezenet --size 640x360"
        )
    elif as_json:
        say_json({"models": [_as_object(network) for network in network_table()]})
    else:
        for network in network_table():
            _say_network(network)


def _as_object(network: Network) -> dict[str, Any]:
    about = dataclasses.asdict(network)
    about["recommended"] = [{"name": name, "look": look} for name, look in about.pop("layers")]
    return {**about, "note": network.note}


def _say_network(network: Network) -> None:
    say(f"{network.name} ({network.note})")
    known = {layer: alias for alias, layer in reversed(aliases(network.name).items()) if not alias.startswith(layer)}
    titles = [f"{layer}, {known[layer]}" if layer in known else layer for layer, _ in network.layers]
    width = max(map(len, titles))
    for title, (_, look) in zip(titles, network.layers, strict=True):
        say(f"  {title.ljust(width)}  {look}")


def _say_layers(network: Network, size: tuple[int, int], as_json: bool) -> None:
    if min(size) < network.smallest:
        raise ArgumentError(
            f"{size[0]}x{size[1]} is too small for {network.name}",
            f"use at least {network.smallest} pixels for the shortest side",
        )
    with Activity(f"examining {network.name}"):
        found = layer_facts(network.name, size)
    looks = dict(network.layers)
    names: dict[str, list[str]] = {info.name: [] for info in found}
    for channel in named_channels(network.name):
        names[channel.layer].append(channel.name)
    if as_json:
        layers = [
            {**dataclasses.asdict(info), "look": looks.get(info.name, ""), "names": names[info.name]} for info in found
        ]
        groups = {group: [row.name for row in rows] for group, rows in channel_groups(network.name).items()}
        say_json(
            {
                **_as_object(network),
                "width": size[0],
                "height": size[1],
                "layers": layers,
                "groups": groups,
                "directions": named_directions(network.name),
            }
        )
        return
    say(f"{network.name} ({network.note}), for pictures of {size[0]}x{size[1]}; best: {network.best}")
    rows = [("layer", "channels", "cells", "GFLOP", "look", "also called")]
    rows += [
        (
            info.name,
            str(info.channels),
            f"{info.width}x{info.height}",
            f"{info.gflop:.2f}",
            looks.get(info.name, ""),
            ", ".join(info.aliases),
        )
        for info in found
    ]
    say_table(rows)
    say(f"{LOGITS}: the scores of its classes, before softmax")
    _say_names("channels by name", {layer: known for layer, known in names.items() if known})
    groups = {group: [row.name for row in rows] for group, rows in channel_groups(network.name).items()}
    _say_names("groups of channels", groups)
    _say_names("directions of", named_directions(network.name))


def _say_names(title: str, names: dict[str, list[str]]) -> None:
    if names:
        say_lines(f"\n{title}:")
    for head, known in names.items():
        say_lines(textwrap.fill(", ".join(known), 110, initial_indent=f"  {head}: ", subsequent_indent="    "))
