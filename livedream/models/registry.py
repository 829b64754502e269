"""The registry of networks. Does not import torch."""

from dataclasses import dataclass

from livedream.errors import unknown

_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)
DEFAULT = "efficientnet_lite0"
"""The network used by default."""
SQUEEZENET = "squeezenet"
"""The smaller and faster of the two networks in the package."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network: its weights, preprocessing and recommended layers."""

    name: str
    layers: tuple[tuple[str, str], ...]
    """Recommended layers from shallow to deep, each with the look of its dreams."""
    best: str
    """The layer that `auto` stands for."""
    megabytes: float
    """Size of its weights file."""
    smallest: int = 32
    """Smallest height and width of an image that it accepts, in pixels."""
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    """Preprocessing of red, green and blue, 0 to 255: (pixel - mean) / std."""
    embedded: bool = False
    """Whether its weights are in the package."""

    @property
    def note(self) -> str:
        """Where its weights come from, as a short text."""
        return "in the package" if self.embedded else f"downloaded once, {self.megabytes:g} MB"


# The looks of the embedded networks were judged from dreams of photographs. Those of torchvision's networks come from
# projects that dreamt with them (see docs/reference/networks.md). squeezenet1_1 is described like the embedded
# SqueezeNet, and mobilenet, efficientnet_b0, densenet and convnext, for which there was no report, by depth alone.
_table = (
    Network(
        DEFAULT,
        (
            ("blocks.0", "coarse basketwork"),
            ("blocks.1", "contour lines, marquetry"),
            ("blocks.2", "brickwork, leaded glass"),
            ("blocks.3", "carved wood, seams"),
            ("blocks.4", "weaving and hatching"),
            ("blocks.5", "wicker, mesh, quilting"),
            ("blocks.6", "ribs, machines, Giger"),
            ("blocks.7", "suckers, spirals, first eyes"),
            ("blocks.8", "masks, small faces"),
            ("blocks.9", "fur, eyes, round-eyed beasts"),
            ("blocks.10", "dogs, slugs, meadows, pagodas: the classic look"),
            ("blocks.11", "berries, bobbles, spotted cats"),
            ("blocks.12", "feathers, scales, beads, embroidery"),
            ("blocks.13", "inscriptions, mosaic, snakeskin"),
            ("blocks.14", "rope, wool, roofs, lions"),
            ("blocks.15", "fine hair, cracked glaze"),
            ("conv_head", "faint animals, reptile skin"),
        ),
        best="blocks.10",
        megabytes=9.4,
        # As TensorFlow does for the Lite networks.
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        embedded=True,
    ),
    Network(
        "squeezenet",
        (
            ("fire4", "patterns"),
            ("fire5", "small eyes"),
            ("fire6", "eyes and fur"),
            ("fire8", "faces"),
            ("fire9", "whole animals, insects, birds with legs"),
        ),
        best="fire6",
        megabytes=2.5,
        # As Caffe does: the mean colour only.
        mean=(123.0, 117.0, 104.0),
        std=(1.0, 1.0, 1.0),
        embedded=True,
    ),
    Network(
        "squeezenet1_1",
        (
            ("features.6", "patterns"),
            ("features.7", "small eyes"),
            ("features.9", "eyes and fur"),
            ("features.11", "faces"),
            ("features.12", "whole animals"),
        ),
        "features.9",
        4.7,
    ),
    Network(
        "alexnet",
        (("features.4", "texture"), ("features.7", "patterns"), ("features.9", "eyes"), ("features.11", "creatures")),
        "features.9",
        233,
        smallest=63,
    ),
    Network(
        "googlenet",
        (
            ("conv3", "metal scales"),
            ("inception3a", "mosaic, bands"),
            ("inception3b.branch3.0", "painterly strokes"),
            ("inception3b", "leopard, cubes"),
            ("inception4a", "dogs begin"),
            ("inception4b", "dogs"),
            ("inception4c", "the classic slugs and dogs"),
            ("inception4d", "whole objects"),
            ("inception4e", "whole objects"),
            ("inception5a", "abstract"),
        ),
        "inception4c",
        50,
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
    ),
    Network(
        "inception_v3",
        (
            ("Mixed_5b", "eyes and spirals"),
            ("Mixed_5c", "animal features"),
            ("Mixed_5d", "animal features"),
            ("Mixed_6a", "abstract"),
            ("Mixed_6b", "abstract"),
            ("Mixed_7a", "full hallucination"),
        ),
        "Mixed_5d",
        104,
        smallest=75,
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
    ),
    Network(
        "vgg16",
        (
            ("features.15", "texture"),
            ("features.18", "eyes"),
            ("features.22", "eyes and birds"),
            ("features.25", "creatures"),
            ("features.29", "creatures"),
        ),
        "features.22",
        528,
    ),
    Network(
        "vgg19",
        (
            ("features.17", "texture"),
            ("features.22", "eyes"),
            ("features.26", "eyes and birds"),
            ("features.31", "creatures"),
            ("features.35", "creatures"),
        ),
        "features.26",
        548,
    ),
    Network(
        "resnet50",
        (("layer1", "edges"), ("layer2", "texture"), ("layer3", "eyes and animals"), ("layer4", "creatures")),
        "layer3",
        98,
    ),
    Network(
        "mobilenet_v3_large",
        (("features.6", "texture"), ("features.12", "shapes"), ("features.15", "objects")),
        "features.12",
        21,
    ),
    Network(
        "efficientnet_b0",
        (("features.4", "texture"), ("features.5", "shapes"), ("features.6", "objects")),
        "features.5",
        20,
    ),
    Network(
        "densenet121",
        (
            ("features.denseblock1", "edges"),
            ("features.denseblock2", "texture"),
            ("features.denseblock3", "shapes"),
            ("features.denseblock4", "objects"),
        ),
        "features.denseblock3",
        31,
    ),
    Network(
        "convnext_tiny",
        (("features.3", "texture"), ("features.5", "shapes"), ("features.7", "objects")),
        "features.5",
        109,
    ),
)
NETWORKS = {network.name: network for network in _table}


def network_names() -> list[str]:
    """Return the names of all networks, the embedded ones first."""
    return list(NETWORKS)


def network_table() -> list[Network]:
    """Return all networks, the embedded ones first."""
    return list(NETWORKS.values())


def find_network(name: str) -> Network:
    """Return the network `name`. Raises ArgumentError, whose hint names the closest ones, if it is unknown."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]
