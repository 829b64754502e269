"""The classes the networks were trained on: the names of ImageNet's thousand. Does not import torch."""

import re
from functools import cache
from importlib.resources import files

from livedream.errors import ArgumentError, unknown
from livedream.models.registry import find_network

LOGITS = "logits"
"""The name, in every network, of the layer of class scores: (n, classes), before softmax."""
IMAGENET = 1000
"""The number of classes of ImageNet."""


def class_names(name: str) -> list[str]:
    """Return the class names of the network `name` in the order of its logits: `goldfinch` is at index 11.

    These are the classes of the official weights; other weights may have others.

    Raises:
        ArgumentError: the network is unknown.
    """
    find_network(name)
    return list(_imagenet())


def find_class(name: str, text: str, count: int = IMAGENET) -> int:
    """Return the index of a class in the logits of the network `name`.

    Args:
        name: the network.
        text: a class name or number. Case, spaces, `-` and `_` make no difference: `Tiger_Cat` is `tiger cat`.
        count: number of classes of the network. With a count other than ImageNet's, only numbers are accepted.

    Raises:
        ArgumentError: there is no such class; the hint names the closest ones.
    """
    classes = class_names(name)
    if text.strip().isdecimal():
        number = int(text)
        if number < count:
            return number
        raise ArgumentError(
            f"invalid class {number}: {name} has {count} classes", f"choose a number from 0 to {count - 1}"
        )
    if count != len(classes):
        raise ArgumentError(
            f"invalid class {text}: the names of the {count} classes of these weights are not known",
            f"choose a number from 0 to {count - 1}",
        )
    plain = [plain_name(known) for known in classes]
    if plain_name(text) not in plain:
        where = f"give an ImageNet class name such as {classes[11]}, or a number from 0 to {count - 1}"
        raise unknown("class", plain_name(text), plain, where)
    return plain.index(plain_name(text))


@cache
def _imagenet() -> tuple[str, ...]:
    text = (files("livedream") / "assets" / "imagenet.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def plain_name(text: str) -> str:
    """Return `text` in lower case, with each run of spaces, `-` and `_` replaced by one space."""
    return re.sub(r"[\s_-]+", " ", text).strip().lower()
