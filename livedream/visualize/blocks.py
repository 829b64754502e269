"""The block layers of a network: one layer for each block of its architecture."""

import torch
from torch import nn

from livedream.models import build, layer_names


def block_layers(model: str) -> list[str]:
    """Return the names of the blocks of `model` with spatial activations, from shallow to deep.

    A block is a top-level module, or an element of a top-level sequence: `fire2`, `layer3.1`. In a sequence of plain
    layers, as in a VGG, each convolution forms a block with the ReLU after it.
    """
    with torch.device("meta"):  # without weights
        network = build(model)
    blocks = _blocks(network, "")
    known = set(layer_names(model))
    return [name for name in blocks if name in known]


def _blocks(container: nn.Module, prefix: str) -> list[str]:
    names: list[str] = []
    is_open = False
    for name, module in container.named_children():
        path = prefix + name
        if isinstance(module, nn.Sequential):
            names += _blocks(module, f"{path}.")
            is_open = False
        elif isinstance(module, nn.Linear):
            is_open = False  # no spatial activations from here on
        elif any(True for _ in module.parameters()) and not isinstance(module, nn.BatchNorm2d):
            names.append(path)
            is_open = True
        elif is_open and isinstance(module, nn.BatchNorm2d | nn.ReLU | nn.ReLU6 | nn.SiLU | nn.Hardswish):
            names[-1] = path  # the output of the block is behind these layers
        else:
            is_open = False
    return names
