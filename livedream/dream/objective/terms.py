"""The terms of an objective: each maps the activations of a network to one number, which gradient ascent increases.

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
from livedream.image import MOST_PIXELS, read_image
from livedream.models import LOGITS, find_classes
from livedream.untrusted import NotRegularError, open_regular

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Value = TypeVar("Value")

IMAGE = "image"
"""The key of the image itself, float32 RGB 0..255, among the activations."""

# The height in pixels at which the network sees a guide. Google's is 224, the size the networks were trained on.
_GUIDE_HEIGHT = 224
# Pairs of positions compared at a time: 64 MB of float32.
_PAIRS = 1 << 24
_LARGEST_VECTOR = 1 << 22
"""Bytes of a file that holds a direction. The widest layers have 4,096 channels."""


class Bindable(Protocol):
    """What a term may ask of a network; DreamNetwork provides it."""

    name: str

    @property
    def channels(self) -> Mapping[str, int]: ...

    @property
    def device(self) -> "torch.device": ...

    def activations_of(self, pixels: np.ndarray, height: int) -> Mapping[str, "Tensor"]: ...


@dataclass(frozen=True, slots=True)
class Term:
    """One quantity to maximise. Calling it with the activations by layer name returns a float32 scalar.

    Activations have the shape (n, channels, h, w), or (n, classes) after the last layer. Values are computed in
    float32: squares of half-precision activations overflow, and their sum loses small summands.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers it reads."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it reads."""
        return ()

    @property
    def needs_whole_image(self) -> bool:
        """Whether it depends on the position in the image, so that the image cannot be split into tiles."""
        return False

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        """Raise ArgumentError if the network `model` lacks a channel or class. channels: number of them by layer."""

    def bind(self, network: Bindable) -> Self:
        """Return it with what it needs of `network`. Reads its files; raises SourceError."""
        return self

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        raise NotImplementedError

    @property
    def has_gradient(self) -> bool:
        """Whether `gradient` is implemented. If so, it reads exactly one layer."""
        return False

    def gradient(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        """Return the gradient of `weight` times its value with respect to its layer, in the layer's shape and dtype."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Layer(Term):
    """The mean of the squared activations of a layer, or of one of its channels: amplifies what is already there."""

    layer: str
    channel: int | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        _check_channel(self.layer, self.channel, channels)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return _select(activations[self.layer], self.channel).float().square().mean()

    @property
    def has_gradient(self) -> bool:
        return True

    def gradient(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        import torch

        activation = activations[self.layer]
        selected = _select(activation, self.channel)
        gradient = self._selected_gradient(selected, weight / selected.numel())
        if self.channel is None:
            return gradient
        whole = torch.zeros_like(activation)
        whole[:, self.channel] = gradient
        return whole

    def _selected_gradient(self, selected: "Tensor", share: float) -> "Tensor":
        """Return the gradient with respect to the activations it averages. share: weight of each one in the mean."""
        return selected * (2 * share)

    def __str__(self) -> str:
        return self.layer if self.channel is None else f"{self.layer}:{self.channel}"


@dataclass(frozen=True, slots=True)
class Mean(Layer):
    """The plain mean of the activations of a layer, or of one of its channels: flatter, and shows new features."""

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return _select(activations[self.layer], self.channel).float().mean()

    def _selected_gradient(self, selected: "Tensor", share: float) -> "Tensor":
        import torch

        return torch.full_like(selected, share)

    def __str__(self) -> str:
        return f"mean({Layer.__str__(self)})"


@dataclass(frozen=True, slots=True)
class Neuron(Term):
    """The activation of a channel at one position."""

    layer: str
    channel: int
    x: float = 0.5
    y: float = 0.5
    """Position: 0, 0 is the upper left corner of the image, 1, 1 the lower right."""

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise ArgumentError(
                f"invalid neuron position {self.x:g}, {self.y:g}: expected x and y from 0 to 1",
                "0.5, 0.5 is the middle of the image",
            )

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def needs_whole_image(self) -> bool:
        return True

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        _check_channel(self.layer, self.channel, channels)

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        channel = _map(activations[self.layer])[:, self.channel]
        height, width = channel.shape[1:]
        return channel[:, min(int(self.y * height), height - 1), min(int(self.x * width), width - 1)].float().mean()

    def __str__(self) -> str:
        place = "" if (self.x, self.y) == (0.5, 0.5) else f", {number(self.x)}, {number(self.y)}"
        return f"neuron({self.layer}:{self.channel}{place})"


@dataclass(frozen=True, slots=True)
class Direction(Term):
    """The dot product of the activations with a vector in channel space, averaged over all positions."""

    layer: str
    entries: tuple[tuple[int, float], ...] = ()
    """The vector as channels with their weights. All other channels have weight 0."""
    file: str = ""
    """A .npy file that holds the vector instead, one number per channel."""
    vector: "Tensor | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.file and not any(weight for _, weight in self.entries):
            raise ArgumentError(
                "invalid direction: at least one channel needs a weight that is not 0",
                "for example direction(fire9, 3, 7:-0.5)",
            )
        if not all(math.isfinite(weight) for _, weight in self.entries):
            raise ArgumentError(
                "invalid direction: each weight must be a finite number", "for example direction(fire9, 3, 7:-0.5)"
            )

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
                    f"{self.file} has {numbers.size} numbers, but layer {self.layer} has {count} channels",
                    "store one number per channel",
                )
        else:
            numbers = np.zeros(count, np.float32)
            for index, weight in self.entries:
                numbers[index] += weight
        # Copied here once: a copy in each step would wait for the GPU and could not be captured in a CUDA graph.
        return replace(self, vector=torch.from_numpy(numbers).to(network.device))

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        means = _map(activations[self.layer]).float().mean((2, 3))
        return (means @ _bound(self.vector)).mean()

    @property
    def has_gradient(self) -> bool:
        return True

    def gradient(self, activations: Mapping[str, "Tensor"], weight: float) -> "Tensor":
        import torch

        activation = activations[self.layer]
        positions = activation.numel() // activation.shape[1]
        share = (_bound(self.vector) * (weight / positions)).to(activation.dtype)
        return torch.empty_like(activation).copy_(share.view(1, -1, *[1] * (activation.ndim - 2)))

    def __str__(self) -> str:
        entries = (f"{index}" if weight == 1 else f"{index}:{number(weight)}" for index, weight in self.entries)
        return f"direction({self.layer}, {quoted(self.file, always=True) if self.file else ', '.join(entries)})"


@dataclass(frozen=True, slots=True)
class Class(Term):
    """The score of a class before softmax, or the mean score of a group of classes."""

    name: str
    """The name of a class or group, or the number of a class as text."""
    indices: "Tensor | None" = field(default=None, compare=False, repr=False)

    @property
    def layers(self) -> tuple[str, ...]:
        return (LOGITS,)

    def check(self, model: str, channels: Mapping[str, int]) -> None:
        find_classes(model, self.name, channels[LOGITS])

    def bind(self, network: Bindable) -> Self:
        import torch

        # Copied here once, like the vector of a direction.
        indices = find_classes(network.name, self.name, network.channels[LOGITS])
        return replace(self, indices=torch.tensor(indices, device=network.device))

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        return activations[LOGITS].index_select(1, _bound(self.indices)).float().mean()

    def __str__(self) -> str:
        return f"class:{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Guide(Term):
    """The similarity (dot product) of each position with its best match among the features of a guide image."""

    file: str
    layer: str
    features: "Tensor | None" = field(default=None, compare=False, repr=False)
    """(channels, positions of the guide)."""

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    @property
    def files(self) -> tuple[Path, ...]:
        return (Path(self.file),)

    def bind(self, network: Bindable) -> Self:
        activation = network.activations_of(read_image(Path(self.file), MOST_PIXELS), _GUIDE_HEIGHT)[self.layer]
        return replace(self, features=_map(activation)[0].flatten(1).float().contiguous())

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        import torch

        features = _bound(self.features)
        activation = _map(activations[self.layer]).float().flatten(2)
        with torch.no_grad():
            pieces = torch.split(activation, max(1, _PAIRS // features.shape[1]), 2)
            best = torch.cat([(features.T @ piece).argmax(1) for piece in pieces], 1)
            matches = features[:, best].transpose(0, 1)
        return (activation * matches).mean()

    def __str__(self) -> str:
        return f"guide:{quoted(self.file)}@{self.layer}"


@dataclass(frozen=True, slots=True)
class TotalVariation(Term):
    """The mean absolute difference of neighbouring pixels, in levels of 255. A negative weight smooths the image."""

    def __call__(self, activations: Mapping[str, "Tensor"]) -> "Tensor":
        image = activations[IMAGE]
        vertical = image[:, :, 1:] - image[:, :, :-1]
        horizontal = image[:, :, :, 1:] - image[:, :, :, :-1]
        return vertical.abs().mean() + horizontal.abs().mean()

    def __str__(self) -> str:
        return "tv"


def _check_channel(layer: str, channel: int | None, channels: Mapping[str, int]) -> None:
    if channel is not None and channel >= channels[layer]:
        raise ArgumentError(
            f"invalid channel {channel}: layer {layer} has {channels[layer]} channels",
            f"choose a channel from 0 to {channels[layer] - 1}",
        )


def _select(activation: "Tensor", channel: int | None) -> "Tensor":
    return activation if channel is None else activation[:, channel]


def _map(activation: "Tensor") -> "Tensor":
    """Return an activation as (n, channels, h, w): class scores become a map of one position."""
    return activation if activation.ndim == 4 else activation[:, :, None, None]


def _bound(value: Value | None) -> Value:
    if value is None:
        raise RuntimeError("the objective is not bound to a network: call objective.bind(network) first")
    return value


def _read_vector(path: Path) -> np.ndarray:
    hint = "write the file with numpy.save, one number per channel"
    try:
        with open_regular(path) as file:
            numbers = _load_vector(file)
    except FileNotFoundError as error:
        raise SourceError(
            f"no such file: {path}", "check the name; relative names start in the current folder"
        ) from error
    except NotRegularError as error:
        raise SourceError(f"{path} is not a vector of numbers: {error.strerror}", hint) from error
    except (OSError, EOFError, ValueError, TypeError, SyntaxError, MemoryError) as error:
        raise SourceError(f"{path} is not a vector of numbers", hint) from error
    if not np.isfinite(numbers).all():
        raise SourceError(f"{path} contains NaN or infinite values", hint)
    if not numbers.any():
        raise SourceError(f"{path} contains only zeros", "give at least one channel a weight that is not 0")
    return numbers


def _load_vector(file: BinaryIO) -> np.ndarray:
    """Return the vector in `file`, as numpy.save writes it: float32. Raises ValueError."""
    data = file.read(_LARGEST_VECTOR + 1)
    if len(data) > _LARGEST_VECTOR or not data.startswith(b"\x93NUMPY"):
        raise ValueError("it is not a NumPy file, or is too large")
    numbers = np.load(io.BytesIO(data), allow_pickle=False)
    if numbers.dtype.kind not in "fiu":
        raise ValueError("its numbers are not real")
    with np.errstate(over="ignore"):  # values that overflow to infinity are refused later
        return numbers.astype(np.float32).reshape(-1)
