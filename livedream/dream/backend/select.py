"""Choice of the backend for a device."""

import torch

from livedream.dream.backend.backend import Backend
from livedream.dream.backend.cpu import CpuBackend
from livedream.dream.backend.gpu import GpuBackend


def make_backend(device: torch.device) -> Backend:
    """Return the backend for a network on `device`: CUDA has its own, everything else shares the CPU's."""
    return GpuBackend(device) if device.type == "cuda" else CpuBackend(device)
