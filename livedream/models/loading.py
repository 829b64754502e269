"""Builds networks with random weights, or loads them with trained ones."""

import hashlib
import logging
import uuid
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.errors import WeightsError
from livedream.models.classes import IMAGENET
from livedream.models.registry import Network, find_network
from livedream.steps import OnStep, StepReport

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger(__name__)

_PIECE = 1 << 17
"""Bytes downloaded between two progress reports."""
_SILENT_SECONDS = 60.0
"""A download fails after this time without data."""

_PUBLISHED = "https://download.pytorch.org/models/"
"""Where torchvision publishes its weights."""
_CHECKPOINTS = {
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    "alexnet": "alexnet-owt-7be5be79.pth",
    "googlenet": "googlenet-1378be20.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "mobilenet_v3_large": "mobilenet_v3_large-8738ca79.pth",
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "convnext_tiny": "convnext_tiny-983f1562.pth",
}
"""The file of each network there. If there are several, it is the first one published, from plain training: its layers
dream better than those of later training recipes."""

OFFICIAL = "official"
"""Used instead of a file name: the weights that the network was published with."""


def build(name: str, classes: int = IMAGENET) -> "nn.Module":
    """Return a network with random weights, for inference (`eval`), on the CPU in float32.

    Args:
        name: the network.
        classes: number of classes.

    Raises:
        ArgumentError: the network is unknown.
    """
    find_network(name)
    if name == "squeezenet":
        from livedream.models.squeezenet import SqueezeNet

        return SqueezeNet(classes).eval()
    if name == "efficientnet_lite0":
        from livedream.models.efficientnet_lite import EfficientNetLite0

        return EfficientNetLite0(classes).eval()
    if name == "googlenet":
        from livedream.models.googlenet import GoogLeNet

        return GoogLeNet(classes).eval()
    return _build_torchvision(name, classes)


def _build_torchvision(name: str, classes: int) -> "nn.Module":
    from torchvision.models import get_model

    # Without the parts that only training needs.
    options = {"aux_logits": False, "init_weights": True} if name == "inception_v3" else {}
    network = get_model(name, num_classes=classes, **options)
    if hasattr(network, "transform_input"):
        network.transform_input = False  # a second normalisation, from ImageNet's to its own
    return network.eval()


def load(name: str, weights: str = OFFICIAL, *, on_step: OnStep | None = None) -> "nn.Module":
    """Return a network with trained weights, for inference, on the CPU in float32.

    The official weights of an embedded network are in the package. Others are downloaded once, from torchvision's
    server, into torch's usual cache, and verified by their hash.

    Args:
        name: the network.
        weights: the path of a file to use instead, a state dict or safetensors, with any number of classes. No code in
            it is run.
        on_step: called repeatedly during a download. An exception that it raises stops the download.

    Raises:
        WeightsError: the file is missing, damaged or of another network, or the download failed.
        ArgumentError: the network is unknown.
    """
    network = find_network(name)
    if weights != OFFICIAL:
        return _load_file(name, Path(weights))
    if network.embedded:
        with as_file(files("livedream") / "assets" / f"{name}.safetensors") as path:
            return _load_file(name, path)
    _download(network, on_step)
    return _load_file(name, weights_file(name), "delete it and try again")


def has_weights(name: str) -> bool:
    """Return whether the official weights of the network `name` are there without a download."""
    return find_network(name).embedded or weights_file(name).exists()


def weights_file(name: str) -> Path:
    """Return the path of the downloaded official weights of `name`, a network of torchvision."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _CHECKPOINTS[name]


def _load_file(name: str, path: Path, *hint: str) -> "nn.Module":
    import torch

    from livedream.models.weights import fill, head, plain_names, read_weights

    weights = read_weights(path, *hint)
    with torch.device("meta"):  # without drawing random weights first, which takes seconds for a VGG
        network = build(name)
        weights = plain_names(weights, network)
        classifier = weights.get(f"{head(network)}.weight")
        if classifier is not None and classifier.ndim and len(classifier) != IMAGENET:
            network = build(name, len(classifier))
    fill(network, weights, name, path, *hint)
    return network


def _download(network: Network, on_step: OnStep | None) -> None:
    """Download the weights into torch's cache, unless they are there, and verify their hash."""
    from http.client import HTTPException

    path, url = weights_file(network.name), _PUBLISHED + _CHECKPOINTS[network.name]
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, path, f"downloading {network.name}", on_step)
    except (OSError, HTTPException, _DamagedError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(
            f"{network.name} needs the file {path.name} ({network.megabytes:g} MB), which cannot be downloaded: "
            f"{reason}",
            f"download {url} on a machine with network access and save it as {path}",
        ) from error


class _DamagedError(Exception):
    """The hash of a file is not the one in its name."""


def _fetch(url: str, path: Path, task: str, on_step: OnStep | None) -> None:
    """Download `url` to `path`, whose name ends with the first digits of its sha256, as torchvision's do.

    torch.hub.download_url_to_file does the same, but reports progress to a terminal only, so that it cannot be stopped,
    and waits forever for a server that stops sending.
    """
    import urllib.request  # 15 ms

    expected, digest = path.stem.rsplit("-", 1)[-1], hashlib.sha256()
    if on_step is None:
        _log.warning("%s from %s", task, url)
    # Some servers refuse the default, Python-urllib.
    request = urllib.request.Request(url, headers={"User-Agent": "livedream"})
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with urllib.request.urlopen(request, timeout=_SILENT_SECONDS) as answer, part.open("wb") as file:
            length, done = int(answer.headers.get("Content-Length", 0)), 0
            while piece := answer.read(_PIECE):
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                if on_step is not None:
                    share = done / length if length else 0.0
                    on_step(StepReport(task, done / 1e6, length / 1e6, "MB", share))
        if not digest.hexdigest().startswith(expected):
            raise _DamagedError(f"invalid hash value (expected {expected}, got {digest.hexdigest()})")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
