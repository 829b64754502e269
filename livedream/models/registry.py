"""The networks that livedream knows, in a table. Readable without torch."""

from dataclasses import dataclass

from livedream.errors import unknown

_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)
DEFAULT = "efficientnet_lite0"
"""The network that dreams where none is named."""
SQUEEZENET = "squeezenet"
"""The small and fast one of the two networks in the package."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network: a row of the table."""

    name: str
    layers: tuple[tuple[str, str], ...]
    """Recommended layers from shallow to deep, each with what its dreams look like."""
    best: str
    """The layer that `auto` means."""
    megabytes: float
    """Size of the file with its weights."""
    smallest: int = 32
    """Shortest side of a picture that it takes, in pixels."""
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    """Red, green and blue, 0 to 255: what is taken off a pixel, and by what it is divided then."""
    embedded: bool = False
    """Whether its weights are in the package."""

    @property
    def note(self) -> str:
        """Where its weights are."""
        return "in the package" if self.embedded else f"downloaded once, {self.megabytes:g} MB"


# The looks of the embedded networks were seen in dreams of photographs. Those of torchvision's are as reported by the
# projects that dreamt with them (see docs/reference/networks.md); where none did (squeezenet1_1 is described like the
# embedded SqueezeNet; mobilenet, efficientnet_b0, densenet, convnext), they go by depth alone.
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
        # TensorFlow's for the Lite networks.
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
        # Caffe's: the mean colour alone.
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
    """Return the name of every network, the embedded ones first."""
    return list(NETWORKS)


def network_table() -> list[Network]:
    """Return every network, the embedded ones first."""
    return list(NETWORKS.values())


def find_network(name: str) -> Network:
    """Return the network called `name`. Raises ArgumentError with the nearest names."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]
