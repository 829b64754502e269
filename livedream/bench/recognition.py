"""Whether another network recognizes a dream: for example, whether EfficientNet-Lite0 sees dogs in SqueezeNet's dogs.

If only the dreaming network recognizes the image it is an adversarial pattern; if another network does too, it depicts
the objective.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from livedream import models
from livedream.bench.photographs import NAMES, load_photograph, resize_and_crop
from livedream.dream.dreamer import Dreamer
from livedream.models.groups import class_group
from livedream.settings import DreamSettings

Judge = Callable[[np.ndarray], int]
"""Takes an image, uint8 RGB (h, w, 3), and returns the index of its top class in ImageNet."""
GROUPS = ("dogs", "birds")
"""Names that denote channels or a direction in both networks, and a group of classes in ImageNet."""
SIZE = (360, 240)
"""(width, height) of the stills."""
_NOISE_IMAGES = 10
_NOISE_MEAN, _NOISE_SIGMA = 128, 10
_INPUT_SIZES = {"squeezenet": 227, "efficientnet_lite0": 224}
"""Width and height of the images with which each network was trained."""


class Recognition(NamedTuple):
    group: str
    dreamer: str
    """Name of the network that dreams."""
    judge: str
    """Name of the network that classifies."""
    stills: int
    recognised: int
    """Number of stills whose top class is in the group."""
    before: int
    """Number of the sources of these stills whose top class is in the group."""


def measure_recognition(groups: Sequence[str] = GROUPS, count: int = 2 * _NOISE_IMAGES) -> list[Recognition]:
    """Dream each group with each network, and classify the stills with the other network.

    Args:
        groups: names of groups of classes.
        count: number of stills per group, half from photographs and half from noise.

    Raises:
        ArgumentError: scikit-image is not installed, or a group is unknown.
    """
    images = source_images(count)
    judges = {name: load_judge(name) for name in _INPUT_SIZES}
    results = []
    for dreaming, judging in (tuple(_INPUT_SIZES), tuple(reversed(_INPUT_SIZES))):
        for group in groups:
            dreamer = Dreamer(DreamSettings(model=dreaming, layers=group))
            judge, classes = judges[judging], class_group(group)
            before = count_recognized(images, judge, classes)
            after = count_recognized((dreamer(image) for image in images), judge, classes)
            results.append(Recognition(group, dreaming, judging, len(images), after, before))
    return results


def count_recognized(images: Iterable[np.ndarray], judge: Judge, classes: Sequence[int]) -> int:
    """Return the number of images whose top class, according to `judge`, is one of `classes`."""
    return sum(judge(image) in classes for image in images)


def source_images(count: int) -> list[np.ndarray]:
    """Return `count` images of SIZE, uint8 RGB: half photographs, half noise. `count` is even."""
    random = np.random.default_rng(0)
    noise_images = (random.normal(_NOISE_MEAN, _NOISE_SIGMA, (SIZE[1], SIZE[0], 3)) for _ in range(count // 2))
    return [
        *(resize_and_crop(load_photograph(name), SIZE) for name in NAMES[: count // 2]),
        *(np.clip(np.round(noise), 0, 255).astype(np.uint8) for noise in noise_images),
    ]


def load_judge(name: str) -> Judge:
    """Return a network as a judge, which sees the central square of an image at the size of its training images."""
    import torch

    network_info, network, side = models.find_network(name), models.load(name), _INPUT_SIZES[name]
    mean, std = (np.array(values, np.float32) for values in (network_info.mean, network_info.std))

    def judge(image: np.ndarray) -> int:
        normalized = (resize_and_crop(image, (side, side)) - mean) / std
        with torch.no_grad():
            logits: torch.Tensor = network(torch.from_numpy(normalized.transpose(2, 0, 1)[None].copy()))
        return int(logits.argmax())

    return judge
