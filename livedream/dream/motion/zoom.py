"""The zoom of a dream: from frame to frame it grows about the centre of the image, and rotates."""

import math

import numpy as np

from livedream.dream.image.octaves import Shape
from livedream.dream.motion.flow import Flow


def zoom_matrix(shape: Shape, zoom: float, rotate: float, drift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Return the affine map, float64 (2, 3), from a pixel (x, y) of the next frame back to its position in this one.

    Args:
        shape: (height, width) of the frame, in pixels.
        zoom: factor by which the image grows about its centre; 1 for no zoom.
        rotate: degrees by which it rotates, clockwise.
        drift: pixels by which it moves to the right and down.
    """
    angle = math.radians(rotate)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) / zoom
    center = (np.array(shape[::-1]) - 1) / 2
    return np.column_stack([rotation, center - rotation @ (center + drift)])


def zoom_flow(flow: Flow, zoom: float, rotate: float) -> Flow:
    """Return `flow` preceded by zoom and rotation, so that a residual warped along it grows and rotates."""
    if zoom == 1 and rotate == 0:
        return flow
    height, width = flow.confidence.shape
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    x, y = flow.vectors[..., 0] + columns, flow.vectors[..., 1] + rows
    # Written out, because numpy takes five times as long for a matrix product.
    to_x, to_y = (a * x + b * y + c for a, b, c in zoom_matrix((height, width), zoom, rotate).astype(np.float32))
    return Flow(np.dstack((to_x - columns, to_y - rows)), flow.confidence, flow.still)
