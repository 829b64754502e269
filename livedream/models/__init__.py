"""Networks: which there are, what their layers and classes are called, and how they are loaded."""

from livedream.models.aliases import aliases, resolve_layer
from livedream.models.classes import IMAGENET, LOGITS, class_names, find_class
from livedream.models.layers import LayerFacts, layer_facts, layer_names
from livedream.models.loading import OFFICIAL, build, has_weights, load, weights_file
from livedream.models.table import EMBEDDED, Network, find_network, network_names, network_table

__all__ = [
    "EMBEDDED",
    "IMAGENET",
    "LOGITS",
    "OFFICIAL",
    "LayerFacts",
    "Network",
    "aliases",
    "build",
    "class_names",
    "find_class",
    "find_network",
    "has_weights",
    "layer_facts",
    "layer_names",
    "load",
    "network_names",
    "network_table",
    "resolve_layer",
    "weights_file",
]
