"""Names that are wrong, told before hundreds of megabytes of weights are fetched."""

from livedream.dream.choice import network_for
from livedream.dream.objective.parser import parse
from livedream.models import IMAGENET, LOGITS, OFFICIAL, has_weights, layer_facts, resolve_layer
from livedream.settings import DreamSettings


def check_names(settings: DreamSettings) -> None:
    """Raise ArgumentError when the layers of `settings` name what the network does not have.

    Only where the weights are still to come: it takes a second, and the network itself tells it when it is loaded.
    """
    row = network_for(settings)
    if settings.weights != OFFICIAL or has_weights(row.name):
        return
    objective = parse(settings.layers, row.best, row.name)
    known = {info.name: info.channels for info in layer_facts(row.name, (row.smallest, row.smallest))}
    names = {name: resolve_layer(row.name, name, known) for name in objective.layers}
    objective.check(row.name, {name: IMAGENET if name == LOGITS else known[names[name]] for name in names})
