"""The least time of a step on GPUs, calculated from their data sheets, for machines without a GPU to measure.

It is the bound of livedream.bench.roofline at published rates, without kernel launches and with perfect kernels: real
steps are slower. It shows which GPU cannot reach a rate, and where a measured time leaves room.
"""

from collections.abc import Sequence
from typing import NamedTuple

from livedream import models
from livedream.bench.roofline import Work, work_of_a_step
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.objective import layer

_HALF = 2
"""Bytes of a value in float16 and bfloat16."""


class Gpu(NamedTuple):
    """The rates that the manufacturer of a GPU publishes."""

    name: str
    teraflops: float
    """Of dense float16 matrix products with float32 accumulation, as in cuDNN's convolutions."""
    gigabytes_per_second: float
    """Memory bandwidth."""

    def milliseconds(self, work: Work) -> float:
        """Return the least time for `work` in half precision: all arithmetic, then all memory traffic."""
        arithmetic = work.flops / (self.teraflops * 1e12)
        return 1e3 * (arithmetic + work.touched(_HALF) / (self.gigabytes_per_second * 1e9))


GPUS = (
    # NVIDIA, specifications of the GeForce RTX 3060 (12 GB): 112 tensor cores, 1.777 GHz, 360 GB/s; "Ampere GA102 GPU
    # Architecture", version 2: a clock and tensor core, 128 multiply-adds with float16 sums and 64 with float32 sums.
    # 112 * 64 * 2 * 1.777 GHz = 25.5 T. The box's "101 tensor TFLOPS" are sparse, with float16 sums: four times.
    Gpu("RTX 3060", 25.5, 360),
    # NVIDIA, "Ada GPU Architecture" 2.1, appendix A: 165.2 with float32 sums (330.4 sparse), 1008 GB/s.
    Gpu("RTX 4090", 165.2, 1008),
    # NVIDIA, "H100 Tensor Core GPU" data sheet, SXM: 1,979 sparse, half of it dense; 3.35 TB/s.
    Gpu("H100", 989.4, 3350),
)


def bounds_table(sizes: Sequence[Shape]) -> list[str]:
    """Return a Markdown table of one step up to the best layer of each network at `sizes`, each (height, width)."""
    names = " | ".join(gpu.name for gpu in GPUS)
    lines = [
        f"| network, layer | size | GFLOP | MB touched | {names} |",
        f"|---|---|--:|--:|{'--:|' * len(GPUS)}",
    ]
    for network in models.network_table():
        for height, width in sizes:
            work = work_of_a_step(network.name, layer(network.best), (height, width))
            times = " | ".join(f"{gpu.milliseconds(work):.2f}" for gpu in GPUS)
            lines.append(
                f"| {network.name}, {network.best} | {width}x{height} | {work.flops / 1e9:.1f}"
                f" | {work.touched(_HALF) / 1e6:.0f} | {times} |"
            )
    return lines
