"""Other names of layers than torch's own: those of Caffe, Keras, lucid, timm and the papers.

In Caffe and Keras, a layer's name usually means the output of its ReLU. So do all names here, except VGG's and
AlexNet's `conv4_3` beside `relu4_3`, and names that say otherwise: `_conv`, `_bn`, `_pre_relu`.
"""

from collections.abc import Callable
from functools import cache

from livedream.models.channels import channel_names, find_channels
from livedream.models.classes import LOGITS
from livedream.models.registry import DEFAULT, SQUEEZENET, find_network


@cache
def aliases(network: str) -> dict[str, str]:
    """Return the aliases of the layers of `network`, each with the name in torch's graph.

    Raises:
        ArgumentError: the network is unknown.
    """
    find_network(network)
    return _makers.get(network, dict)()


def knows(network: str, name: str) -> bool:
    """Return whether `network`, one of the two in the package, has a layer or named channels called `name`.

    Does not import torch.

    Raises:
        ArgumentError: the network is unknown.
    """
    return (
        name == LOGITS
        or name in aliases(network)
        or name in _layers[network]
        or find_channels(network, name) is not None
    )


def known_names(network: str) -> list[str]:
    """Return the layers and named channels of `network`, one of the two in the package. Does not import torch."""
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
"""The layers of the networks in the package, to decide between these networks without importing torch."""


def _vgg(*depths: int) -> dict[str, str]:
    names = {}
    index = 0
    for block, depth in enumerate(depths, 1):
        for number in range(1, depth + 1):
            names[f"conv{block}_{number}"] = f"features.{index}"
            names[f"relu{block}_{number}"] = names[f"block{block}_conv{number}"] = f"features.{index + 1}"
            index += 2
        names[f"pool{block}"] = names[f"block{block}_pool"] = f"features.{index}"
        index += 1
    products = {"fc6": "classifier.0", "relu6": "classifier.1", "fc7": "classifier.3", "relu7": "classifier.4"}
    return {**names, **products, "fc1": "classifier.1", "fc2": "classifier.4", "fc8": "classifier.6"}


def _alexnet() -> dict[str, str]:
    names = {"pool1": "features.2", "pool2": "features.5", "pool5": "features.12"}
    for number, index in enumerate((0, 3, 6, 8, 10), 1):
        names[f"conv{number}"], names[f"relu{number}"] = f"features.{index}", f"features.{index + 1}"
    products = {"fc6": "classifier.1", "relu6": "classifier.2", "fc7": "classifier.4", "relu7": "classifier.5"}
    return {**names, **products, "fc8": "classifier.6"}


def _inception_v3() -> dict[str, str]:
    blocks = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
    return {f"mixed{number}": f"Mixed_{block}" for number, block in enumerate(blocks)}


# The names of the branches of a module in Caffe, lucid and torchvision.
_BRANCHES = (
    ("1x1", "1x1", "branch1"),
    ("3x3_reduce", "3x3_bottleneck", "branch2.0"),
    ("3x3", "3x3", "branch2.1"),
    ("5x5_reduce", "5x5_bottleneck", "branch3.0"),
    ("5x5", "5x5", "branch3.1"),
    ("pool_proj", "pool_reduce", "branch4.1"),
)


def _googlenet() -> dict[str, str]:
    names = {
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
            names[whole] = module
        names[f"inception_{block}/pool"] = f"{module}.branch4.0"
        for caffe, lucid, branch in _BRANCHES:
            names[f"inception_{block}/{caffe}"] = names[f"mixed{block}_{lucid}"] = f"{module}.{branch}"
            names[f"mixed{block}_{lucid}_pre_relu"] = f"{module}.{branch}.bn"
    return names


def _resnet50() -> dict[str, str]:
    names = {"conv1_conv": "conv1", "conv1_bn": "bn1", "conv1_relu": "relu", "pool1_pool": "maxpool", "res1": "relu"}
    for stage, depth in enumerate((3, 4, 6, 3), 1):
        for number in range(depth):
            block, module = f"conv{stage + 1}_block{number + 1}", f"layer{stage}.{number}"
            names[f"{block}_out"] = names[f"res{stage + 1}{'abcdef'[number]}"] = module
            for part in (1, 2, 3):
                names[f"{block}_{part}_conv"], names[f"{block}_{part}_bn"] = (
                    f"{module}.conv{part}",
                    f"{module}.bn{part}",
                )
        first = f"conv{stage + 1}_block1_0"
        names[f"{first}_conv"], names[f"{first}_bn"] = f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1"
    return names


def _squeezenet() -> dict[str, str]:
    return {f"fire{number}/concat": f"fire{number}" for number in range(2, 10)}


def _squeezenet1_1() -> dict[str, str]:
    names = {"conv1": "features.0", "relu_conv1": "features.1", "pool1": "features.2", "pool3": "features.5"}
    names |= {"pool5": "features.8", "conv10": "classifier.1"}
    for number, index in enumerate((3, 4, 6, 7, 9, 10, 11, 12), 2):
        names[f"fire{number}"] = names[f"fire{number}/concat"] = f"features.{index}"
    return names


def _mobilenet_v3_large() -> dict[str, str]:
    names = {}
    for block in range(15):
        name = f"expanded_conv_{block}" if block else "expanded_conv"
        names[name] = f"features.{block + 1}"
        if block not in (1, 3, 6, 10, 12):  # these change the size or channels and have no addition
            names[f"{name}/Add"] = names[f"{name}_add"] = f"features.{block + 1}"
    return names


_EFFICIENT_STAGES = (1, 2, 2, 3, 3, 4, 1)


def _efficientnet_b0() -> dict[str, str]:
    names = {"stem_activation": "features.0", "top_activation": "features.8"}
    for stage, depth in enumerate(_EFFICIENT_STAGES, 1):
        for number in range(depth):
            names[f"block{stage}{'abcd'[number]}"] = f"features.{stage}.{number}"
            if number:  # the first block of a stage has no addition
                names[f"block{stage}{'abcd'[number]}_add"] = f"features.{stage}.{number}"
    return names


def _efficientnet_lite0() -> dict[str, str]:
    """Return Keras' names, as for B0, and timm's, which number stages and their blocks: `blocks.4.2`."""
    names = {"stem_activation": "relu0", "top_activation": "relu1"}
    blocks = [(stage, number) for stage, depth in enumerate(_EFFICIENT_STAGES) for number in range(depth)]
    for index, (stage, number) in enumerate(blocks):
        keras = f"block{stage + 1}{'abcd'[number]}"
        names[keras] = names[f"blocks.{stage}.{number}"] = f"blocks.{index}"
        if number:  # the first block of a stage has no addition
            names[f"{keras}_add"] = f"blocks.{index}"
    return names


def _convnext_tiny() -> dict[str, str]:
    names = {"stem": "features.0"}
    for stage, depth in enumerate((3, 3, 9, 3)):
        names[f"stages.{stage}"] = f"features.{2 * stage + 1}"
        for block in range(depth):
            names[f"stages.{stage}.blocks.{block}"] = f"features.{2 * stage + 1}.{block}"
    return names


def _densenet121() -> dict[str, str]:
    names = {f"conv{block + 1}_block{depth}_concat": f"features.denseblock{block}" for block, depth in _dense_blocks}
    return names | {f"pool{block + 1}_pool": f"features.transition{block}" for block in (1, 2, 3)}


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
