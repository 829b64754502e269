"""The layers of a network that are worth a look: one for each of the blocks of which it is built."""

import torch
from torch import nn

from livedream.models import build, layer_names


def block_layers(model: str) -> list[str]:
    """Return the names of the blocks of the network called `model` that have a picture, from shallow to deep.

    A block is what the network names at the top, or one of a row of such: `fire2`, `layer3.1`. Where plain layers stand
    in a row, as in a VGG, it is each convolution with the ReLU behind it.
    """
    with torch.device("meta"):  # its layers, without weights
        network = build(model)
    blocks = _blocks(network, "")
    known = set(layer_names(model))
    return [name for name in blocks if name in known]


def _blocks(container: nn.Module, prefix: str) -> list[str]:
    found: list[str] = []
    growing = False
    for name, module in container.named_children():
        path = prefix + name
        if isinstance(module, nn.Sequential):
            found += _blocks(module, f"{path}.")
            growing = False
        elif isinstance(module, nn.Linear):
            growing = False  # from here on there is no picture
        elif any(True for _ in module.parameters()) and not isinstance(module, nn.BatchNorm2d):
            found.append(path)
            growing = True
        elif growing and isinstance(module, nn.BatchNorm2d | nn.ReLU | nn.ReLU6 | nn.SiLU | nn.Hardswish):
            found[-1] = path  # what a convolution gives is what is behind these
        else:
            growing = False
    return found
