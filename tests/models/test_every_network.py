"""Each network of the registry, with random weights: dreams of its recommended layers, and their cost."""

import functools
from collections.abc import Iterator

import pytest
import torch
from torch import fx, nn
from torch.utils.flop_counter import FlopCounterMode

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.objective.objective import channel, layer
from livedream.errors import ArgumentError
from livedream.models.fx_graph import trace
from tests.networks import random_network

NAMES = models.network_names()


@pytest.fixture(scope="module", autouse=True)
def forget() -> Iterator[None]:
    yield
    traced.cache_clear()  # half a gigabyte for each VGG


@functools.lru_cache(maxsize=1)
def traced(name: str) -> fx.GraphModule:
    return trace(random_network(name))


def cut(name: str, layer_name: str) -> DreamNetwork:
    # A graph of its own, to be cut, around the same weights.
    whole = traced(name)
    graph = fx.Graph()
    graph.output(graph.graph_copy(whole.graph, {}))
    return DreamNetwork(fx.GraphModule(whole, graph), models.find_network(name), layer(layer_name), "max")


def flop(network: nn.Module, x: torch.Tensor) -> int:
    """Return the operations of a forward pass and of the backward pass to the image."""
    x = x.clone().requires_grad_()
    with FlopCounterMode(display=False) as counter:
        found = network(x)
        sum(value.sum() for value in found.values()).backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", NAMES)
