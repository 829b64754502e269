"""The time of one step, and the roofline bound of this machine for it.

The bound is the time of all arithmetic at the rate of a large matrix product in the same precision, plus the time to
write and read every activation and its gradient at the rate of a large copy. Both rates are measured in the same run.
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
"""Number of consecutive timed calls in a round."""
_WARM_UP_CALLS = 2
"""Calls before them: they refill the caches after the previous action, and wake the threads."""


class StepCost(NamedTuple):
    """The arithmetic and the memory traffic of one step."""

    flops: int
    """Floating-point operations, forward and for the gradient of the image; a multiply-add counts as two."""
    activations: int
    """Number of elements of all activations. Of a hand-written pass (see NetworkPass): of those that it writes."""

    def bytes_moved(self, itemsize: int) -> int:
        """Return the memory traffic: each activation and each gradient is written and read. itemsize: in bytes."""
        return 4 * self.activations * itemsize


class StepBound(NamedTuple):
    """The measured time of a step and its bound."""

    step_ms: float
    bound_ms: float
    gflop: float
    million_activations: float
    gflops_per_second: float
    """Rate of a large matrix product."""
    gigabytes_per_second: float
    """Rate of a large copy; bytes read and bytes written both count."""

    @property
    def roofline(self) -> float:
        """Share of the bound that the step reaches, 0 to 1."""
        return self.bound_ms / self.step_ms


def step_cost(name: str, objective: Objective, shape: Shape) -> StepCost:
    """Return the cost of a step, without computing anything.

    Args:
        name: name of the network.
        objective: the objective, whose last layer is where the network ends.
        shape: (height, width) of the image.
    """
    with torch.device("meta"):  # only shapes are computed
        network = DreamNetwork(models.build(name).eval(), models.find_network(name), objective, "max")
        measurement = Measurement(cast(fx.GraphModule, network.body), torch.zeros(1, 3, *shape))
    outputs = (output for node, output in measurement.shapes.items() if node.op != "placeholder")
    # The backward pass computes each product once more, towards the image; weights have no gradient.
    return StepCost(2 * sum(measurement.flops.values()), sum(map(math.prod, outputs)))


def measure_step_bound(ascent: Ascent, compute: Compute, name: str, shape: Shape) -> StepBound:
    """Time a step, a matrix product and a copy, in turns.

    All three run with the threads of the calling thread, and are timed as a step occurs in a stream: consecutive calls,
    of which the first do not count; the median of the others, then of the rounds. Call it in a fresh thread, so that
    nothing else keeps its team of threads busy. On a GPU the time of consecutive calls is measured by the GPU's clock.

    Args:
        ascent: the ascent whose step is timed.
        compute: its device and precision.
        name: name of its network.
        shape: (height, width) of the image.
    """
    device, dtype = compute.device, compute.dtype
    cost = step_cost(name, ascent.objective, shape)
    step = GraphedSteps(ascent, shape).step if device.type == "cuda" else ascent.step
    image = (torch.rand(1, 3, *shape, device=device) * 255).contiguous(memory_format=torch.channels_last)
    if isinstance(ascent.network.body, NetworkPass):
        cost = cost._replace(activations=ascent.network.body.elements(image))
    side = 1024 if device.type == "cpu" else 8192
    matrix = torch.rand(side, side, device=device, dtype=dtype)
    # Larger than the caches: 32 MB were copied at twice the rate of 64 MB and more.
    copy_size = 256_000_000 if device.type == "cpu" else 512_000_000
    source, target = (
        torch.zeros(copy_size, dtype=torch.uint8, device=device),
        torch.ones(copy_size, dtype=torch.uint8, device=device),
    )
    actions: dict[str, Callable[[], object]] = {
        "step": lambda: step(image, shape, (3, 5), 1.0),
        "product": lambda: matrix @ matrix,
        "copy": lambda: target.copy_(source),
    }
    times: dict[str, list[float]] = {action_name: [] for action_name in actions}
    for _ in range(_ROUNDS):
        for action_name, action in actions.items():
            times[action_name].append(seconds_per_call(action, device))
    step_seconds, product_seconds, copy_seconds = (statistics.median(times[action_name]) for action_name in actions)
    flops_rate, bytes_rate = 2 * side**3 / product_seconds, 2 * copy_size / copy_seconds
    return StepBound(
        step_ms=step_seconds * 1e3,
        bound_ms=(cost.flops / flops_rate + cost.bytes_moved(dtype.itemsize) / bytes_rate) * 1e3,
        gflop=cost.flops / 1e9,
        million_activations=cost.activations / 1e6,
        gflops_per_second=flops_rate / 1e9,
        gigabytes_per_second=bytes_rate / 1e9,
    )


def seconds_per_call(action: Callable[[], object], device: torch.device) -> float:
    """Return the time of one of several consecutive calls of `action`: the median, on a GPU the mean."""
    for _ in range(_WARM_UP_CALLS):
        action()
    if device.type == "cuda":
        return _seconds_on_gpu(action)
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _seconds_on_gpu(action: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]  # as in torch's stubs
    start.record()
    for _ in range(_CALLS):
        action()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / _CALLS
