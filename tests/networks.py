"""Networks with random weights, built in a tenth of a second; torchvision takes seconds."""

import math

import torch
from torch import nn

from livedream import models


def random_network(name: str) -> nn.Module:
    """Return the network called `name` with random weights, always the same, that keep the size of what they see.

    In the first products of the classifiers of VGG and AlexNet, 120 million numbers, all rows are the same.
    """
    with torch.device("meta"):
        network = models.build(name)
    network.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                # Zeros that are never looked at take no memory and no time.
                setattr(module, name, nn.Parameter(torch.zeros(parameter.shape)))
            if isinstance(module, nn.Linear | nn.Conv2d):
                deviation = math.sqrt(2 / module.weight[0].numel())
                if module.weight.numel() < 10_000_000:
                    module.weight.normal_(0, deviation, generator=generator)
                else:
                    row = torch.empty(1, module.weight.shape[1]).normal_(0, deviation, generator=generator)
                    module.weight = nn.Parameter(row.abs().expand(module.weight.shape))
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.weight.fill_(1)
            elif isinstance(module, nn.LayerNorm):
                module.weight.fill_(1)
            scale = getattr(module, "layer_scale", None)
            if isinstance(scale, nn.Parameter):
                scale.fill_(0.5)
    return network
