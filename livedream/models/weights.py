"""Reads weights files of any origin without running code in them, and loads them into a network."""

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

# What torch.load and safetensors were seen to raise for truncated and altered files.
_DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, struct.error, pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile),
)
_LONGEST_NAME = 300
_HINT = f"give a state dict saved by torch, or a safetensors file, of the network that {option('model')} names"
# Names from before torch 0.4, which torchvision's own file of densenet121 still has: norm.1 for norm1.
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Parts of GoogLeNet and Inception that only training needs."""


def read_weights(path: Path, hint: str = _HINT) -> dict[str, Tensor]:
    """Return the weights in a file by their names there.

    The file is memory-mapped, so the weights take no memory until they are used.

    Args:
        path: a safetensors file, recognised by its suffix, or a state dict, alone or in a training checkpoint such as
            {"state_dict": ...}.
        hint: of the errors.

    Raises:
        WeightsError: the file is missing, damaged, contains code or no weights, or claims more memory than it has.
    """
    try:
        check_regular(path)
    except NotRegularError as error:
        raise WeightsError(f"{path} is not a weights file: {error.strerror}", hint) from error
    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}", hint)
    try:
        inspect(path)
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of a file that it cannot read before it raises
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=_may_be_mapped(path))
    except UnfitError as error:
        raise WeightsError(f"{path} is not a usable weights file: {error}", hint) from error
    except _DAMAGE as error:
        raise WeightsError(f"{path} is damaged or not a weights file: {_reason(error)}", hint) from error
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    weights = _tensors(content)
    if not any(weight.ndim for weight in weights.values()) and isinstance(content, Mapping):
        # Other names that training scripts use: `net`, `model_state`, `params`.
        weights = next(filter(None, map(_tensors, content.values())), weights)
    if not weights:
        raise WeightsError(f"{path} contains no weights", hint)
    if any(len(name) > _LONGEST_NAME for name in weights):
        raise WeightsError(
            f"{path} belongs to an unknown network: it has names of more than {_LONGEST_NAME} characters", hint
        )
    return weights


def _may_be_mapped(path: Path) -> bool:
    """Return whether torch can memory-map the file: an archive, as written since version 1.6."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _tensors(content: object) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    return {name: weight for name, weight in content.items() if isinstance(name, str) and isinstance(weight, Tensor)}


def _reason(error: BaseException) -> str:
    """Return what is wrong in one line, without torch's advice to load the file with all its code."""
    text = str(error)
    forbidden = re.search(r"GLOBAL (\S+)", text) if isinstance(error, pickle.UnpicklingError) else None
    if forbidden:
        return f"it contains code ({forbidden[1]}), which is not run"
    reason = re.split(r"\.? *\n|\. |\.$", text.rpartition("WeightsUnpickler error: ")[2])[0]
    return reason if " " in reason else "it cannot be read"


def head(network: nn.Module) -> str:
    """Return the name of the classifier: the last linear layer or convolution."""
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return layers[-1]


def plain_names(weights: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return `weights` under the names that `network` uses.

    Wrappers of a network add their own name to those of the weights: `module.` (several GPUs), `_orig_mod.` (compiled),
    `model.`. They are removed, and so are leading underscores (EfficientNet-Lite) and weights only for training.
    """
    children = {name for name, _ in network.named_children()}
    renamed = {
        ".".join(part.lstrip("_") for part in name.split(".") if part != "module"): weight
        for name, weight in weights.items()
    }
    prefixes = {name.partition(".")[0] for name in renamed}
    while len(prefixes) == 1 and not prefixes & children and all("." in name for name in renamed):
        renamed = {name.partition(".")[2]: weight for name, weight in renamed.items()}
        prefixes = {name.partition(".")[0] for name in renamed}
    renamed = {_OLD_DENSE.sub(r"\1\2", name): weight for name, weight in renamed.items()}
    return {name: weight for name, weight in renamed.items() if not name.startswith(_AUXILIARY)}


def fill(network: nn.Module, weights: Mapping[str, Tensor], model: str, path: Path, hint: str = _HINT) -> None:
    """Load weights into a network.

    If the weights of the classifier are missing, they become zero, and a warning is logged: only classes need them.

    Args:
        network: may be on the meta device.
        weights: named by `plain_names`.
        model: the name of the network.
        path: of the weights file.
        hint: of the errors.

    Raises:
        WeightsError: the weights are of another network or not finite.
    """
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    weights = {name: weight for name, weight in weights.items() if not name.endswith("num_batches_tracked")}
    last = head(network)
    missing: list[str] = []
    if f"{last}.weight" not in weights:
        top = last.partition(".")[0]
        missing = [name for name in expected if name.partition(".")[0] == top and name not in weights]
    # All of them are compared before the first one takes any memory.
    fault = _difference(expected.keys() - counters - {*missing}, weights, expected, model)
    if fault:
        raise WeightsError(f"{path} belongs to another network than {model}: {fault}", hint)
    size = path.stat().st_size
    for name, weight in weights.items():
        fault = _unfit(weight, size)
        if fault:
            raise WeightsError(f"{path} is not a usable weights file: its {name} {fault}", hint)
    # Copies: if the file is overwritten later, a dreaming network must neither change nor crash.
    state = {name: weight.detach().to(torch.float32, copy=True) for name, weight in weights.items()}
    for name, weight in state.items():
        if not weight.isfinite().all():
            raise WeightsError(
                f"{path} contains NaN or infinite values in {name}; the training may have diverged", hint
            )
    state |= {name: torch.zeros((), dtype=torch.long) for name in counters}
    state |= {name: torch.zeros(expected[name].shape) for name in missing}
    if missing:
        _log.warning("%s has no classifier: layers can be dreamt of, but not classes", path)
    network.load_state_dict(state, assign=True)


def _difference(
    required: AbstractSet[str], weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], model: str
) -> str | None:
    """Return how `weights` differ from those of the network in names and shapes; None if they do not."""
    missing = [name for name in expected if name in required and name not in weights]
    if missing:
        return f"it has no {missing[0]}"
    surplus = [name for name in weights if name not in expected]
    if surplus:
        return f"{model} has no {surplus[0]}"
    for name, weight in weights.items():
        if weight.shape != expected[name].shape:
            shapes = [" x ".join(map(str, shape)) or "a scalar" for shape in (weight.shape, expected[name].shape)]
            return f"its {name} is {quoted_value(shapes[0])[1:-1]}, not {shapes[1]}"
    return None


def _unfit(weight: Tensor, size: int) -> str | None:
    """Return why a network cannot use `weight`, from a file of `size` bytes; None if it can."""
    if weight.layout != torch.strided:
        return f"is sparse ({weight.layout})"
    if weight.is_quantized:
        return "is quantized"
    if weight.is_meta:
        return "has no data (meta)"
    if not weight.is_floating_point():
        return f"has dtype {str(weight.dtype).removeprefix('torch.')}, not a floating-point one"
    if weight.numel() * weight.element_size() > size:
        return f"claims {weight.numel() * weight.element_size() >> 20} MB, more than the file has"
    return None
