"""Frames, steps and how alike two dreams are: for the tests of the ways through host and device."""

from fractions import Fraction

import numpy as np
import torch
from skimage import data

from livedream import Frame, models
from livedream.dream.ascent import Ascent
from livedream.dream.grammar import parse
from livedream.dream.network import DreamNetwork


def stream(count: int = 6) -> list[Frame]:
    """A slow pan over a photo: 160x120 frames."""
    photo = data.chelsea()
    pans = (np.ascontiguousarray(photo[100:220, 60 + 3 * n : 220 + 3 * n]) for n in range(count))
    return [Frame(pixels, Fraction(n, 25), n) for n, pixels in enumerate(pans)]


def likeness(dream: np.ndarray, other: np.ndarray, frame: Frame) -> float:
    """Return the cosine between what was added to `frame` in two dreams of it."""
    a, b = (picture.astype(float) - frame.pixels for picture in (dream, other))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def make_ascent(
    smoothing: str = "none", color: float = 1.0, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Ascent:
    """Return an ascent towards fire5 of the embedded network."""
    objective = parse("fire5")
    network = DreamNetwork(models.load("squeezenet"), models.find_network("squeezenet"), objective, "max")
    return Ascent(network.to_compute(torch.device(device), dtype), objective, color, smoothing)
