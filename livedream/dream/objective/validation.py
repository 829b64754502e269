"""Checks the names in an objective before hundreds of megabytes of weights are downloaded."""

from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.parser import parse
from livedream.models import IMAGENET, LOGITS, OFFICIAL, has_weights, layer_facts, resolve_layer
from livedream.settings import DreamSettings


def check_names(settings: DreamSettings) -> None:
    """Check that the network has the layers, channels and classes that `settings` name.

    It takes a second, so it is done only if the weights would have to be downloaded. Otherwise loading the network
    finds the same errors.

    Raises:
        ArgumentError: the network lacks one of the names.
    """
    row = network_for(settings)
    if settings.weights != OFFICIAL or has_weights(row.name):
        return
    objective = parse(settings.layers, row.best, row.name)
    channels = {facts.name: facts.channels for facts in layer_facts(row.name, (row.smallest, row.smallest))}
    resolved = {name: resolve_layer(row.name, name, channels) for name in objective.layers}
    objective.check(row.name, {name: IMAGENET if name == LOGITS else channels[resolved[name]] for name in resolved})
