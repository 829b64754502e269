"""The device, its precisions, its speed and the networks."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch

from livedream.configuration import AUTO
from livedream.doctor.finding import Finding
from livedream.dream.compute.precision import choose_compute
from livedream.dream.dreamer import Dreamer
from livedream.dream.native import library, supported
from livedream.dream.objective.network_choice import network_for
from livedream.errors import ArgumentError, DeviceError, LivedreamError
from livedream.frame import Frame
from livedream.models import DEFAULT, find_network, has_weights, network_table, weights_file
from livedream.settings import DreamSettings

SIZE = (640, 360)
"""(width, height) of the frames whose speed is measured."""
SMALL = 64
"""Working height of the self-test. Where a CPU has no bfloat16 it is emulated, a hundred times slower."""
FRAMES = 4
"""Frames of a try: one for each octave, because each takes a different time."""
TRIES, PATIENCE = 3, 2.0
"""Tries of a measurement, and the seconds after which no further try starts."""


def findings(settings: DreamSettings) -> Iterator[Finding]:
    """settings: the defaults of runs on this machine, of which device, precision and model matter."""
    found = device(settings)
    yield found
    yield gpu()
    if found.ok:
        on_cpu = found.text.startswith("cpu")
        if on_cpu:
            yield compiled()
        for name in ("bfloat16", "float32") if on_cpu else ("float16", "bfloat16", "float32"):
            yield precision(name, settings.device)
        yield speed(settings)
    yield from weights()


def device(settings: DreamSettings) -> Finding:
    """Return the device that runs use."""
    try:
        chosen = choose_compute(settings.device, settings.precision).device.type
    except LivedreamError as error:
        hint = error.hint.command_line
        if (settings.device, settings.precision) != (AUTO, AUTO):
            hint = (
                f"{hint}; `livedream config` shows what sets device {settings.device}, precision {settings.precision}"
            )
        return Finding("device", False, str(error), hint, needed=True)
    what = torch.cuda.get_device_name() if chosen == "cuda" else platform.machine()
    cores = os.cpu_count() or 1
    threads = f", {torch.get_num_threads()} of {cores} core{'' if cores == 1 else 's'}" if chosen == "cpu" else ""
    return Finding("device", True, f"{chosen}: {what}{threads}")


def gpu() -> Finding:
    """Return whether torch can use a GPU, whichever device runs use."""
    reasons = {name: _absence(name) for name in (("mps",) if sys.platform == "darwin" else ("cuda",))}
    present = [name for name, reason in reasons.items() if not reason]
    if present:
        return Finding("gpu", True, ", ".join(present))
    return Finding(
        "gpu", False, "; ".join(reasons.values()), "a GPU is optional: without one, the processor dreams, more slowly"
    )


def compiled() -> Finding:
    """Return which C library is loaded; it speeds up dreaming on a CPU."""
    if library.found:
        return _replayed(library.found.description)
    hint = (
        "install a wheel of livedream, or a C compiler (Debian, Ubuntu: sudo apt-get install gcc) and livedream again"
    )
    return Finding("kernels", False, "no C library: dreaming takes about twice as long", hint)


def _replayed(description: str) -> Finding:
    try:
        objection = supported.objection()
    except ArgumentError as error:
        return Finding("kernels", False, str(error), error.hint.command_line, needed=True)
    if not objection:
        return Finding("kernels", True, description)
    text = f"{description}; networks run layer by layer, about half as fast: {objection}"
    tried = ", ".join(supported.TRIED)
    hint = f"{supported.VARIABLE}=1 runs them as a whole on any torch, which may crash; tried: {tried}"
    return Finding("kernels", False, text, hint)


def precision(name: str, device: str = "auto") -> Finding:
    """Return whether dreaming works in a precision, and the time of a small frame."""
    try:
        tries = _time(DreamSettings(working_height=SMALL).replace(precision=name, device=device), tries=1)
    except DeviceError as error:
        return Finding(name, False, str(error), error.hint.command_line)
    except LivedreamError as error:
        return Finding(name, False, str(error), error.hint.command_line, needed=name == "float32")
    if not tries:
        return Finding(
            name, False, "the dream contains NaN or infinite values", "leave out --precision", needed=name == "float32"
        )
    return Finding(name, True, f"{1000 * min(tries):.1f} ms for a small frame (working height {SMALL})")


def speed(settings: DreamSettings) -> Finding:
    """Return the speed of a usual dream, in the best of several tries: other programs only make it slower."""
    network = network_for(settings)
    if not has_weights(network.name):  # and the doctor does not download them
        network = find_network(DEFAULT)
    settings = settings.replace(model=network.name)
    try:
        tries = _time(settings)
        compute = choose_compute(settings.device, settings.precision)
    except LivedreamError as error:
        return Finding("speed", False, str(error), error.hint.command_line, needed=True)
    if not tries:
        return Finding(
            "speed", False, "the dream contains NaN or infinite values", "try --precision float32", needed=True
        )
    seconds, size = min(tries), f"{SIZE[0]}x{SIZE[1]}"
    text = f"{1000 * seconds:.0f} ms per frame of {size}, {1 / seconds:.1f} fps, in {compute}, {network.name}"
    return Finding("speed", True, f"{text}, best of {len(tries)} tries" if len(tries) > 1 else text)


def weights() -> Iterator[Finding]:
    """Return which networks have their weights on this machine."""
    present = [network for network in network_table() if has_weights(network.name)]
    yield Finding("networks", True, ", ".join(network.name for network in present))
    absent = [network for network in network_table() if network not in present]
    downloads = ", ".join(f"{network.name} ({network.megabytes:g} MB)" for network in absent)
    if downloads:
        hint = f"each is downloaded on first use; without network access, put its file into {_folder()}"
        yield Finding("networks", False, f"not downloaded: {downloads}", hint)


def _folder() -> str:
    return str(weights_file("vgg16").parent)


def _absence(name: str) -> str:
    """Return why a device is missing; "" if it is present."""
    try:
        choose_compute(name, "float32")
    except DeviceError as error:
        return str(error)
    return ""


def _time(settings: DreamSettings, tries: int = TRIES) -> list[float]:
    """Return the mean seconds per frame of each try; an empty list if the dream is not finite."""
    dreamer = Dreamer(settings)
    dreamer.prepare(SIZE)
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    seconds: list[float] = []
    while len(seconds) < tries and sum(seconds) * FRAMES < PATIENCE:
        began = time.perf_counter()
        for index in range(len(seconds) * FRAMES, (len(seconds) + 1) * FRAMES):
            dream = dreamer(Frame(pixels, Fraction(index, 25), index))
        seconds.append((time.perf_counter() - began) / FRAMES)
    is_dream = dreamer.dropped_steps == 0 and not np.array_equal(dream.pixels, pixels)
    return seconds if is_dream else []
