"""Frames, steps and how alike two dreams are: for the tests of the ways through host and device."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from skimage import data

from livedream import Dreamer, Frame, models
from livedream.dream.ascent import Ascent
from livedream.dream.backend.cuda_graphs import GraphedSteps
from livedream.dream.backend.gpu import GpuBackend
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.precondition import preconditioner
from livedream.dream.objective.parser import parse
from tests.networks import random_network

each_look = pytest.mark.parametrize(
    "by",
    [preconditioner(0, 0), preconditioner(0.35, 0.8), preconditioner(2, 0), preconditioner(0, -1)],
    ids=["plain", "default", "grey", "fine"],
)
"""A test of steps for preconditioners of every kind."""


def stream(count: int = 6) -> list[Frame]:
    """A slow pan over a photo: 160x120 frames."""
    photo = data.chelsea()
    pans = (np.ascontiguousarray(photo[100:220, 60 + 3 * n : 220 + 3 * n]) for n in range(count))
    return [Frame(pixels, Fraction(n, 25), n) for n, pixels in enumerate(pans)]


def likeness(dream: np.ndarray, other: np.ndarray, frame: Frame) -> float:
    """Return the cosine between what was added to `frame` in two dreams of it."""
    a, b = (picture.astype(float) - frame.pixels for picture in (dream, other))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def gpu_backend(dreamer: Dreamer) -> GpuBackend:
    """Return the backend of a stream that goes through a GPU."""
    assert isinstance(dreamer._stream.backend, GpuBackend)
    return dreamer._stream.backend


def last_steps(dreamer: Dreamer) -> GraphedSteps:
    """Return what made the last step of a stream that goes through a GPU."""
    return list(gpu_backend(dreamer)._kept.values())[-1]


def make_ascent(
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    layers: str = "fire5",
    model: str = "squeezenet",
) -> Ascent:
    """Return an ascent, by default towards a layer of the embedded SqueezeNet.

    Networks that are not embedded have random weights.
    """
    objective = parse(layers)
    loaded = models.load(model) if models.find_network(model).embedded else random_network(model)
    network = DreamNetwork(loaded, models.find_network(model), objective, "max")
    return Ascent(network.to_compute(torch.device(device), dtype), objective)
