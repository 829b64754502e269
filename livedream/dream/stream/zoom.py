"""How what was dreamt moves by itself from frame to frame: it grows about the middle, and turns."""

import math

import numpy as np

from livedream.dream.image.octaves import Shape
from livedream.dream.stream.motion import Flow


def zoom_matrix(shape: Shape, zoom: float, rotate: float, drift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Return the map from each place (x, y) of the next frame to its place in this one, float64 (2, 3).

    shape: (height, width) in pixels. zoom: by how much the picture grows about its middle, 1 for not at all.
    rotate: degrees by which it turns, clockwise. drift: pixels by which it moves to the right and down.
    """
    angle = math.radians(rotate)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) / zoom
    middle = (np.array(shape[::-1]) - 1) / 2
    return np.column_stack([turn, middle - turn @ (middle + drift)])


def zoom_flow(flow: Flow, zoom: float, rotate: float) -> Flow:
    """Return `flow` such that what travels along it has grown and turned before that, see `zoom_matrix`."""
    if zoom == 1 and rotate == 0:
        return flow
    height, width = flow.confidence.shape
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    x, y = flow.vectors[..., 0] + columns, flow.vectors[..., 1] + rows
    # Two products and a sum a coordinate; as a matrix product numpy takes five times as long.
    to_x, to_y = (a * x + b * y + c for a, b, c in zoom_matrix((height, width), zoom, rotate).astype(np.float32))
    return Flow(np.dstack((to_x - columns, to_y - rows)), flow.confidence, flow.still)
