"""Masks at the full size of a frame, and frames composed with them.

A mask says how much of the dream shows in each pixel: 0 is the source, bit for bit, 255 the dream. A live mask is found
at a small size, a fifth of the frame's. It gets the edges of the frame back by a guided filter: in small windows the
mask is a linear function of the frame, whose coefficients come from the small mask and the small frame, and are then
applied to the frame itself.

Source: K. He, J. Sun, "Fast Guided Filter", arXiv:1505.00996 (2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from livedream.dream import resize

_RADIUS = 3
_EPSILON = 1e-3 * 255**2
_GAIN = 1.3


@dataclass(frozen=True, eq=False, slots=True)
class Edge:
    """A small mask and the frame that it belongs to."""

    coarse: np.ndarray
    """float32 (h, w), 0..1: how much of the dream shows. Any size, stretched over the frame."""
    small: np.ndarray
    """uint8 (h, w, 3): the frame at a small size."""


def full_mask(edge: Edge, pixels: np.ndarray, feather: float = 0.0, strength: float = 1.0) -> np.ndarray:
    """Return the mask of `pixels`, uint8 (h, w, 3), with its edges: uint8 (h, w).

    Args:
        edge: the mask at a small size.
        pixels: the frame at its full size.
        feather: over how many pixels of the frame a sharp edge is spread, 0 or more.
        strength: 0..1; with 0 the mask is 255 everywhere.
    """
    high, wide = pixels.shape[:2]
    size = edge.coarse.shape[1], edge.coarse.shape[0]
    guide = cv2.cvtColor(edge.small, cv2.COLOR_RGB2GRAY)
    guide = cv2.resize(guide, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    mask = edge.coarse * np.float32(255)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * _RADIUS + 1, 2 * _RADIUS + 1), borderType=cv2.BORDER_REPLICATE)

    mean_guide, mean_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (mean(guide * guide) - mean_guide**2 + _EPSILON)
    offset = mean_mask - slope * mean_guide
    slope, offset = (cv2.resize(mean(each), (wide, high)) for each in (slope, offset))
    found = slope * cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) + offset
    found = np.clip((found - 127.5) * _GAIN + 127.5, 0, 255).round().astype(np.uint8)
    return soften(found, feather, strength)


def soften(mask: np.ndarray, feather: float, strength: float = 1.0) -> np.ndarray:
    """Return `mask`, uint8 (h, w) at the size of the frame, with soft edges, and as weak as `strength` says.

    Args:
        mask: 0 shows the source, 255 the dream.
        feather: over how many pixels a sharp edge is spread, 0 or more.
        strength: 0..1; each value m becomes 255 - strength * (255 - m).
    """
    if feather >= 1:
        width = 2 * round(feather / 2) + 1
        mask = cv2.blur(mask, (width, width), borderType=cv2.BORDER_REPLICATE)
    if strength < 1:
        table = np.rint(255 - strength * (255 - np.arange(256))).astype(np.uint8)
        mask = cv2.LUT(mask, table)
    return mask


def multiply(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the product of `masks`, one or more of uint8 (h, w), where 255 stands for 1."""
    product = masks[0]
    for mask in masks[1:]:
        product = cv2.multiply(product, mask, scale=1 / 255)
    return product


def compose_masked(pixels: np.ndarray, residual: np.ndarray, strength: float, mask: np.ndarray) -> np.ndarray:
    """Return `pixels` with the dream added at their full size, as resize.compose does, as far as `mask` shows it.

    Args:
        pixels: uint8 (h, w, 3); not changed.
        residual: int16 (working height, working width, 3), dream minus frame.
        strength: how much of it is added.
        mask: uint8 (h, w): 0 shows `pixels`, 255 the dream.
    """
    return blend(pixels, resize.compose(pixels, residual, strength), mask)


def blend(source: np.ndarray, dream: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `dream` where `mask`, uint8 (h, w), is 255, and `source` where it is 0; both uint8 (h, w, 3).

    Between them, each channel is `source` + (`dream` - `source`) * `mask` / 255, rounded.
    """
    change = (dream.astype(np.int32) - source) * mask[..., None]
    # Rounded to the nearest: half the divisor is added away from zero by the floor of the division.
    return (source + (change + 127) // 255).astype(np.uint8)
