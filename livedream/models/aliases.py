"""The names that people know layers by: Caffe's, Keras', lucid's, timm's and those of the papers, beside torch's own.

In Caffe and Keras a layer is mostly what comes out of its ReLU. So are all names here, but for VGG's and AlexNet's
`conv4_3` beside `relu4_3`, and what says so: `_conv`, `_bn`, `_pre_relu`.
"""

from collections.abc import Callable, Collection
from functools import cache

from livedream.errors import unknown
from livedream.hints import either
from livedream.models.channels import channel_names, find_channels
from livedream.models.classes import LOGITS
from livedream.models.registry import DEFAULT, SQUEEZENET, find_network


@cache
def aliases(network: str) -> dict[str, str]:
    """Return the other names of layers of the network called `network`, each with the name in torch's graph.

    Raises ArgumentError for an unknown network.
    """
    find_network(network)
    return _makers.get(network, dict)()


def resolve_layer(network: str, name: str, layers: Collection[str] | None = None) -> str:
    """Return the name in torch's graph of the layer of `network` that is called `name`, there or elsewhere.

    layers: the names in the graph, where they are known; else the network is built (without weights) and traced. Raises
    ArgumentError with the nearest names.
    """
    if layers is None:
        from livedream.models.layers import layer_names

        layers = layer_names(network)
    if name in layers or name == LOGITS:
        return name
    known = {alias: target for alias, target in aliases(network).items() if target in layers}
    if name not in known:
        raise unknown(
            "layer",
            name,
            [*layers, *known, LOGITS, *channel_names(network)],
            either(
                f"`livedream models {network}` lists them", f"`livedream models {network}` in a terminal lists them"
            ),
        )
    return known[name]


def knows(network: str, name: str) -> bool:
    """Return whether `network`, one of the two in the package, has a layer or named channels called `name`.

    Without torch. Raises ArgumentError for an unknown network.
    """
    return (
        name == LOGITS
        or name in aliases(network)
        or name in _layers[network]
        or find_channels(network, name) is not None
    )


def known_names(network: str) -> list[str]:
    """Return what `network`, one of the two in the package, knows: layers and named channels. Without torch."""
    return [*_layers[network], *aliases(network), LOGITS, *channel_names(network)]


def _with_parts(block: str, *parts: str) -> list[str]:
    return [block, *(f"{block}.{part}" for part in parts)]


_FIRE = ("squeeze1x1", "expand1x1", "expand3x3")
_BLOCK = ("expand_conv", "bn0", "bn1", "bn2", "pad", "depthwise_conv", "project_conv")
_layers = {
    SQUEEZENET: [
        *("conv1", "conv10", "pool1", "pool3", "pool5"),
        *(name for number in range(2, 10) for name in _with_parts(f"fire{number}", *_FIRE)),
    ],
    DEFAULT: [
        *("pad", "conv_stem", "bn0", "relu0", "conv_head", "bn1", "relu1", "fc", "blocks"),
        *(name for number in range(16) for name in _with_parts(f"blocks.{number}", *_BLOCK)),
    ],
}
"""The layers of the networks in the package, to tell which of them is meant before torch is loaded."""


def _vgg(*depths: int) -> dict[str, str]:
    found = {}
    place = 0
    for block, depth in enumerate(depths, 1):
        for number in range(1, depth + 1):
            found[f"conv{block}_{number}"] = f"features.{place}"
            found[f"relu{block}_{number}"] = found[f"block{block}_conv{number}"] = f"features.{place + 1}"
            place += 2
        found[f"pool{block}"] = found[f"block{block}_pool"] = f"features.{place}"
        place += 1
    products = {"fc6": "classifier.0", "relu6": "classifier.1", "fc7": "classifier.3", "relu7": "classifier.4"}
    return {**found, **products, "fc1": "classifier.1", "fc2": "classifier.4", "fc8": "classifier.6"}


def _alexnet() -> dict[str, str]:
    found = {"pool1": "features.2", "pool2": "features.5", "pool5": "features.12"}
    for number, place in enumerate((0, 3, 6, 8, 10), 1):
        found[f"conv{number}"], found[f"relu{number}"] = f"features.{place}", f"features.{place + 1}"
    products = {"fc6": "classifier.1", "relu6": "classifier.2", "fc7": "classifier.4", "relu7": "classifier.5"}
    return {**found, **products, "fc8": "classifier.6"}


def _inception_v3() -> dict[str, str]:
    blocks = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
    return {f"mixed{number}": f"Mixed_{block}" for number, block in enumerate(blocks)}


# What Caffe and lucid call the branches of a module, and what torchvision does.
_BRANCHES = (
    ("1x1", "1x1", "branch1"),
    ("3x3_reduce", "3x3_bottleneck", "branch2.0"),
    ("3x3", "3x3", "branch2.1"),
    ("5x5_reduce", "5x5_bottleneck", "branch3.0"),
    ("5x5", "5x5", "branch3.1"),
    ("pool_proj", "pool_reduce", "branch4.1"),
)


