"""The layers of a network: their names, sizes and what a step to each of them costs."""

from dataclasses import dataclass
from functools import cache

from livedream.models.aliases import aliases
from livedream.models.loading import build
from livedream.models.registry import find_network


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer of a network, for pictures of one size."""

    name: str
    aliases: tuple[str, ...]
    channels: int
    width: int
    height: int
    """Of what comes out of it, in cells; 1 by 1 where it is no picture any more."""
    gflop: float
    """Cost of a step of a dream of this layer, forward and back, in 10^9 operations: convolutions and products."""


def layer_names(network: str) -> list[str]:
    """Return the names, in torch's graph, of all layers that can be dreamt of, in the order of calculation.

    Builds the network, without weights, and traces it. Raises ArgumentError for an unknown network.
    """
    smallest = find_network(network).smallest
    return [info.name for info in layer_facts(network, (smallest, smallest))]


@cache
def layer_facts(network: str, size: tuple[int, int]) -> tuple[LayerFacts, ...]:
    """Return what is known of the layers of `network` for pictures of `size` (width, height), as `layer_names`.

    A layer whose channels are not in the second place, as inside the blocks of ConvNeXt, is none that can be dreamt of.
    """
    import torch
    from torch import fx

    from livedream.models.fx_graph import Measurement, ancestors, outputs, trace

    with torch.device("meta"):  # shapes and costs need no numbers
        traced = trace(build(network))
        width, height = size
        runs = [Measurement(traced, torch.empty(1, 3, height + more, width + more)) for more in (0, 32)]
    nodes = outputs(traced.graph)
    known: dict[fx.Node, list[str]] = {}
    for alias, target in aliases(network).items():
        known.setdefault(nodes[target], []).append(alias)
    found = []
    for name, node in nodes.items():
        shape, larger = (run.shapes.get(node, ()) for run in runs)
        if len(shape) not in (2, 4) or shape[1] != larger[1]:
            continue
        rows, columns = shape[2:] or (1, 1)
        cost = sum(runs[0].flop.get(before, 0) for before in ancestors(node))
        # Back to the picture every product is made once more; weights have no gradient.
        found.append(LayerFacts(name, tuple(known.get(node, ())), shape[1], columns, rows, 2 * cost / 1e9))
    return tuple(found)
