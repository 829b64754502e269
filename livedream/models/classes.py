"""The classes that the networks were trained to tell apart: ImageNet's thousand, by name. Readable without torch."""

import re
from functools import cache
from importlib.resources import files

from livedream.errors import ArgumentError, unknown
from livedream.models.registry import find_network

LOGITS = "logits"
"""The name, in every network, of the layer that scores its classes: (n, classes), before softmax."""
IMAGENET = 1000


def class_names(name: str) -> list[str]:
    """Return the classes of the network called `name` in the order of its logits: `goldfinch` is the one at 11.

    They are those of the official weights; a file of other weights may have others. Raises ArgumentError for an unknown
    network.
    """
    find_network(name)
    return list(_imagenet())


def find_class(name: str, text: str, count: int = IMAGENET) -> int:
    """Return the number of the class that `text` means, by its name or as the number itself.

    Case, spaces, `-` and `_` make no difference: `Tiger_Cat` is `tiger cat`. count: how many classes the network has;
    with another count than ImageNet's only numbers are known. Raises ArgumentError with the nearest names.
    """
    classes = class_names(name)
    if text.strip().isdecimal():
        number = int(text)
        if number < count:
            return number
        raise ArgumentError(f"{name} has {count} classes, got {number}", f"0 to {count - 1}")
    if count != len(classes):
        raise ArgumentError(
            f"the names of the {count} classes of these weights are not known, got {text}",
            f"give the class as a number, 0 to {count - 1}",
        )
    plain = [plain_name(known) for known in classes]
    if plain_name(text) not in plain:
        where = f"give a name of ImageNet such as {classes[11]}, or a number, 0 to {count - 1}"
        raise unknown("class", plain_name(text), plain, where)
    return plain.index(plain_name(text))


@cache
def _imagenet() -> tuple[str, ...]:
    text = (files("livedream") / "assets" / "imagenet.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def plain_name(text: str) -> str:
    """Return `text` in lower case, with one space for each run of spaces, `-` and `_`."""
    return re.sub(r"[\s_-]+", " ", text).strip().lower()
