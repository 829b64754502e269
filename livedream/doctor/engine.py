"""What dreams: the device, the kinds of numbers, the speed and the networks."""

import os
import platform
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch

from livedream.doctor.finding import Finding
from livedream.dream import kernels
from livedream.dream.dreamer import Dreamer
from livedream.dream.precision import choose_compute
from livedream.errors import DeviceError, LivedreamError
from livedream.frame import Frame
from livedream.models import has_weights, network_table, weights_file
from livedream.settings import DreamSettings

SIZE = (640, 360)
"""(width, height) of the frames whose speed is measured."""
SMALL = 64
"""Working height of the self-test. Where a CPU has no bfloat16 it is emulated, a hundred times slower."""
FRAMES = 4


def findings() -> Iterator[Finding]:
    found = device()
    yield found
    on_cpu = found.text.startswith("cpu")
    if on_cpu:
        yield compiled()
    for name in ("bfloat16", "float32") if on_cpu else ("float16", "bfloat16", "float32"):
        yield precision(name)
    yield speed()
    yield from weights()


def device() -> Finding:
    """On what it runs, and why on no other."""
    try:
        chosen = choose_compute("auto", "auto")
    except LivedreamError as error:
        return Finding("device", False, str(error), error.hint.command_line, needed=True)
    why = [reason for name in ("cuda", "mps") if name != chosen.device.type and (reason := _absence(name))]
    what = torch.cuda.get_device_name() if chosen.device.type == "cuda" else platform.machine()
    threads = f", {torch.get_num_threads()} threads of {os.cpu_count()} cores" if chosen.device.type == "cpu" else ""
    return Finding("device", True, "; ".join([f"{chosen.device.type}: {what}{threads}", *why]))


def compiled() -> Finding:
    """Whether what speeds a CPU up was compiled when livedream was installed."""
    if kernels.compiled:
        return Finding("kernels", True, "compiled")
    cure = "install a C compiler (on Debian and Ubuntu: sudo apt-get install gcc), then livedream again"
    return Finding("kernels", False, "not compiled: a dream takes about twice as long", cure)


def precision(name: str) -> Finding:
    """Whether a dream in these numbers is one, and how long a small frame takes."""
    try:
        seconds = _time(DreamSettings(working_height=SMALL).replace(precision=name))
    except DeviceError as error:
        return Finding(name, False, str(error), error.hint.command_line)
    except LivedreamError as error:
        return Finding(name, False, str(error), error.hint.command_line, needed=name == "float32")
    if seconds is None:
        return Finding(name, False, "what it dreams is not finite", "leave --precision out", needed=name == "float32")
    return Finding(name, True, f"{1000 * seconds:.1f} ms for a small frame (working height {SMALL})")


def speed() -> Finding:
    """How fast the usual dream is."""
    try:
        seconds = _time(DreamSettings())
    except LivedreamError as error:
        return Finding("speed", False, str(error), error.hint.command_line, needed=True)
    if seconds is None:
        return Finding("speed", False, "what it dreams is not finite", "try --precision float32", needed=True)
    size = f"{SIZE[0]}x{SIZE[1]}"
    text = f"{1000 * seconds:.0f} ms a frame of {size}, {1 / seconds:.1f} fps, in {choose_compute('auto', 'auto')}"
    return Finding("speed", True, text)


def weights() -> Iterator[Finding]:
    """Which networks can dream without a download."""
    there = [network for network in network_table() if has_weights(network.name)]
    yield Finding("networks", True, ", ".join(network.name for network in there))
    absent = [network for network in network_table() if network not in there]
    downloads = ", ".join(f"{network.name} ({network.megabytes:g} MB)" for network in absent)
    if downloads:
        cure = f"each is downloaded when it is first used; without network access put its file into {_folder()}"
        yield Finding("networks", False, f"not downloaded: {downloads}", cure)


def _folder() -> str:
    return str(weights_file("vgg16").parent)


def _absence(name: str) -> str:
    """Return why there is no such device; "" when it is there."""
    try:
        choose_compute(name, "float32")
    except DeviceError as error:
        return str(error)
    return ""


def _time(settings: DreamSettings) -> float | None:
    """Return the seconds that a frame takes, the fastest of some; None when the dream has numbers that are none."""
    dreamer = Dreamer(settings)
    dreamer.prepare(SIZE)
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    seconds = []
    for index in range(FRAMES):
        began = time.perf_counter()
        dream = dreamer(Frame(pixels, Fraction(index, 25), index))
        seconds.append(time.perf_counter() - began)
    is_dream = dreamer.dropped_steps == 0 and not np.array_equal(dream.pixels, pixels)
    return min(seconds) if is_dream else None