def test_five_steps_increase_recommended_layers_and_passes_stop_at_the_layer(name) -> None:
    row = models.find_network(name)
    side = max(48, row.smallest)
    start = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 255
    info = {fact.name: fact for fact in models.layer_facts(name, (side, side))}
    assert row.best in [layer for layer, _ in row.layers]
    costs = []
    for layer_name, _ in row.layers:
        network = cut(name, layer_name)
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())
        costs.append(flop(network, start))
        climber = Ascent(network.to_compute(torch.device("cpu"), torch.float32), layer(layer_name))
        x, before = start, climber.loss(start)
        for _ in range(5):
            x = climber.step(x, (side, side), (0, 0), 0.5)
        assert climber.loss(x) > before * 1.05, layer_name
        found = network(start)[layer_name].shape
        assert found[1:] == (info[layer_name].channels, info[layer_name].height, info[layer_name].width)
    # What is told was counted on a graph without numbers; here it is counted by torch, in a real pass.
    assert [info[layer].gflop * 1e9 for layer, _ in row.layers] == pytest.approx(costs)
    assert costs == sorted(costs), "not from shallow to deep"
    assert costs[-1] < 1e9 * max(fact.gflop for fact in info.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_network_accepts_the_smallest_image(name) -> None:
    row = models.find_network(name)
    with torch.device("meta"):
        assert models.build(name)(torch.empty(1, 3, row.smallest, row.smallest)).shape == (1, 1000)


@pytest.mark.parametrize("name", NAMES)
def test_names_aliases_and_their_error(name) -> None:
    known = models.layer_names(name)
    assert len(known) == len(set(known))
    assert {layer for layer, _ in models.find_network(name).layers} <= set(known)
    for alias, target in models.aliases(name).items():
        assert alias not in known, "an alias that hides a layer"
        assert models.resolve_layer(name, alias) == target
        assert target in known
    for wanted in (known[len(known) // 2], models.LOGITS):
        assert models.resolve_layer(name, wanted) == wanted
        with pytest.raises(ArgumentError, match=f"unknown layer: {wanted}_") as caught:
            models.resolve_layer(name, f"{wanted}_")
        assert wanted in caught.value.hint


@pytest.mark.parametrize(
    ("name", "alias", "expected"),
    [
        # By hand, from the tables of the papers and the code of Keras, Caffe and lucid.
        ("vgg16", "relu4_3", "features.22"),
        ("vgg16", "conv4_3", "features.21"),
        ("vgg16", "block4_conv1", "features.18"),
        ("vgg16", "pool4", "features.23"),
        ("vgg16", "block4_pool", "features.23"),
        ("vgg19", "relu5_4", "features.35"),
        ("vgg19", "block5_conv4", "features.35"),
        ("inception_v3", "mixed0", "Mixed_5b"),
        ("inception_v3", "mixed3", "Mixed_6a"),
        ("inception_v3", "mixed10", "Mixed_7c"),
        ("googlenet", "inception_4c/output", "inception4c"),
        ("googlenet", "inception_4c", "inception4c"),
        ("googlenet", "inception_3b/5x5_reduce", "inception3b.branch3.0"),
        ("googlenet", "mixed4a", "inception4a"),
        ("googlenet", "mixed4d_3x3_bottleneck_pre_relu", "inception4d.branch2.0.bn"),
        ("resnet50", "conv4_block6_out", "layer3.5"),
        ("resnet50", "res5c", "layer4.2"),
        ("alexnet", "conv5", "features.10"),
        ("alexnet", "relu5", "features.11"),
        ("squeezenet1_1", "fire9", "features.12"),
        ("densenet121", "conv4_block24_concat", "features.denseblock3"),
        ("efficientnet_b0", "block4c_add", "features.4.2"),
        ("efficientnet_lite0", "block5c", "blocks.10"),  # 1 + 2 + 2 + 3 blocks before its stage
        ("efficientnet_lite0", "block5c_add", "blocks.10"),
        ("efficientnet_lite0", "blocks.4.2", "blocks.10"),
        ("efficientnet_lite0", "block1a", "blocks.0"),
        ("efficientnet_lite0", "blocks.0.0", "blocks.0"),
        ("efficientnet_lite0", "block7a", "blocks.15"),
        ("efficientnet_lite0", "blocks.6.0", "blocks.15"),
        ("efficientnet_lite0", "blocks.4", "blocks.4"),  # a block here, though a stage in timm
        ("efficientnet_lite0", "stem_activation", "relu0"),
        ("efficientnet_lite0", "top_activation", "relu1"),
        ("mobilenet_v3_large", "expanded_conv_11/Add", "features.12"),
        ("mobilenet_v3_large", "expanded_conv_add", "features.1"),
        ("convnext_tiny", "stages.2.blocks.8", "features.5.8"),
        ("convnext_tiny", "stages.3", "features.7"),
    ],
)
def test_known_names(name, alias, expected) -> None:
    assert models.resolve_layer(name, alias) == expected


@pytest.mark.parametrize(
    ("name", "fact"),
    [("mobilenet_v3_large", "use_res_connect"), ("efficientnet_b0", "use_res_connect"), ("efficientnet_lite0", "adds")],
)
def test_blocks_that_keras_calls_add_have_a_residual_connection(name, fact) -> None:
    """The networks themselves know which of their blocks have a residual connection."""
    with torch.device("meta"):
        whole = models.build(name)
    adding = {target for alias, target in models.aliases(name).items() if "add" in alias.lower()}
    assert adding == {path for path, module in whole.named_modules() if getattr(module, fact, False)}


def test_every_block_of_the_default_network_has_a_look() -> None:
    looks = dict(models.find_network("efficientnet_lite0").layers)
    assert [name for name in looks if name.startswith("blocks.")] == [f"blocks.{number}" for number in range(16)]
    assert all(looks.values())


def test_a_convolution_is_after_its_relu_in_keras_and_before_it_in_caffe() -> None:
    with torch.no_grad():
        before, behind = (cut("vgg16", n)(torch.rand(1, 3, 64, 64) * 255)[n] for n in ("conv4_1", "block4_conv1"))
    assert float(before.min()) < 0
    assert float(behind.min()) == 0


def test_a_layer_without_channels_is_refused_and_not_listed() -> None:
    # Inside a block of ConvNeXt the channels come last.
    inside = "features.1.0.block.3"
    assert inside not in models.layer_names("convnext_tiny")
    with pytest.raises(ArgumentError, match="no channels that a dream can amplify"):
        cut("convnext_tiny", inside)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_steps_increase_every_layer(name) -> None:
    """scripts/test -m soak tests/models/test_every_network.py"""
    row = models.find_network(name)
    side = max(48, row.smallest)
    start = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 255
    with torch.device("meta"):
        whole = models.build(name)
    fallen = []
    for layer_name in [*models.layer_names(name), models.LOGITS]:
        module = None if layer_name == models.LOGITS else whole.get_submodule(layer_name)
        # What LayerNorm makes has a mean square of 1, whatever it sees; a channel of it can be dreamt of.
        objective = channel(layer_name, 0) if isinstance(module, nn.LayerNorm) else layer(layer_name)
        climber = Ascent(cut(name, layer_name), objective)
        x, before = start, climber.loss(start)
        for _ in range(5):
            x = climber.step(x, (side, side), (0, 0), 0.5)
        if not climber.loss(x) > before:
            fallen.append(layer_name)
    assert fallen == []
