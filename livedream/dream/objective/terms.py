"""What an objective is a sum of: each goal gives one number of what a network sees, which ascent makes larger.

Sources: layer, A. Mordvintsev et al., google/deepdream, `objective_L2`, and guide, `objective_guide` (2015); mean,
neuron, direction and class, C. Olah et al., "Feature Visualization", Distill 2017 (tensorflow/lucid); total variation,
A. Mahendran and A. Vedaldi, "Understanding deep image representations by inverting them", 2015.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TypeVar

import numpy as np

from livedream.dream.objective.formatting import number, quoted
from livedream.errors import ArgumentError, SourceError
from livedream.image import MOST_PIXELS, read_picture
from livedream.models import LOGITS, find_classes
from livedream.untrusted import NotRegularError, open_regular

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Value = TypeVar("Value")

PICTURE = "picture"
"""The name under which a network gives the picture itself, float32 RGB 0..255, among the activations."""

# At this height a guide is seen; Google's has 224, for which the networks were trained.
_GUIDE_HEIGHT = 224
# Pairs of places that are compared at a time: 64 MB of float32.
_PAIRS = 1 << 24
_LARGEST_VECTOR = 1 << 22
"""Bytes of a file with a direction: the widest layers have 4,096 channels."""


class Bindable(Protocol):
    """What a goal may ask of a network: see DreamNetwork."""

    name: str

    @property
    def channels(self) -> Mapping[str, int]: ...

    @property
    def device(self) -> "torch.device": ...

    def look(self, pixels: np.ndarray, height: int) -> Mapping[str, "Tensor"]: ...


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to look for. Called with the activations of its layers by name, it returns a float32 scalar.

    An activation is (n, channels, h, w), or (n, classes) behind the last layer. All is calculated in float32: the
    squares of half-precision activations overflow, and their sum loses its small parts.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers it looks at."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is made of."""
        return ()

    @property
    def whole(self) -> bool:
        """Whether it looks at the picture as a whole, so that no tile will do."""
        return False

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        """Raise ArgumentError when the network called `model` has no such channel. channels: how many, by layer."""

    def bind(self, network: Bindable) -> Self:
        """Return it with all that it needs of `network`; files are read. Raises SourceError."""
        return self

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        raise NotImplementedError

    @property
    def has_gradient(self) -> bool:
        """Whether `slope` is written: the gradient of the value, times `weight`, by the one layer that it looks at."""
        return False

    def slope(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Layer(Term):
    """The mean of the squared activations of a layer, or of one of its channels: more of what is there already."""

    layer: str
    channel: int | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        _check_channel(self.layer, self.channel, channels)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return _picked(activations[self.layer], self.channel).float().square().mean()

    @property
    def has_gradient(self) -> bool:
        return True

    def slope(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        import torch

        found = activations[self.layer]
        picked = _picked(found, self.channel)
        slope = self._slope(picked, weight / picked.numel())
        if self.channel is None:
            return slope
        whole = torch.zeros_like(found)
        whole[:, self.channel] = slope
        return whole

    def _slope(self, picked: "Tensor", share: float) -> "Tensor":
        """Return the slope by each of the activations that are looked at. share: of one of them in the mean."""
        return picked * (2 * share)

    def __str__(self) -> str:
        return self.layer if self.channel is None else f"{self.layer}:{self.channel}"


@dataclass(frozen=True, slots=True)
class Mean(Layer):
    """The plain mean of the activations of a layer, or of one of its channels: flatter, and it finds new things."""

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return _picked(activations[self.layer], self.channel).float().mean()

    def _slope(self, picked: "Tensor", share: float) -> "Tensor":
        import torch

        return torch.full_like(picked, share)

    def __str__(self) -> str:
        return f"mean({Layer.__str__(self)})"


@dataclass(frozen=True, slots=True)
class Neuron(Term):
    """The activation of a channel at one place."""

    layer: str
    channel: int
    x: float = 0.5
    y: float = 0.5
    """Where: 0, 0 is the upper left corner of the picture, 1, 1 the lower right."""

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise ArgumentError(
                f"a neuron is at x, y from 0 to 1, got {self.x:g}, {self.y:g}", "0.5, 0.5 is the middle"
            )

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def whole(self) -> bool:
        return True

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        _check_channel(self.layer, self.channel, channels)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        found = _map(activations[self.layer])[:, self.channel]
        height, width = found.shape[1:]
        return found[:, min(int(self.y * height), height - 1), min(int(self.x * width), width - 1)].float().mean()

    def __str__(self) -> str:
        place = "" if (self.x, self.y) == (0.5, 0.5) else f", {number(self.x)}, {number(self.y)}"
        return f"neuron({self.layer}:{self.channel}{place})"


@dataclass(frozen=True, slots=True)
class Direction(Term):
    """The mean over the places of the product of the activations with a vector in the space of the channels."""

    layer: str
    entries: tuple[tuple[int, float], ...] = ()
    """The vector: channels with their weights. All others are 0."""
    file: str = ""
    """The .npy file that holds the vector instead, a number for each channel."""
    vector: "Tensor | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.file and not any(weight for _, weight in self.entries):
            raise ArgumentError("a direction needs a channel whose weight is not 0", "direction(fire9, 3, 7:-0.5)")
        if not all(math.isfinite(weight) for _, weight in self.entries):
            raise ArgumentError("the weights of a direction are finite numbers", "direction(fire9, 3, 7:-0.5)")

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def files(self) -> tuple[Path, ...]:
        return (Path(self.file),) if self.file else ()

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        for index, _ in self.entries:
            _check_channel(self.layer, index, channels)

    def bind(self, network: Bindable) -> Self:
        import torch

        count = network.channels[self.layer]
        if self.file:
            numbers = _read_vector(Path(self.file))
            if numbers.size != count:
                raise ArgumentError(
                    f"{self.file} has {numbers.size} numbers, and {self.layer} has {count} channels",
                    "give a number for each channel",
                )
        else:
            numbers = np.zeros(count, np.float32)
            for index, weight in self.entries:
                numbers[index] += weight
        # Here once: in each step a GPU would be waited for, and none could be recorded.
        return replace(self, vector=torch.from_numpy(numbers).to(network.device))

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        found = _map(activations[self.layer]).float().mean((2, 3))
        return (found @ _bound(self.vector)).mean()

    @property
    def has_gradient(self) -> bool:
        return True

    def slope(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        import torch

        found = activations[self.layer]
        places = found.numel() // found.shape[1]
        share = (_bound(self.vector) * (weight / places)).to(found.dtype)
        return torch.empty_like(found).copy_(share.view(1, -1, *[1] * (found.ndim - 2)))

    def __str__(self) -> str:
        entries = (f"{index}" if weight == 1 else f"{index}:{number(weight)}" for index, weight in self.entries)
        return f"direction({self.layer}, {quoted(self.file, always=True) if self.file else ', '.join(entries)})"


@dataclass(frozen=True, slots=True)
class Class(Term):
    """The score of a class before softmax, or the mean score of a group of classes."""

    name: str
    """The name of the class or group, or the number of a class as text."""
    indices: "Tensor | None" = field(default=None, compare=False, repr=False)

    @property
    def layers(self) -> tuple[str, ...]:
        return (LOGITS,)

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        find_classes(model, self.name, channels[LOGITS])

    def bind(self, network: Bindable) -> Self:
        import torch

        # Here once, as the vector of a direction.
        indices = find_classes(network.name, self.name, network.channels[LOGITS])
        return replace(self, indices=torch.tensor(indices, device=network.device))

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return activations[LOGITS].index_select(1, _bound(self.indices)).float().mean()

    def __str__(self) -> str:
        return f"class:{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Guide(Term):
    """How well each place fits the feature of a guide, another picture, that fits it best: its product with that."""

    file: str
    layer: str
    features: "Tensor | None" = field(default=None, compare=False, repr=False)
    """(channels, places of the guide)."""

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def files(self) -> tuple[Path, ...]:
        return (Path(self.file),)

    def bind(self, network: Bindable) -> Self:
        found = network.look(read_picture(Path(self.file), MOST_PIXELS), _GUIDE_HEIGHT)[self.layer]
        return replace(self, features=_map(found)[0].flatten(1).float().contiguous())

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        import torch

        features = _bound(self.features)
        found = _map(activations[self.layer]).float().flatten(2)
        with torch.no_grad():
            pieces = torch.split(found, max(1, _PAIRS // features.shape[1]), 2)
            best = torch.cat([(features.T @ piece).argmax(1) for piece in pieces], 1)
            wanted = features[:, best].transpose(0, 1)
        return (found * wanted).mean()

    def __str__(self) -> str:
        return f"guide:{quoted(self.file)}@{self.layer}"


@dataclass(frozen=True, slots=True)
class TotalVariation(Term):
    """How far neighbouring pixels differ on average, in levels of 255. With a weight below 0 it smooths."""

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        picture = activations[PICTURE]
        down = picture[:, :, 1:] - picture[:, :, :-1]
        across = picture[:, :, :, 1:] - picture[:, :, :, :-1]
        return down.abs().mean() + across.abs().mean()

    def __str__(self) -> str:
        return "tv"


def _check_channel(layer: str, channel: int | None, channels: Mapping[str, int]) -> None:
    if channel is not None and channel >= channels[layer]:
        raise ArgumentError(
            f"layer {layer} has {channels[layer]} channels, got {channel}", f"0 to {channels[layer] - 1}"
        )


def _picked(found: "Tensor", channel: int | None) -> "Tensor":
    return found if channel is None else found[:, channel]


def _map(found: "Tensor") -> "Tensor":
    """Return activations as (n, channels, h, w): scores of classes are a map of one place."""
    return found if found.ndim == 4 else found[:, :, None, None]


def _bound(value: Value | None) -> Value:
    if value is None:
        raise RuntimeError("this objective must be bound to a network first: objective.bind(network)")
    return value


def _read_vector(path: Path) -> np.ndarray:
    try:
        with open_regular(path) as file:
            numbers = _vector(file)
    except FileNotFoundError as error:
        raise SourceError(
            f"no such file: {path}", "check the name; relative names start in the current folder"
        ) from error
    except NotRegularError as error:
        raise SourceError(f"{path} is no vector of numbers: {error.strerror}", "numpy.save writes one") from error
    except (OSError, EOFError, ValueError, TypeError, SyntaxError, MemoryError) as error:
        raise SourceError(f"{path} is no vector of numbers", "numpy.save writes one") from error
    if not np.isfinite(numbers).all() or not numbers.any():
        raise SourceError(f"{path} holds what is no number, or only zeros", "give a number for each channel")
    return numbers


def _vector(file: BinaryIO) -> np.ndarray:
    """Return the numbers in `file`, a vector as numpy.save writes it: float32. Raises ValueError."""
    data = file.read(_LARGEST_VECTOR + 1)
    if len(data) > _LARGEST_VECTOR or not data.startswith(b"\x93NUMPY"):
        raise ValueError("it is not a NumPy file, or is too large")
    numbers = np.load(io.BytesIO(data), allow_pickle=False)
    if numbers.dtype.kind not in "fiu":
        raise ValueError("its numbers are not real")
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        return numbers.astype(np.float32).reshape(-1)
