"""Channels of the embedded networks that have a name: what they draw, seen by eye. Readable without torch.

Found by drawing them from noise (`livedream visualize`) and looking. A channel of EfficientNet-Lite0's blocks is not
rectified: it looks for one thing where it is large, and for another where it is far below zero.
"""

from dataclasses import dataclass
from functools import cache

from livedream.models.classes import plain_name
from livedream.models.directions import DIRECTIONS
from livedream.models.registry import find_network


@dataclass(frozen=True, slots=True)
class NamedChannel:
    """One row of the table."""

    network: str
    layer: str
    channel: int
    name: str
    pull: float
    """The weight of its mean with which it pulls about as hard as the whole layer, below 0 for its dark side."""


def named_channels(network: str) -> list[NamedChannel]:
    """Return the channels of `network` that have a name, by layer from shallow to deep; of most networks none.

    Raises ArgumentError for an unknown network.
    """
    find_network(network)
    return list(_rows(network).values())


def channel_groups(network: str) -> dict[str, list[NamedChannel]]:
    """Return the groups of channels of `network` by name, such as `dogs`."""
    find_network(network)
    rows = _rows(network)
    return {group: [rows[name] for name in names] for group, names in _GROUPS.get(network, {}).items()}


def named_directions(network: str) -> dict[str, list[str]]:
    """Return the directions of `network` that have a name, such as `dogs`, each with its layers."""
    find_network(network)
    return {name: [part.layer for part in parts] for name, parts in DIRECTIONS.get(network, {}).items()}


def channel_names(network: str) -> list[str]:
    """Return the names of all channels, groups and directions of `network` as written in a sum: `snow-leopard`."""
    names = [*channel_groups(network), *named_directions(network), *(row.name for row in named_channels(network))]
    return [name.replace(" ", "-") for name in names]


def find_channels(network: str, name: str) -> list[NamedChannel] | None:
    """Return the channels of `network` that `name` means, one, or those of a group or direction; None for another name.

    Case, spaces, `-` and `_` make no difference.
    """
    plain = plain_name(name)
    if plain in DIRECTIONS.get(network, ()):
        return _direction(network, plain)
    row = _rows(network).get(plain)
    return [row] if row else channel_groups(network).get(plain)


def _direction(network: str, name: str) -> list[NamedChannel]:
    parts = DIRECTIONS[network][name]
    count = sum(len(part.weights) for part in parts)  # of several channels the mean is dreamt
    return [
        NamedChannel(network, part.layer, channel, name, weight * count)
        for part in parts
        for channel, weight in part.weights.items()
    ]


@cache
def _rows(network: str) -> dict[str, NamedChannel]:
    found: dict[str, NamedChannel] = {}
    for layer, pull, names in _TABLE.get(network, ()):
        found |= {name: NamedChannel(network, layer, channel, name, pull) for name, channel in names.items()}
    return found


