"""How fast a step could be on this machine, and how fast it is.

The bound: all multiplications at the rate of a large matrix product in the same precision, then every activation
written and read, and its gradient written and read, at the rate of a large copy. Both rates are measured here, in the
same run.
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import fx

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.backend.cuda_graphs import GraphedSteps
from livedream.dream.compute.precision import Compute
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.octaves import Shape
from livedream.dream.native.network_pass import NetworkPass
from livedream.dream.objective.objective import Objective
from livedream.models.fx_graph import Measurement

_ROUNDS = 5
_CALLS = 6
"""Consecutive calls of a round that are timed."""
_WARMING = 2
"""Calls before them: they bring back to the caches what the last action has driven out, and wake the threads."""


class Work(NamedTuple):
    """What one step asks for."""

    flops: int
    """Forward and the gradient of the picture; two for a multiplication with its addition."""
    activations: int
    """Elements of all layers' outputs; of a network that is written out (see NetworkPass) of those that it writes."""

    def touched(self, itemsize: int) -> int:
        """Bytes that go to and from memory: each activation written and read, its gradient written and read."""
        return 4 * self.activations * itemsize


class Bound(NamedTuple):
    step_ms: float
    bound_ms: float
    gflop: float
    million_activations: float
    gflops_per_second: float
    """Of a large matrix product."""
    gigabytes_per_second: float
    """Of a large copy, read and written counted."""

    @property
    def roofline(self) -> float:
        return self.bound_ms / self.step_ms


def work_of_a_step(name: str, objective: Objective, shape: Shape) -> Work:
    """Count what a step of the network called `name` does at `shape` (height, width)."""
    with torch.device("meta"):  # shapes alone: nothing is computed
        network = DreamNetwork(models.build(name).eval(), models.find_network(name), objective, "max")
        measurement = Measurement(cast(fx.GraphModule, network.body), torch.zeros(1, 3, *shape))
    outputs = (output for node, output in measurement.shapes.items() if node.op != "placeholder")
    # Backward, each product is computed once more, towards the image; weights have no gradient.
    return Work(2 * sum(measurement.flops.values()), sum(map(math.prod, outputs)))


def measure_bound(ascent: Ascent, compute: Compute, name: str, size: Shape) -> Bound:
    """Time steps of `ascent` at `size`, a matrix product and a copy, in turns, with the same threads: this one's.

    A step is timed as it comes in a stream: some of them, one right after the other, of which the first do not count;
    the median of the rest, and of the rounds. So are the product and the copy. Call it on a thread of its own (alone),
    whose team of threads nothing else keeps busy. On a GPU its own clock tells the time of consecutive calls.
    """
    device, dtype = compute.device, compute.dtype
    work = work_of_a_step(name, ascent.objective, size)
    step = GraphedSteps(ascent, size).step if device.type == "cuda" else ascent.step
    picture = (torch.rand(1, 3, *size, device=device) * 255).contiguous(memory_format=torch.channels_last)
    if isinstance(ascent.network.body, NetworkPass):
        work = work._replace(activations=ascent.network.body.elements(picture))
    side = 1024 if device.type == "cpu" else 8192
    matrix = torch.rand(side, side, device=device, dtype=dtype)
    # Larger than what is left of the caches: 32 MB were copied at twice the rate of 64 MB and more.
    size_of_copy = 256_000_000 if device.type == "cpu" else 512_000_000
    source, target = (
        torch.zeros(size_of_copy, dtype=torch.uint8, device=device),
        torch.ones(size_of_copy, dtype=torch.uint8, device=device),
    )
    ran: dict[str, list[float]] = {"step": [], "product": [], "copy": []}
    for _ in range(_ROUNDS):
        for what, action in (
            ("step", lambda: step(picture, size, (3, 5), 1.0)),
            ("product", lambda: matrix @ matrix),
            ("copy", lambda: target.copy_(source)),
        ):
            ran[what].append(seconds_of_one(action, device))
    seconds, product, copy = (statistics.median(ran[what]) for what in ("step", "product", "copy"))
    flops_rate, bytes_rate = 2 * side**3 / product, 2 * size_of_copy / copy
    touched = work.touched(dtype.itemsize)
    return Bound(
        step_ms=seconds * 1e3,
        bound_ms=(work.flops / flops_rate + touched / bytes_rate) * 1e3,
        gflop=work.flops / 1e9,
        million_activations=work.activations / 1e6,
        gflops_per_second=flops_rate / 1e9,
        gigabytes_per_second=bytes_rate / 1e9,
    )


def seconds_of_one(action: Callable[[], object], device: torch.device) -> float:
    """Return how long one of consecutive calls of `action` takes."""
    for _ in range(_WARMING):
        action()
    if device.type == "cuda":
        return _seconds_on_gpu(action)
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _seconds_on_gpu(action: Callable[[], object]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]  # so in its stubs
    began.record()
    for _ in range(_CALLS):
        action()
    ended.record()
    ended.synchronize()
    return float(began.elapsed_time(ended)) / 1e3 / _CALLS
