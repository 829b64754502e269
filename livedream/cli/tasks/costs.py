"""The relative cost of steps, to estimate the time left."""

from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.parser import parse
from livedream.models import layer_facts
from livedream.settings import DreamSettings

_SIZE = (160, 160)
_OVERHEAD = 0.7
"""The work of a step outside the network, in GFLOP at _SIZE.

Measured with `visualize`: steps at the last layer took 1.2 times as long as at the first with SqueezeNet, and 3.7 times
with EfficientNet-Lite0. With this value the estimates are 1.9 and 2.1.
"""


def step_cost(settings: DreamSettings) -> float:
    """Return the cost of a step with `settings`, relative to other layers of the same network.

    The deeper the layer, the more of the network has to be computed.
    """
    row = network_for(settings)
    costs = {info.name: info.gflop for info in layer_facts(row.name, _SIZE)}
    most = max(costs.values())  # classes need all layers
    return _OVERHEAD + max(
        (costs.get(name, most) for name in parse(settings.layers, row.best, row.name).layers), default=0
    )
