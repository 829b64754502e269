"""The minimum time of a step on GPUs, calculated from their data sheets, for machines without a GPU.

It is the bound of livedream.bench.roofline at published rates. Kernel launches are left out and kernels are assumed to
be perfect, so real steps are slower. The bound shows which GPU cannot reach a rate, and how much a measured time could
be improved.
"""

from collections.abc import Sequence
from typing import NamedTuple

from livedream import models
from livedream.bench.roofline import StepCost, step_cost
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.objective import layer

_HALF_BYTES = 2
"""Size of a value in float16 and bfloat16."""


class Gpu(NamedTuple):
    """A GPU and the rates that its manufacturer publishes."""

    name: str
    teraflops: float
    """Rate of dense float16 matrix products with float32 accumulation, as in cuDNN's convolutions."""
    gigabytes_per_second: float
    """Memory bandwidth."""

    def milliseconds(self, cost: StepCost) -> float:
        """Return the minimum time of a step in half precision: all arithmetic, then all memory traffic."""
        arithmetic = cost.flops / (self.teraflops * 1e12)
        return 1e3 * (arithmetic + cost.bytes_moved(_HALF_BYTES) / (self.gigabytes_per_second * 1e9))


GPUS = (
    # NVIDIA, specifications of the GeForce RTX 3060 (12 GB): 112 tensor cores, 1.777 GHz, 360 GB/s; "Ampere GA102 GPU
    # Architecture", version 2: per clock and tensor core, 128 multiply-adds with float16 sums or 64 with float32 sums.
    # 112 * 64 * 2 * 1.777 GHz = 25.5 T. The advertised "101 tensor TFLOPS" are sparse, with float16 sums: four times.
    Gpu("RTX 3060", 25.5, 360),
    # NVIDIA, "Ada GPU Architecture" 2.1, appendix A: 165.2 with float32 sums (330.4 sparse), 1008 GB/s.
    Gpu("RTX 4090", 165.2, 1008),
    # NVIDIA, "H100 Tensor Core GPU" data sheet, SXM: 1,979 sparse, half of that dense; 3.35 TB/s.
    Gpu("H100", 989.4, 3350),
)


def bounds_table(shapes: Sequence[Shape]) -> list[str]:
    """Return the lines of a Markdown table of one step up to the best layer of each network.

    Args:
        shapes: (height, width) of the images.
    """
    gpu_names = " | ".join(gpu.name for gpu in GPUS)
    lines = [
        f"| network, layer | size | GFLOP | MB touched | {gpu_names} |",
        f"|---|---|--:|--:|{'--:|' * len(GPUS)}",
    ]
    for network in models.network_table():
        for height, width in shapes:
            cost = step_cost(network.name, layer(network.best), (height, width))
            times = " | ".join(f"{gpu.milliseconds(cost):.2f}" for gpu in GPUS)
            lines.append(
                f"| {network.name}, {network.best} | {width}x{height} | {cost.flops / 1e9:.1f}"
                f" | {cost.bytes_moved(_HALF_BYTES) / 1e6:.0f} | {times} |"
            )
    return lines
