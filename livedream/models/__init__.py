"""The networks: a registry, the names of their layers, channels and classes, and how to load them."""

from livedream.models.aliases import aliases, known_names, knows
from livedream.models.channels import (
    NamedChannel,
    channel_groups,
    channel_names,
    find_channels,
    named_channels,
    named_directions,
)
from livedream.models.classes import IMAGENET, LOGITS, class_names, find_class
from livedream.models.groups import class_group, class_group_names, find_classes
from livedream.models.layers import LayerFacts, layer_facts, layer_names, resolve_layer
from livedream.models.loading import OFFICIAL, build, has_weights, load, weights_file
from livedream.models.registry import DEFAULT, SQUEEZENET, Network, find_network, network_names, network_table

__all__ = [
    "DEFAULT",
    "IMAGENET",
    "LOGITS",
    "OFFICIAL",
    "SQUEEZENET",
    "LayerFacts",
    "NamedChannel",
    "Network",
    "aliases",
    "build",
    "channel_groups",
    "channel_names",
    "class_group",
    "class_group_names",
    "class_names",
    "find_channels",
    "find_class",
    "find_classes",
    "find_network",
    "has_weights",
    "known_names",
    "knows",
    "layer_facts",
    "layer_names",
    "load",
    "named_channels",
    "named_directions",
    "network_names",
    "network_table",
    "resolve_layer",
    "weights_file",
]
