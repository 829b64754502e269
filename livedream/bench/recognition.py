"""Whether what one network dreams of is recognised by another: dogs by SqueezeNet are dogs for EfficientNet-Lite0 too.

What only the network that dreamt it sees is an adversarial pattern; what another one sees as well is a picture of it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from livedream import models
from livedream.bench.photographs import NAMES, fit, photograph
from livedream.dream.dreamer import Dreamer
from livedream.models.groups import class_group
from livedream.settings import DreamSettings

Judge = Callable[[np.ndarray], int]
"""Takes a picture, uint8 RGB (h, w, 3), and returns the number of the class of ImageNet that it puts first."""
GROUPS = ("dogs", "birds")
"""Names that both networks have for channels or a direction, and ImageNet for a group of classes."""
SIZE = (360, 240)
"""(width, height) of the stills."""
_NOISES = 10
_GREY, _SIGMA = 128, 10
_SIDES = {"squeezenet": 227, "efficientnet_lite0": 224}
"""The side of the pictures with which each network was trained."""


class Recognition(NamedTuple):
    group: str
    dreamer: str
    """The network that dreams; and below the one that judges."""
    judge: str
    stills: int
    recognised: int
    """How many of the stills the judge puts into a class of the group."""
    before: int
    """How many of the sources of these stills it does."""


def recognition(groups: Sequence[str] = GROUPS, count: int = 2 * _NOISES) -> list[Recognition]:
    """Dream `groups` with each network, in `count` stills, half of photographs, half of noise; let the other judge.

    Raises ArgumentError without scikit-image, or for an unknown group.
    """
    pictures = sources(count)
    judges = {name: new_judge(name) for name in _SIDES}
    found = []
    for dreaming, judging in (tuple(_SIDES), tuple(reversed(_SIDES))):
        for group in groups:
            dreamer = Dreamer(DreamSettings(model=dreaming, layers=group))
            judge, classes = judges[judging], class_group(group)
            before = recognised(pictures, judge, classes)
            after = recognised((dreamer(picture) for picture in pictures), judge, classes)
            found.append(Recognition(group, dreaming, judging, len(pictures), after, before))
    return found


def recognised(pictures: Iterable[np.ndarray], judge: Judge, classes: Sequence[int]) -> int:
    """Return how many of `pictures` `judge` puts into one of `classes`."""
    return sum(judge(picture) in classes for picture in pictures)


def sources(count: int) -> list[np.ndarray]:
    """Return `count` pictures of SIZE, even: so many photographs, and as many of nothing but noise."""
    random = np.random.default_rng(0)
    noises = (random.normal(_GREY, _SIGMA, (SIZE[1], SIZE[0], 3)) for _ in range(count // 2))
    return [
        *(fit(photograph(name), SIZE) for name in NAMES[: count // 2]),
        *(np.clip(np.round(noise), 0, 255).astype(np.uint8) for noise in noises),
    ]


def new_judge(name: str) -> Judge:
    """Return the network called `name` as a judge: it sees the middle square of a picture, at the side it knows."""
    import torch

    row, network, side = models.find_network(name), models.load(name), _SIDES[name]
    mean, std = (np.array(numbers, np.float32) for numbers in (row.mean, row.std))

    def judge(picture: np.ndarray) -> int:
        seen = (fit(picture, (side, side)) - mean) / std
        with torch.no_grad():
            scores: torch.Tensor = network(torch.from_numpy(seen.transpose(2, 0, 1)[None].copy()))
        return int(scores.argmax())

    return judge
