"""Files of weights, whoever wrote them: read without running anything in them, and made to fit a network."""

import logging
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from livedream.errors import WeightsError
from livedream.hints import option
from livedream.models.inspection import UnfitError, inspect
from livedream.printable import quoted_value
from livedream.untrusted import NotRegularError, check_regular

_log = logging.getLogger(__name__)

# All that torch.load and safetensors were seen to raise for files with a piece missing or changed.
_DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, struct.error, pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile),
)
_LONGEST_NAME = 300
_ELSEWHERE = f"it must be a state dict saved by torch, or safetensors, of the network that {option('model')} names"
# Names of before torch 0.4, which torchvision's own file of densenet121 still has: norm.1 for norm1.
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""What GoogLeNet and Inception have for their training alone."""


def read_weights(path: Path, cure: str = _ELSEWHERE) -> dict[str, Tensor]:
    """Return the weights in the file `path`, by their names there: safetensors by its suffix, else a state dict.

    A checkpoint of a training, {"state_dict": ...}, is opened. The weights are those in the file, which is mapped:
    they take no memory until somebody uses them. Raises WeightsError, with `cure` as its hint, for a file that is
    absent, damaged, holds code or no weights, and for one that asks for more than it has.
    """
    try:
        check_regular(path)
    except NotRegularError as error:
        raise WeightsError(f"{path} is not a file of weights: {error.strerror}", cure) from error
    if not path.is_file():
        raise WeightsError(f"no such file of weights: {path}", cure)
    try:
        inspect(path)
        if path.suffix == ".safetensors":
            found: object = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a file that it cannot read torch warns, and then raises
                found = torch.load(path, map_location="cpu", weights_only=True, mmap=_may_be_mapped(path))
    except UnfitError as error:
        raise WeightsError(f"{path} is not a usable file of weights: {error}", cure) from error
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
    if any(len(name) > _LONGEST_NAME for name in weights):
        raise WeightsError(f"{path} belongs to no network: it has names of more than {_LONGEST_NAME} letters", cure)
    return weights


def _may_be_mapped(path: Path) -> bool:
    """Return whether torch can map the file: since version 1.6 it writes archives that say where each tensor is."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


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
    found = {name: weight for name, weight in weights.items() if not name.endswith("num_batches_tracked")}
    last = head(network)
    left_out: list[str] = []
    if f"{last}.weight" not in found:
        top = last.partition(".")[0]
        left_out = [name for name in wanted if name.partition(".")[0] == top and name not in found]
    # All of them are compared before the first one takes any memory.
    fault = _difference(wanted.keys() - counters - {*left_out}, found, wanted, whose)
    if fault:
        raise WeightsError(f"{path} is of another network than {whose}: {fault}", cure)
    size = path.stat().st_size
    for name, weight in found.items():
        fault = _unfit(weight, size)
        if fault:
            raise WeightsError(f"{path} is not a usable file of weights: its {name} {fault}", cure)
    # Copies: who writes the file anew must not change, or end, a network that dreams.
    state = {name: weight.detach().to(torch.float32, copy=True) for name, weight in found.items()}
    for name, weight in state.items():
        if not weight.isfinite().all():
            raise WeightsError(f"{path} is of a training that failed: its {name} holds what is no number", cure)
    state |= {name: torch.zeros((), dtype=torch.long) for name in counters}
    state |= {name: torch.zeros(wanted[name].shape) for name in left_out}
    if f"{last}.weight" not in weights:
        _log.warning("%s has no classifier: it dreams of layers, but not of classes", path)
    network.load_state_dict(state, assign=True)


def _difference(
    names: AbstractSet[str], found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], whose: str
) -> str | None:
    """Return how the weights that were found differ from the network's in names and shapes, None when they do not."""
    absent = [name for name in wanted if name in names and name not in found]
    if absent:
        return f"it has no {absent[0]}"
    strange = [name for name in found if name not in wanted]
    if strange:
        return f"{whose} has no {strange[0]}"
    for name, weight in found.items():
        if weight.shape != wanted[name].shape:
            shapes = [" x ".join(map(str, shape)) or "one number" for shape in (weight.shape, wanted[name].shape)]
            return f"its {name} is {quoted_value(shapes[0])[1:-1]}, not {shapes[1]}"
    return None


def _unfit(weight: Tensor, size: int) -> str | None:
    """Return why `weight`, out of a file of `size` bytes, is nothing that a network takes; None when it is."""
    if weight.layout != torch.strided:
        return f"is sparse ({weight.layout})"
    if weight.is_quantized:
        return "is quantized"
    if weight.is_meta:
        return "has no numbers (meta)"
    if not weight.is_floating_point():
        return f"holds {str(weight.dtype).removeprefix('torch.')}, not floating-point numbers"
    if weight.numel() * weight.element_size() > size:
        return f"asks for {weight.numel() * weight.element_size() >> 20} MB, more than the file has"
    return None
