"""The layers of a network: their names, shapes, and what a dream step to each of them costs."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from livedream.errors import unknown
from livedream.hints import either
from livedream.models.aliases import aliases
from livedream.models.channels import channel_names
from livedream.models.classes import LOGITS
from livedream.models.loading import build
from livedream.models.registry import find_network


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer of a network, for images of one size."""

    name: str
    """The name in torch's graph."""
    aliases: tuple[str, ...]
    """Its other names."""
    channels: int
    width: int
    """Width of its activations; 1 for a layer without spatial dimensions."""
    height: int
    """Height of its activations; 1 for a layer without spatial dimensions."""
    gflop: float
    """Cost of a dream step to this layer, forward and backward, in 10^9 operations."""


def layer_names(network: str) -> list[str]:
    """Return the names, in torch's graph, of the layers of `network` that can be dreamt of, in order of execution.

    Builds the network without weights and traces it.

    Raises:
        ArgumentError: the network is unknown.
    """
    smallest = find_network(network).smallest
    return [facts.name for facts in layer_facts(network, (smallest, smallest))]


def resolve_layer(network: str, name: str, layers: Collection[str] | None = None) -> str:
    """Return the name in torch's graph of a layer of `network`.

    Args:
        network: the network.
        name: the name in the graph, or an alias.
        layers: the names in the graph. None: the network is built without weights and traced.

    Raises:
        ArgumentError: the layer is unknown; the hint names the closest ones.
    """
    if layers is None:
        layers = layer_names(network)
    if name in layers or name == LOGITS:
        return name
    known = {alias: target for alias, target in aliases(network).items() if target in layers}
    if name not in known:
        raise unknown(
            "layer",
            name,
            [*layers, *known, LOGITS, *channel_names(network)],
            either(
                f"`livedream models {network}` lists them", f"`livedream models {network}` in a terminal lists them"
            ),
        )
    return known[name]


@cache
def layer_facts(network: str, size: tuple[int, int]) -> tuple[LayerFacts, ...]:
    """Return the facts of the layers of `network` that can be dreamt of, in order of execution.

    A layer whose second dimension is not channels, as inside the blocks of ConvNeXt, cannot be dreamt of.

    Args:
        network: the network.
        size: (width, height) of the image.

    Raises:
        ArgumentError: the network is unknown.
    """
    import torch
    from torch import fx

    from livedream.models.fx_graph import Measurement, ancestors, outputs, trace

    with torch.device("meta"):  # shapes and costs need no data
        traced = trace(build(network))
        width, height = size
        runs = [Measurement(traced, torch.empty(1, 3, height + more, width + more)) for more in (0, 32)]
    nodes = outputs(traced.graph)
    names: dict[fx.Node, list[str]] = {}
    for alias, target in aliases(network).items():
        names.setdefault(nodes[target], []).append(alias)
    facts = []
    for name, node in nodes.items():
        shape, larger = (run.shapes.get(node, ()) for run in runs)
        if len(shape) not in (2, 4) or shape[1] != larger[1]:
            continue
        rows, columns = shape[2:] or (1, 1)
        flops = sum(runs[0].flops.get(each, 0) for each in ancestors(node))
        # Backward, each product is computed once more, towards the image; weights have no gradient.
        facts.append(LayerFacts(name, tuple(names.get(node, ())), shape[1], columns, rows, 2 * flops / 1e9))
    return tuple(facts)
