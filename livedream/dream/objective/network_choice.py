"""The choice of the network for settings with the model `auto`. Does not import torch."""

import functools
from collections.abc import Sequence

from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError, unknown
from livedream.hints import option
from livedream.models import (
    DEFAULT,
    SQUEEZENET,
    Network,
    aliases,
    find_network,
    known_names,
    knows,
    network_names,
)
from livedream.settings import DreamSettings

AUTO = "auto"
_EMBEDDED = (DEFAULT, SQUEEZENET)


def network_for(settings: DreamSettings) -> Network:
    """Return the network that dreams with `settings`.

    The model `auto` means the embedded network that has all layers and channels of the objective: efficientnet_lite0 if
    it has them, else SqueezeNet.

    Raises:
        ArgumentError: the network is unknown; the layers cannot be parsed; or, with the model `auto`, neither of the
            embedded networks has all of the layers.
    """
    return _network_for(settings.model, settings.layers)


@functools.lru_cache(maxsize=256)
def _network_for(model: str, layers: str) -> Network:
    if model != AUTO:
        return find_network(model)
    named = [name for name in parse(layers).layers if name != AUTO]
    for network in _EMBEDDED:
        if all(knows(network, name) for name in named):
            return find_network(network)
    raise _no_network_has(named)


def _no_network_has(names: Sequence[str]) -> ArgumentError:
    """Return the error for layers that neither of the embedded networks has all of."""
    for name in names:
        if any(knows(network, name) for network in _EMBEDDED):
            continue
        owners = [network for network in network_names() if name in aliases(network)]
        if owners:
            hint = f"it is one of {' and '.join(owners)}: choose {option('model', owners[0])}"
            return ArgumentError(f"neither network in the package has the layer {name}", hint)
        choices = dict.fromkeys(known for network in _EMBEDDED for known in known_names(network))
        return unknown("layer", name, choices, f"a layer of another network needs {option('model')}")
    parts = [f"{' and '.join(name for name in names if knows(network, name))} of {network}" for network in _EMBEDDED]
    return ArgumentError(f"layers of two networks: {', '.join(parts)}", "name layers of one of them")
