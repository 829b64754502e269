"""What a step asks of a GPU, and what GPUs allow by their data sheets: arithmetic, where no GPU is at hand to measure.

No step is as fast: the bound of bound.py at published rates, without the launching of kernels, and with no kernel less
than perfect. It says which GPU cannot do a thing, and where a measured time would leave something to be won.
"""

from collections.abc import Sequence
from typing import NamedTuple

from livedream import models
from livedream.bench.roofline import Work, work_of_a_step
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.objective import layer

_HALF = 2
"""Bytes of a number in float16 and bfloat16."""


class Gpu(NamedTuple):
    """What its maker publishes of a GPU."""

    name: str
    teraflops: float
    """Of dense matrix products in float16 that are added up in float32, as cuDNN's convolutions are."""
    gigabytes_per_second: float
    """Of its memory."""

    def milliseconds(self, work: Work) -> float:
        """Return the least time for `work` in half precision: all multiplications, then all memory."""
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


def arithmetic_table(sizes: Sequence[Shape]) -> list[str]:
    """Return, as lines of Markdown, what a step to the best layer of each network asks for at `sizes`."""
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