def _googlenet() -> dict[str, str]:
    found = {
        "conv1/7x7_s2": "conv1",
        "pool1/3x3_s2": "maxpool1",
        "conv2/3x3_reduce": "conv2",
        "conv2/3x3": "conv3",
        "pool2/3x3_s2": "maxpool2",
        "pool3/3x3_s2": "maxpool3",
        "pool4/3x3_s2": "maxpool4",
        "loss3/classifier": "fc",
        "conv2d0": "conv1",
        "conv2d1": "conv2",
        "conv2d2": "conv3",
    }
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        module = f"inception{block}"
        for whole in (f"inception_{block}", f"inception_{block}/output", f"mixed{block}"):
            found[whole] = module
        found[f"inception_{block}/pool"] = f"{module}.branch4.0"
        for caffe, lucid, branch in _BRANCHES:
            found[f"inception_{block}/{caffe}"] = found[f"mixed{block}_{lucid}"] = f"{module}.{branch}"
            found[f"mixed{block}_{lucid}_pre_relu"] = f"{module}.{branch}.bn"
    return found


def _resnet50() -> dict[str, str]:
    found = {"conv1_conv": "conv1", "conv1_bn": "bn1", "conv1_relu": "relu", "pool1_pool": "maxpool", "res1": "relu"}
    for stage, depth in enumerate((3, 4, 6, 3), 1):
        for number in range(depth):
            block, module = f"conv{stage + 1}_block{number + 1}", f"layer{stage}.{number}"
            found[f"{block}_out"] = found[f"res{stage + 1}{'abcdef'[number]}"] = module
            for part in (1, 2, 3):
                found[f"{block}_{part}_conv"], found[f"{block}_{part}_bn"] = (
                    f"{module}.conv{part}",
                    f"{module}.bn{part}",
                )
        first = f"conv{stage + 1}_block1_0"
        found[f"{first}_conv"], found[f"{first}_bn"] = f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1"
    return found


def _squeezenet() -> dict[str, str]:
    return {f"fire{number}/concat": f"fire{number}" for number in range(2, 10)}


def _squeezenet1_1() -> dict[str, str]:
    found = {"conv1": "features.0", "relu_conv1": "features.1", "pool1": "features.2", "pool3": "features.5"}
    found |= {"pool5": "features.8", "conv10": "classifier.1"}
    for number, place in enumerate((3, 4, 6, 7, 9, 10, 11, 12), 2):
        found[f"fire{number}"] = found[f"fire{number}/concat"] = f"features.{place}"
    return found


def _mobilenet_v3_large() -> dict[str, str]:
    found = {}
    for block in range(15):
        name = f"expanded_conv_{block}" if block else "expanded_conv"
        found[name] = f"features.{block + 1}"
        if block not in (1, 3, 6, 10, 12):  # in these size or channels change, and nothing is added
            found[f"{name}/Add"] = found[f"{name}_add"] = f"features.{block + 1}"
    return found


_EFFICIENT_STAGES = (1, 2, 2, 3, 3, 4, 1)


def _efficientnet_b0() -> dict[str, str]:
    found = {"stem_activation": "features.0", "top_activation": "features.8"}
    for stage, depth in enumerate(_EFFICIENT_STAGES, 1):
        for number in range(depth):
            found[f"block{stage}{'abcd'[number]}"] = f"features.{stage}.{number}"
            if number:  # the first of a stage adds nothing
                found[f"block{stage}{'abcd'[number]}_add"] = f"features.{stage}.{number}"
    return found


def _efficientnet_lite0() -> dict[str, str]:
    """Keras' names as for B0, and timm's, which count stages and the blocks of each: `blocks.4.2`."""
    found = {"stem_activation": "relu0", "top_activation": "relu1"}
    blocks = [(stage, number) for stage, depth in enumerate(_EFFICIENT_STAGES) for number in range(depth)]
    for place, (stage, number) in enumerate(blocks):
        keras = f"block{stage + 1}{'abcd'[number]}"
        found[keras] = found[f"blocks.{stage}.{number}"] = f"blocks.{place}"
        if number:  # the first of a stage adds nothing
            found[f"{keras}_add"] = f"blocks.{place}"
    return found


def _convnext_tiny() -> dict[str, str]:
    found = {"stem": "features.0"}
    for stage, depth in enumerate((3, 3, 9, 3)):
        found[f"stages.{stage}"] = f"features.{2 * stage + 1}"
        for block in range(depth):
            found[f"stages.{stage}.blocks.{block}"] = f"features.{2 * stage + 1}.{block}"
    return found


def _densenet121() -> dict[str, str]:
    found = {f"conv{block + 1}_block{depth}_concat": f"features.denseblock{block}" for block, depth in _dense_blocks}
    return found | {f"pool{block + 1}_pool": f"features.transition{block}" for block in (1, 2, 3)}


_dense_blocks = ((1, 6), (2, 12), (3, 24), (4, 16))

_makers: dict[str, Callable[[], dict[str, str]]] = {
    "squeezenet": _squeezenet,
    "squeezenet1_1": _squeezenet1_1,
    "alexnet": _alexnet,
    "googlenet": _googlenet,
    "inception_v3": _inception_v3,
    "vgg16": lambda: _vgg(2, 2, 3, 3, 3),
    "vgg19": lambda: _vgg(2, 2, 4, 4, 4),
    "resnet50": _resnet50,
    "mobilenet_v3_large": _mobilenet_v3_large,
    "efficientnet_b0": _efficientnet_b0,
    "efficientnet_lite0": _efficientnet_lite0,
    "densenet121": _densenet121,
    "convnext_tiny": _convnext_tiny,
}
