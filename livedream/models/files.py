"""Files of weights, whoever wrote them: read without running anything in them, and made to fit a network."""

import logging
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from livedream.errors import WeightsError

_log = logging.getLogger(__name__)

# All that torch.load and safetensors were seen to raise for files with a piece missing or changed.
_DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, struct.error, pickle.UnpicklingError, SafetensorError),
)
# What torch names in its refusal of other files than state dicts.
_OTHERS = {
    "TorchScript": "it holds code (TorchScript), which is not run",
    "legacy .tar": "it is an archive of torch before 0.1.10, or any other",
}
_ELSEWHERE = "it must be a state dict saved by torch, or safetensors, of the network that --model names"
# Names of before torch 0.4, which torchvision's own file of densenet121 still has: norm.1 for norm1.
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""What GoogLeNet and Inception have for their training alone."""


def read_weights(path: Path, cure: str = _ELSEWHERE) -> dict[str, Tensor]:
    """Return the weights in the file `path`, by their names there: safetensors by its suffix, else a state dict.

    A checkpoint of a training, {"state_dict": ...}, is opened. Raises WeightsError, with `cure` as its hint, for a file
    that is absent, damaged, holds code or no weights.
    """
    if not path.is_file():
        raise WeightsError(f"no such file of weights: {path}", cure)
    try:
        if path.suffix == ".safetensors":
            found: object = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a file that it cannot read torch warns, and then raises
                found = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise WeightsError(f"{path} is damaged or no file of weights: {_reason(error)}", cure) from error
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    weights = _tensors(found)
    if not any(weight.ndim for weight in weights.values()) and isinstance(found, Mapping):
        # Whatever else a training calls it: `net`, `model_state`, `params`.
        weights = next(filter(None, map(_tensors, found.values())), weights)
    if not weights:
        raise WeightsError(f"{path} holds no weights", cure)
    return weights


def _tensors(found: object) -> dict[str, Tensor]:
    if not isinstance(found, Mapping):
        return {}
    return {name: weight for name, weight in found.items() if isinstance(name, str) and isinstance(weight, Tensor)}


def _reason(error: BaseException) -> str:
    """Return what is wrong in one line, without the advice that torch adds: to read the file with all its code."""
    text = str(error)
    forbidden = re.search(r"GLOBAL (\S+)", text) if isinstance(error, pickle.UnpicklingError) else None
    if forbidden:
        return f"it holds code ({forbidden[1]}), which is not run"
    for kind, what in _OTHERS.items():
        if kind in text:
            return what
    reason = re.split(r"\.? *\n|\. |\.$", text.rpartition("WeightsUnpickler error: ")[2])[0]
    return reason if " " in reason else "it cannot be read"


def head(network: nn.Module) -> str:
    """Return the name of the layer that scores the classes: the last product."""
    products = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return products[-1]


def plain_names(weights: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return `weights` with the names that `network` has for them.

    What wraps a network leaves its own name in front of, or among, the names: `module.` (several GPUs), `_orig_mod.`
    (compiled), `model.`. Underscores in front (EfficientNet-Lite) and what a network needs for its training alone are
    left out.
    """
    children = {name for name, _ in network.named_children()}
    found = {
        ".".join(part.lstrip("_") for part in name.split(".") if part != "module"): weight
        for name, weight in weights.items()
    }
    first = {name.partition(".")[0] for name in found}
    while len(first) == 1 and not first & children and all("." in name for name in found):
        found = {name.partition(".")[2]: weight for name, weight in found.items()}
        first = {name.partition(".")[0] for name in found}
    found = {_OLD_DENSE.sub(r"\1\2", name): weight for name, weight in found.items()}
    return {name: weight for name, weight in found.items() if not name.startswith(_AUXILIARY)}


def fill(network: nn.Module, weights: Mapping[str, Tensor], whose: str, path: Path, cure: str = _ELSEWHERE) -> None:
    """Give `network`, called `whose`, its `weights`, which `plain_names` has named.

    Where those of the classifier are left out, which only its classes need, they are zero, and that is said. Raises
    WeightsError, with `cure` as its hint, when the weights are those of another network.
    """
    wanted = network.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    state = {name: weight.float() for name, weight in weights.items() if not name.endswith("num_batches_tracked")}
    state |= {name: torch.zeros((), dtype=torch.long) for name in counters}
    last = head(network)
    if f"{last}.weight" not in state:
        top = last.partition(".")[0]
        left_out = [name for name in wanted if name.partition(".")[0] == top and name not in state]
        state |= {name: torch.zeros(wanted[name].shape) for name in left_out}
    absent = [name for name in wanted if name not in state]
    strange = [name for name in state if name not in wanted]
    if absent or strange:
        fault = f"it has no {absent[0]}" if absent else f"{whose} has no {strange[0]}"
        raise WeightsError(f"{path} is of another network than {whose}: {fault}", cure)
    for name, weight in state.items():
        if weight.shape != wanted[name].shape:
            shapes = [" x ".join(map(str, shape)) or "one number" for shape in (weight.shape, wanted[name].shape)]
            fault = f"its {name} is {shapes[0]}, not {shapes[1]}"
            raise WeightsError(f"{path} is of another network than {whose}: {fault}", cure)
        if not weight.isfinite().all():
            raise WeightsError(f"{path} is of a training that failed: its {name} holds what is no number", cure)
    if f"{last}.weight" not in weights:
        _log.warning("%s has no classifier: it dreams of layers, but not of classes", path)
    network.load_state_dict(state, assign=True)
