"""The networks that livedream knows: a table, readable without torch, and the loading of a row of it."""

import pickle
import urllib.error
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.errors import WeightsError, unknown

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)
EMBEDDED = "squeezenet"


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

    @property
    def note(self) -> str:
        """Where its weights are."""
        return "in the package" if self.name == EMBEDDED else f"downloaded once, {self.megabytes:g} MB"


# Looks of the torchvision networks: reference tables of the projects named in docs, layer for layer.
_table = (
    Network(
        EMBEDDED,
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
    ),
    Network("alexnet", (("features.6", "patterns"), ("features.10", "eyes")), "features.10", 233, smallest=63),
    Network(
        "googlenet",
        (
            ("inception3b", "leopard, cubes"),
            ("inception4c", "the classic slugs and dogs"),
            ("inception4d", "whole objects"),
            ("inception5a", "abstract"),
        ),
        "inception4c",
        50,
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
    ),
    Network(
        "inception_v3",
        (("Mixed_5b", "eyes and spirals"), ("Mixed_5d", "animal features"), ("Mixed_6b", "abstract")),
        "Mixed_5d",
        104,
        smallest=75,
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
    ),
    Network(
        "vgg16",
        (("features.15", "texture"), ("features.22", "eyes and birds"), ("features.29", "creatures")),
        "features.22",
        528,
    ),
    Network(
        "vgg19",
        (("features.17", "texture"), ("features.26", "eyes and birds"), ("features.35", "creatures")),
        "features.26",
        548,
    ),
    Network("resnet50", (("layer2", "texture"), ("layer3", "eyes and animals"), ("layer4", "creatures")), "layer3", 98),
    Network("mobilenet_v3_large", (("features.6", "texture"), ("features.12", "shapes")), "features.12", 21),
    Network("efficientnet_b0", (("features.4", "texture"), ("features.5", "shapes")), "features.5", 20),
    Network("convnext_tiny", (("features.3", "texture"), ("features.5", "shapes")), "features.5", 109),
)
NETWORKS = {network.name: network for network in _table}


def network_names() -> list[str]:
    """Return the name of every network, the embedded one first."""
    return list(NETWORKS)


def network_table() -> list[Network]:
    """Return every network, the embedded one first."""
    return list(NETWORKS.values())


def find_network(name: str) -> Network:
    """Return the network called `name`. Raises ArgumentError with the nearest names."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]


def build(name: str) -> "nn.Module":
    """Return the network called `name` with random weights, for inference (`eval`), on the CPU in float32."""
    if find_network(name).name == EMBEDDED:
        from livedream.models.squeezenet import SqueezeNet

        return SqueezeNet().eval()
    return _build_torchvision(name, init_weights=True)


def load(name: str) -> "nn.Module":
    """Return the network called `name` with its weights, for inference, on the CPU in float32.

    The embedded one is in the package; the others are downloaded once, by torchvision, into torch's usual cache and
    checked by their hash. Raises WeightsError when that fails.
    """
    return _load_embedded() if find_network(name).name == EMBEDDED else _load_torchvision(name)


def _load_embedded() -> "nn.Module":
    from safetensors.torch import load_file

    network = build(EMBEDDED)
    with as_file(files("livedream") / "assets" / "squeezenet.safetensors") as path:
        network.load_state_dict({name: weight.float() for name, weight in load_file(path).items()})
    return network


def _build_torchvision(name: str, init_weights: bool) -> "nn.Module":
    from torchvision.models import get_model

    # Those that can be told not to draw random weights only to throw them away: seconds for a VGG.
    told = name in ("googlenet", "inception_v3", "vgg16", "vgg19")
    network = get_model(name, **({"init_weights": init_weights} if told else {}))
    if hasattr(network, "transform_input"):
        network.transform_input = False  # a second normalisation, from ImageNet's to its own
    return network.eval()


def weights_file(name: str) -> Path:
    """Return where the weights of the network called `name`, not the embedded one, are once they are downloaded."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _weights(name).url.rsplit("/", 1)[-1]


def _weights(name: str) -> "WeightsEnum":
    """The first of several: the plain training of old, whose layers dream better than those of later recipes."""
    from torchvision.models import get_model_weights

    return next(iter(get_model_weights(name)))


def _load_torchvision(name: str) -> "nn.Module":
    weights, path = _weights(name), weights_file(name)
    network = _build_torchvision(name, init_weights=False)
    try:
        # weights_only: a file that was put into the cache by hand must not run code.
        network.load_state_dict(weights.get_state_dict(progress=True, check_hash=True, weights_only=True))
    except urllib.error.URLError as error:
        raise WeightsError(
            f"{name} needs the file {path.name} ({NETWORKS[name].megabytes:g} MB), which cannot be downloaded: "
            f"{error.reason}",
            f"get it from {weights.url} on a machine with network access and put it at {path}",
        ) from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path} is damaged or of another network: {reason}", "delete it and try again") from error
    return network
