"""Networks as modules: built with random weights, or loaded with trained ones."""

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
"""Bytes that are downloaded from one report to the next."""
_SILENT_SECONDS = 60.0
"""After how long without a byte a download fails."""

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
"""The file of each network there. Of several it is the first, of the plain training of old, whose layers dream better
than those of later recipes."""

OFFICIAL = "official"
"""In place of a file: the weights that the network is published with."""


def build(name: str, classes: int = IMAGENET) -> "nn.Module":
    """Return the network called `name` with random weights, for inference (`eval`), on the CPU in float32.

    classes: how many it tells apart. Raises ArgumentError for an unknown network.
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

    # What it has for its training alone is left out.
    told = {"aux_logits": False, "init_weights": True} if name == "inception_v3" else {}
    network = get_model(name, num_classes=classes, **told)
    if hasattr(network, "transform_input"):
        network.transform_input = False  # a second normalisation, from ImageNet's to its own
    return network.eval()


def load(name: str, weights: str = OFFICIAL, *, on_step: OnStep | None = None) -> "nn.Module":
    """Return the network called `name` with its weights, for inference, on the CPU in float32.

    The official weights of an embedded network are in the package; the others are downloaded once, from where
    torchvision gets them, into torch's usual cache and checked by their hash. weights: the path of a file in place of
    those, a state dict or safetensors, of as many classes as it may be. Nothing in a file is run. on_step: called again
    and again during a download; what it raises ends it.

    Raises WeightsError for a file that is absent, damaged or of another network, and a download that fails;
    ArgumentError for an unknown network.
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
    """Return whether the network called `name` can dream without a download."""
    return find_network(name).embedded or weights_file(name).exists()


def weights_file(name: str) -> Path:
    """Return where the official weights of the network called `name`, one of torchvision's, are once downloaded."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _CHECKPOINTS[name]


def _load_file(name: str, path: Path, *cure: str) -> "nn.Module":
    import torch

    from livedream.models.weights import fill, head, plain_names, read_weights

    found = read_weights(path, *cure)
    with torch.device("meta"):  # no numbers are drawn only to be thrown away: seconds for a VGG
        network = build(name)
        found = plain_names(found, network)
        score = found.get(f"{head(network)}.weight")
        if score is not None and score.ndim and len(score) != IMAGENET:
            network = build(name, len(score))
    fill(network, found, name, path, *cure)
    return network


def _download(network: Network, on_step: OnStep | None) -> None:
    """Get the file of weights into torch's cache, if it is not there, and check it by its hash."""
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
            f"get it from {url} on a machine with network access and put it at {path}",
        ) from error


class _DamagedError(Exception):
    """A file is not the one that its name promises."""


def _fetch(url: str, path: Path, task: str, on_step: OnStep | None) -> None:
    """Download `url` into the file `path`, whose name ends with the first digits of its sha256, as torchvision's do.

    torch.hub.download_url_to_file does the same, but reports its progress to nobody but a terminal (so nothing could
    stop it between two pieces), and waits for ever on a server that falls silent.
    """
    import urllib.request  # 15 ms

    wanted, found = path.stem.rsplit("-", 1)[-1], hashlib.sha256()
    if on_step is None:
        _log.warning("%s from %s", task, url)
    # Its default name, Python-urllib, is refused by some servers.
    request = urllib.request.Request(url, headers={"User-Agent": "livedream"})
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with urllib.request.urlopen(request, timeout=_SILENT_SECONDS) as answer, part.open("wb") as file:
            length, done = int(answer.headers.get("Content-Length", 0)), 0
            while piece := answer.read(_PIECE):
                file.write(piece)
                found.update(piece)
                done += len(piece)
                if on_step is not None:
                    share = done / length if length else 0.0
                    on_step(StepReport(task, done / 1e6, length / 1e6, "MB", share))
        if not found.hexdigest().startswith(wanted):
            raise _DamagedError(f"invalid hash value (expected {wanted}, got {found.hexdigest()})")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
