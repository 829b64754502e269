"""Which network dreams, where the settings leave it open. Readable without torch."""

import functools

from livedream.dream.grammar import parse
from livedream.models import DEFAULT, SQUEEZENET, Network, find_network, knows
from livedream.settings import DreamSettings

AUTO = "auto"


def network_for(settings: DreamSettings) -> Network:
    """Return the network that dreams with `settings`.

    For the model `auto` it is the embedded network that has all layers and channels named: efficientnet_lite0 if it
    does, else SqueezeNet. Raises ArgumentError for an unknown network, and for layers that cannot be read.
    """
    return _network_for(settings.model, settings.layers)


@functools.lru_cache(maxsize=256)
def _network_for(model: str, layers: str) -> Network:
    if model != AUTO:
        return find_network(model)
    named = [name for name in parse(layers).layers if name != AUTO]
    for network in (DEFAULT, SQUEEZENET):
        if all(knows(network, name) for name in named):
            return find_network(network)
    return find_network(DEFAULT)  # which says what it does not know