# By network: layer, pull (see `NamedChannel`), and the channels by name.
_TABLE: dict[str, tuple[tuple[str, float, dict[str, int]], ...]] = {
    "squeezenet": (
        (
            "fire7",
            40,
            {
                "eyes": 5,
                "pebbles": 32,
                "archway": 39,
                "lettering": 132,
                "brown fur": 181,
                "wheel rim": 186,
                "street": 206,
                "human face": 230,
                "eye": 240,
                "owl eyes": 262,
                "puppy face": 291,
                "coil": 298,
                "hedgehog": 309,
                "eyeball": 318,
                "pricked ear": 354,
                "pomeranian": 361,
                "black hair": 369,
                "spiral": 371,
            },
        ),
        (
            "fire8",
            40,
            {
                "spitz": 30,
                "peacock": 73,
                "red fox": 210,
                "boxer": 250,
                "husky": 263,
                "beagle": 264,
                "dial": 266,
                "corgi": 271,
                "tower": 278,
                "gears": 282,
                "chihuahua": 283,
                "pinscher": 285,
                "shaggy dog": 290,
                "terrier": 293,
                "shih tzu": 296,
                "dog nose": 297,
                "lynx": 312,
                "kitten face": 320,
                "lapdog": 337,
                "yorkshire terrier": 339,
                "bulldog": 340,
                "tree": 347,
                "retriever": 354,
                "monkey": 365,
                "cairn": 366,
                "golden retriever": 367,
                "border collie": 379,
                "hare": 387,
                "fruit": 397,
                "wool": 398,
                "keypad": 399,
                "sheepdog": 407,
                "gorilla": 412,
                "llama": 413,
                "polar bear": 438,
                "german shepherd": 446,
                "fox": 448,
                "hood": 450,
                "wildcat": 477,
                "dalmatian": 485,
                "portrait": 487,
                "puppy": 489,
                "schnauzer": 490,
                "bloodhound": 499,
                "dog": 500,
                "teapot": 501,
                "cocker spaniel": 505,
                "shepherd": 510,
            },
        ),
        (
            "fire9",
            20,
            {
                "artichoke": 0,
                "robin": 16,
                "goldfinch": 20,
                "jar": 26,
                "snow leopard": 31,
                "white terrier": 44,
                "grapes": 48,
                "pangolin": 49,
                "tennis ball": 58,
                "sea urchin": 85,
                "goldfish": 98,
                "gibbon": 108,
                "afghan hound": 114,
                "parrot": 120,
                "rooster": 129,
                "hound": 166,
                "duck": 180,
                "snake": 190,
                "beetle": 205,
                "spaniel": 209,
                "caterpillar": 211,
                "ladybug": 218,
                "zebra": 228,
                "bridge": 261,
                "blue bird": 300,
                "antelope": 317,
                "kitten": 364,
                "pigeon": 377,
                "wheel": 379,
                "wolf": 381,
                "spotted bird": 385,
                "pineapple": 396,
                "marmoset": 400,
                "deer": 432,
                "ferret": 436,
                "squirrel": 441,
                "iguana": 444,
                "tent": 451,
                "lobster": 483,
                "leopard": 488,
            },
        ),
    ),
    "efficientnet_lite0": (
        (
            "blocks.6",
            2,
            {
                "bubbles": 4,
                "lizard skin": 16,
                "rosettes": 43,
                "wood grain": 50,
            },
        ),
        (
            "blocks.6",
            -2,
            {
                "weave": 16,
                "fish scales": 27,
                "fibers": 35,
                "veins": 38,
                "zigzag": 43,
                "checks": 45,
            },
        ),
        (
            "blocks.7",
            2,
            {
                "netting": 21,
                "barbs": 31,
            },
        ),
        (
            "blocks.7",
            -2,
            {
                "maze": 68,
            },
        ),
        (
            "blocks.8",
            1,
            {
                "tartan": 35,
                "curls": 48,
                "ropes": 56,
            },
        ),
        (
            "blocks.8",
            -1,
            {
                "chain mail": 48,
            },
        ),
        (
            "blocks.9",
            2,
            {
                "bricks": 23,
                "patchwork": 62,
                "windows": 85,
            },
        ),
        (
            "blocks.9",
            -2,
            {
                "fronds": 85,
            },
        ),
        (
            "blocks.10",
            2,
            {
                "artichoke": 3,
                "grass": 8,
                "plumes": 14,
                "cat fur": 15,
                "white fur": 33,
                "cheetah": 39,
                "eyes": 72,
                "camouflage": 75,
                "furry face": 84,
                "basket": 88,
                "origami": 102,
                "shingles": 103,
                "parrot": 109,
            },
        ),
        (
            "blocks.10",
            -2,
            {
                "pebbles": 4,
                "ape": 10,
                "pinecone": 14,
                "hedgehog": 30,
                "knitwear": 36,
                "pug": 47,
                "braids": 52,
                "mosaic": 54,
                "amphitheater": 67,
                "wavy hair": 76,
                "driftwood": 82,
                "frogspawn": 88,
                "armor": 90,
                "leopard": 102,
                "tentacles": 111,
            },
        ),
        (
            "blocks.11",
            1,
            {
                "feathers": 7,
                "roofs": 32,
                "moth": 99,
                "shells": 112,
                "owl": 118,
                "serpent": 134,
                "chrome": 187,
            },
        ),
        (
            "blocks.11",
            -1,
            {
                "bottles": 7,
                "orbs": 32,
                "cobweb": 112,
                "coral": 177,
                "blossoms": 187,
                "mushroom": 191,
            },
        ),
        (
            "blocks.12",
            2,
            {
                "fish": 13,
                "ruffles": 21,
                "plumage": 34,
                "vertebrae": 50,
                "yarn": 54,
                "crocodile": 80,
                "elephant skin": 83,
                "globe": 86,
                "hawk": 87,
                "lobster tail": 90,
                "cauliflower": 106,
                "robots": 116,
                "brain coral": 144,
                "citrus": 149,
                "starfish": 161,
                "tortoiseshell": 167,
                "waterfall": 180,
            },
        ),
        (
            "blocks.12",
            -2,
            {
                "beads": 13,
                "snail shells": 39,
                "jewelry": 61,
                "stones": 62,
                "leaves": 81,
                "fireworks": 83,
                "gems": 90,
                "soap bubbles": 121,
                "pipes": 149,
            },
        ),
        (
            "blocks.13",
            2,
            {
                "teddy bear": 26,
                "wrinkled face": 110,
            },
        ),
        (
            "blocks.13",
            -2,
            {
                "fleece": 97,
                "clockwork": 110,
                "machinery": 125,
            },
        ),
        (
            "blocks.14",
            3,
            {
                "drapery": 65,
                "zebra": 188,
            },
        ),
        (
            "blocks.14",
            -3,
            {
                "cat": 131,
                "woods": 141,
            },
        ),
    ),
}

