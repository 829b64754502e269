from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from livedream import models
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.native.layer_kernels import normalise
from livedream.dream.objective.objective import layer
from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError
from tests.networks import random_network

ROW = models.find_network("squeezenet")


def cut(layers: str, pooling: str = "max") -> DreamNetwork:
    return DreamNetwork(models.load("squeezenet"), ROW, parse(layers), pooling)


def flops(network: nn.Module) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    return counter.get_total_flops()


def test_activations_are_those_of_the_whole_network() -> None:
    whole = models.load("squeezenet")
    seen = {}
    for name in ("fire5", "fire9"):
        module = whole.get_submodule(name)
        module.register_forward_hook(lambda module, args, output, name=name: seen.update({name: output}))
    image = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        whole(image - torch.tensor(ROW.mean).view(1, 3, 1, 1))
        found = cut("fire9 + fire5")(image)
    for name, expected in seen.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-3)


def test_pass_stops_at_the_deepest_layer_used() -> None:
    # By hand, for 64x64: conv1 31x31x27x64, then fire2 and fire3 at 15x15, each 2 flops a product.
    conv1 = 2 * 31 * 31 * 27 * 64
    fire2 = 2 * 15 * 15 * (64 * 16 + 16 * 64 + 9 * 16 * 64)
    fire3 = 2 * 15 * 15 * (128 * 16 + 16 * 64 + 9 * 16 * 64)
    assert flops(cut("fire3")) == conv1 + fire2 + fire3
    assert flops(cut("fire3 + fire2:5")) == flops(cut("fire3"))
    assert not any(name.startswith("fire4") for name, _ in cut("fire3").body.named_modules())


def test_flops_per_pixel_match_those_of_a_pass() -> None:
    # 64x64 is what it is counted at (the smallest side of SqueezeNet and 32 more): see by hand above.
    assert ROW.smallest + 32 == 64
    assert cut("fire3").flops_per_pixel * 64 * 64 == flops(cut("fire3"))


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        # Each is followed by what would overwrite it, and by a layer that is dreamt of as well.
        ("resnet50", ["layer1.0.bn1", "layer1.0.bn3", "layer1.0"]),
        ("mobilenet_v3_large", ["features.0.1", "features.4.block.2.fc1", "features.4"]),
        ("efficientnet_b0", ["features.0.1", "features.1.0.block.0.1", "features.1"]),
        ("vgg16", ["features.0", "features.2", "features.4"]),
    ],
)
def test_layers_are_what_hooks_see_and_nothing_overwrites_them(name, layers) -> None:
    network = DreamNetwork(random_network(name), models.find_network(name), parse(" + ".join(layers)), "max")
    whole = random_network(name)
    seen = {}
    for wanted in layers:
        module = whole.get_submodule(wanted)
        module.register_forward_hook(lambda module, args, output, wanted=wanted: seen.update({wanted: output.clone()}))
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        whole(normalise(image, network.mean, network.std, torch.float32))
        found = network(image)
    for wanted in layers:
        torch.testing.assert_close(found[wanted], seen[wanted], rtol=1e-4, atol=1e-4)


def test_no_parameter_requires_a_gradient() -> None:
    parameters = list(cut("fire6").parameters())
    assert parameters
    assert not any(parameter.requires_grad for parameter in parameters)


def test_the_hint_for_an_unknown_layer_lists_the_closest() -> None:
    with pytest.raises(ArgumentError, match="unknown layer: fire66") as caught:
        cut("fire66")
    assert "fire6" in caught.value.hint


def test_layer_by_another_name() -> None:
    assert cut("fire6").layers == ("fire6",)
    row = models.find_network("squeezenet1_1")
    network = DreamNetwork(random_network("squeezenet1_1"), row, layer("fire6/concat"), "max")
    assert network.layers == ("fire6/concat",)
    assert network(torch.zeros(1, 3, 64, 64))["fire6/concat"].shape == (1, 384, 3, 3)


def test_channel_out_of_range_says_the_range() -> None:
    with pytest.raises(ArgumentError, match="invalid channel 384: layer fire6 has 384 channels") as caught:
        cut("fire6:384")
    assert caught.value.hint == "choose a channel from 0 to 383"


class WithBatchNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        nn.init.normal_(self.norm.running_mean)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)
        nn.init.normal_(self.norm.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)))


def test_batch_norm_is_folded_and_nothing_changes() -> None:
    torch.manual_seed(0)
    plain = WithBatchNorm().eval()
    image = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        expected = plain(image - torch.tensor(ROW.mean).view(1, 3, 1, 1))
        network = DreamNetwork(nn.Sequential(OrderedDict(both=plain)), ROW, parse("both"), "max")
        found = network(image)["both"]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_average_pooling_replaces_max_pooling() -> None:
    network = cut("fire6", "average")
    kinds = [type(module) for module in network.body.modules()]
    assert nn.MaxPool2d not in kinds
    assert kinds.count(nn.AvgPool2d) == 3
