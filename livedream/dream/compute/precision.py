"""Device and precision of the network."""

import json
import logging
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from platformdirs import user_cache_path
from torch import nn

from livedream.errors import DeviceError
from livedream.hints import option

_log = logging.getLogger(__name__)

_dtypes = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_pinned: dict[str, str] = {}
"""Choices that were made for this process, by what they are about."""


@dataclass(frozen=True, slots=True)
class Compute:
    """Device of the network, and dtype of its activations."""

    device: torch.device
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"


def choose_compute(device: str, precision: str) -> Compute:
    """Return the device and dtype for the controls `device` and `precision`, see DreamSettings.

    `auto` means a GPU with float16, or else the CPU with the faster of float32 and bfloat16.

    Raises:
        DeviceError: the device or precision is not available. There is no silent fallback.
    """
    chosen = _choose_device(device)
    if precision == "auto":
        dtype = measured_cpu_dtype() if chosen.type == "cpu" else torch.float16
    else:
        dtype = _dtypes[precision]
    if chosen.type == "cpu" and dtype == torch.float16:
        raise DeviceError(
            "float16 needs a GPU", f"choose {option('precision', 'float32')} or bfloat16, or leave it out"
        )
    if chosen.type == "cuda" and dtype == torch.bfloat16 and not _supports_bfloat16():
        raise DeviceError("this GPU does not support bfloat16", f"choose {option('precision', 'float16')} or float32")
    return Compute(chosen, dtype)


def next_safer(compute: Compute) -> Compute | None:
    """Return the next safer precision for gradients that keep overflowing in `compute`; None after float32."""
    if compute.dtype == torch.float32:
        return None
    bfloat16 = compute.dtype == torch.float16 and compute.device.type == "cuda" and _supports_bfloat16()
    return Compute(compute.device, torch.bfloat16 if bfloat16 else torch.float32)


def _supports_bfloat16() -> bool:
    """Return whether the GPU has bfloat16 instructions. Before Ampere it is emulated, and slower than float32."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _choose_device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available[name]:
        is_lacking = name == "cuda" and torch.version.cuda is None
        reason = "was built without CUDA" if is_lacking else f"finds no {name} device"
        choices = ", ".join(device for device, is_available in available.items() if is_available)
        raise DeviceError(f"PyTorch {torch.__version__} {reason}", f"this machine has: {choices}")
    return torch.device(name)


def measured_cpu_dtype() -> torch.dtype:
    """Return the faster of float32 and bfloat16 on this CPU."""
    return _dtypes[_remembered("precision", _faster_on_cpu, tuple(_dtypes))]


def merging_pays(dtype: torch.dtype) -> bool:
    """Return whether one convolution with zero-padded kernels is faster here than two; see native/lowering.py."""
    return merging_pays_in(str(dtype).removeprefix("torch."))


def merging_pays_in(precision: str) -> bool:
    """Return `merging_pays` for the dtype of this name."""
    return _remembered(f"merging in {precision}", partial(_merging, _dtypes[precision]), ("yes", "no")) == "yes"


def pin_merging(precision: str, *, pays: bool | None) -> None:
    """Decide in this process what `merging_pays` returns: the sums of merged convolutions are rounded differently.

    Args:
        precision: the name of the dtype, such as bfloat16.
        pays: the answer; None to measure it again.
    """
    what = f"merging in {precision}"
    if pays is None:
        _pinned.pop(what, None)
    else:
        _pinned[what] = "yes" if pays else "no"


def _remembered(what: str, measure: Callable[[], str], choices: Sequence[str]) -> str:
    """Return the result of `measure` for this machine and version of torch, measured once and then read from a file.

    The file is in the user's cache folder. Two runs of the same dream must not choose differently because another
    program was busy during one of them.
    """
    if what in _pinned:
        return _pinned[what]
    memory = user_cache_path("livedream") / "precision.json"
    machine = f"{what}, {processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    remembered = _read(memory)
    if remembered.get(machine) not in choices:
        remembered[machine] = measure()
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            memory.write_text(json.dumps(remembered, indent=1), encoding="utf-8")
        except OSError as error:
            _log.warning("cannot save the measured %s: %s", what, error)
    return remembered[machine]


def _read(memory: Path) -> dict[str, str]:
    try:
        return {str(machine): str(name) for machine, name in json.loads(memory.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        _log.warning("%s cannot be read, so the precision is measured again: %s", memory, error)
        return {}


def processor() -> str:
    """Return the name of the processor."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def rounding(device: str = "auto") -> str:
    """Return the name of the GPU, or the instruction set of the CPU: dreams differ in rounding between them.

    device: cpu, or another one for the GPU if there is one.
    """
    if device != "cpu" and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return str(torch.backends.cpu.get_cpu_capability())


def _faster_on_cpu() -> str:
    """Measure the forward and backward pass of a few layers like those of the networks.

    A CPU without bfloat16 instructions emulates them up to 350 times slower (0.3 against 120 GFLOP/s in a matrix
    product on an AMD Milan). So an image of 48x48 is measured first, and the real size only if bfloat16 was not much
    slower.
    """
    seconds = dict.fromkeys(("float32", "bfloat16"), 0.0)
    for side in (48, 192):
        for name in seconds:
            seconds[name] = min(_time_pass(_dtypes[name], side) for _ in range(3))
        if seconds["bfloat16"] > 2 * seconds["float32"]:
            break
    return "bfloat16" if seconds["bfloat16"] < 0.9 * seconds["float32"] else "float32"


@torch.no_grad()
def _merging(dtype: torch.dtype) -> str:
    """Measure the expansions of a fire module, 32 channels to 128 and 128, at a working height of 256, in both ways."""
    image = torch.zeros(1, 32, 31, 55, dtype=dtype).to(memory_format=torch.channels_last)
    narrow, wide, both = (
        nn.Conv2d(32, channels, side, padding=side // 2).to(dtype).to(memory_format=torch.channels_last)
        for channels, side in ((128, 1), (128, 3), (256, 3))
    )

    def time_of(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    seconds = [
        min(time_of(work) for _ in range(10))
        for work in (lambda: both(image), lambda: torch.cat((narrow(image), wide(image)), 1))
    ]
    return "yes" if seconds[0] < seconds[1] else "no"


def _time_pass(dtype: torch.dtype, side: int) -> float:
    layers = nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)
    ).requires_grad_(False)
    layers.to(dtype).to(memory_format=torch.channels_last)
    image = torch.zeros(1, 3, side, side, requires_grad=True)
    start = time.perf_counter()
    with torch.enable_grad():
        loss = layers(image.to(dtype, memory_format=torch.channels_last)).float().square().mean()
        torch.autograd.grad(loss, image)
    return time.perf_counter() - start