_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "squeezenet": {
        "dogs": (
            "golden retriever",
            "retriever",
            "chihuahua",
            "terrier",
            "puppy",
            "schnauzer",
            "spaniel",
            "hound",
            "bulldog",
            "bloodhound",
        ),
        "dog faces": ("puppy face", "pomeranian", "dog nose", "husky", "lapdog", "boxer", "shih tzu"),
        "birds": ("duck", "pigeon", "blue bird", "goldfinch", "spotted bird", "rooster", "robin", "parrot", "peacock"),
        "insects": ("beetle", "ladybug", "caterpillar"),
        "reptiles": ("snake", "iguana", "pangolin"),
        "foxes": ("fox", "red fox", "wolf"),
        "monkeys": ("monkey", "gorilla", "gibbon", "marmoset"),
        "fruit and vegetables": ("fruit", "grapes", "pineapple", "artichoke"),
        "eye motifs": ("eye", "eyeball", "eyes", "owl eyes"),
        "people": ("human face", "black hair", "portrait", "hood"),
        "buildings": ("tower", "archway", "street", "bridge", "tent"),
        "machines": ("gears", "keypad", "wheel", "wheel rim", "dial"),
        "cats": ("kitten", "kitten face", "wildcat", "lynx", "leopard", "snow leopard"),
    },
    "efficientnet_lite0": {
        "furs": ("cat fur", "white fur", "cheetah", "leopard", "fleece"),
        "knits": ("knitwear", "yarn", "braids", "ropes"),
        "textiles": ("tartan", "patchwork", "basket", "weave", "drapery"),
        "stone town": ("shingles", "bricks", "windows", "roofs"),
        "machines": ("machinery", "robots", "chrome", "clockwork", "pipes"),
        "reptiles": ("lizard skin", "crocodile", "serpent", "tortoiseshell", "armor"),
        "sea life": ("coral", "brain coral", "starfish", "snail shells", "tentacles"),
        "plants": ("leaves", "blossoms", "grass", "fronds", "mushroom"),
        "faces": ("pug", "ape", "wrinkled face", "cat"),
    },
}
