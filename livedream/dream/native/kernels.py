"""Image operations that make one pass over memory on a CPU, by kernels.c if it was compiled.

torch makes several passes, or uses one core: the way from an image to the network and back takes it 4 times as long. If
livedream was installed without a compiler (see `compiled`), torch and numpy do the same work; results differ in the
last bits only, unless noted.

Images are (n, channels, h, w), channels last in memory, float32, on the CPU.
"""

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from livedream.dream.native import library

compiled = library.opened is not None
"""Whether the compiled library is there."""


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _integers(*numbers: int) -> tuple[ctypes.c_int64, ...]:
    return tuple(ctypes.c_int64(number) for number in numbers)


def roll(image: Tensor, down: int, right: int) -> Tensor:
    """Return `image` rolled by whole pixels, like torch.roll."""
    if not compiled or not library.is_plain(image):
        return torch.roll(image, (down, right), (2, 3))
    result = torch.empty_like(image)
    number, channels, height, width = image.shape
    sizes = _integers(number, height, width, channels, down % height, right % width)
    library.function("roll")(_pointer(image), _pointer(result), *sizes)
    return result


def climb(image: Tensor, gradient: Tensor, step: float) -> Tensor:
    """Return `image + gradient * step`, all float32."""
    if not compiled or not (library.is_plain(image) and library.is_plain(gradient)):
        return torch.add(image, gradient, alpha=step)
    result = torch.empty_like(image)
    states = (image, gradient, result)
    library.function("add_scaled")(*map(_pointer, states), ctypes.c_float(step), *_integers(image.numel()))
    return result


def absolute_mean(values: Tensor) -> float:
    """Return the mean absolute value of `values`, float32. It is not finite if one of them is not."""
    if not compiled or not library.is_plain(values):
        return float(values.abs().mean())
    return float(library.function("absolute_mean")(_pointer(values), *_integers(values.numel())))


def handles_gradient(gradient: Tensor) -> bool:
    """Return whether `precondition` can be called with this gradient."""
    return compiled and library.is_plain(gradient)


class _Precondition(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "levels")),
        ("colors", ctypes.c_float * 9),
        ("factors", ctypes.c_float * 8),
    )


def precondition(
    gradient: Tensor, colors: Sequence[float], factors: Sequence[float], shapes: Sequence[tuple[int, int]]
) -> tuple[Tensor, float]:
    """Multiply the colours and the levels of a gradient, see image/precondition.py. Needs `handles_gradient`.

    Args:
        gradient: float32 (1, 3, h, w).
        colors: the 3x3 matrix for each pixel, row by row.
        factors: of the blurred image of each level.
        shapes: (height, width) of each level, from the finest to the coarsest.

    Returns:
        The preconditioned gradient, and its mean absolute value, which is not finite if the gradient has such values.
    """
    rows, columns = gradient.shape[2:]
    arguments = _Precondition(rows, columns, len(shapes), tuple(colors), tuple(factors))
    result = torch.empty_like(gradient)
    planes = torch.empty(3 * sum(height * width for height, width in shapes))
    sums = torch.empty(rows, dtype=torch.float64)
    mean = library.function("precondition")(*map(_pointer, (gradient, result, planes, sums)), ctypes.byref(arguments))
    return result, float(mean)


class _Warp(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
        *((name, ctypes.c_float) for name in ("keep", "leak")),
    )


def handles_residual(image: Tensor, *states: Tensor | None) -> bool:
    """Return whether `warp_and_add` and `split_residual` can be called with these images."""
    return compiled and all(tensor is None or library.is_plain(tensor) for tensor in (image, *states))


def warp_and_add(
    image: Tensor,
    residual: Tensor,
    pending: Tensor | None,
    flow: tuple[np.ndarray, np.ndarray],
    keep: float,
    leak: float,
) -> tuple[Tensor, Tensor | None]:
    """Warp the residual of the last frame by the optical flow, and add it to `image`.

    All images are (1, 3, h, w) for which `handles_residual` is true.

    Args:
        image: the frame.
        residual: faded by `keep` and by the confidence of the flow.
        pending: warped and faded by the confidence only; None if there is none.
        flow: vectors (h, w, 2) in pixels of the image, and their confidence (h, w), float32.
        keep: share of the residual that is kept.
        leak: share of each channel's mean that is removed from the residual.

    Returns:
        The image with the residual added, and the warped `pending`.
    """
    vectors, confidence = (torch.from_numpy(np.ascontiguousarray(each)) for each in flow)
    start = torch.empty_like(image)
    warped = None if pending is None else torch.empty_like(image)
    height, width = image.shape[2:]
    sums = torch.empty(height * 3, dtype=torch.float64)
    arguments = _Warp(height, width, keep, leak)
    tensors = (residual, pending, vectors, confidence, image, start, warped, sums)
    pointers = (None if tensor is None else _pointer(tensor) for tensor in tensors)
    library.function("warp_and_add")(*pointers, ctypes.byref(arguments))
    return start, warped


def split_residual(
    dream: Tensor, start: Tensor, image: Tensor, pending: Tensor | None, share: float, headroom: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Split the change that a frame's dream made into a part to show now and a part to show later.

    All images are (1, 3, h, w) for which `handles_residual` is true.

    Args:
        dream: the dreamt frame, of which 0..255 counts, less `headroom` levels at either end unless `image` has them.
        start: the image that the dream started from.
        image: the frame.
        pending: what earlier frames have left to show; None if there is none.
        share: of the change since `start` and of `pending` that stays pending.
        headroom: in levels of 255.

    Returns:
        The residual, its pending part, and the part to show, int16.
    """
    residual, new_pending = torch.empty_like(image), torch.empty_like(image)
    shown = torch.empty_like(image, dtype=torch.int16)
    pending = torch.zeros_like(image) if pending is None else pending
    tensors = (dream, start, image, pending, residual, new_pending, shown)
    floats = map(ctypes.c_float, (share, headroom))
    library.function("split_residual")(*map(_pointer, tensors), *floats, *_integers(image.numel()))
    return residual, new_pending, shown


def add_pixels(pixels: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return `pixels`, uint8, plus `residual`, int16 of the same shape, clipped to 0..255. Needs `compiled`."""
    pixels, residual = np.ascontiguousarray(pixels), np.ascontiguousarray(residual)
    result = np.empty_like(pixels)
    library.function("add_pixels")(*map(_array_pointer, (pixels, residual, result)), *_integers(pixels.size))
    return result


class _Fit(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "reach", "smoothing")),
        *((name, ctypes.c_double) for name in ("noise", "steepness", "trust")),
    )


def fit_mask(
    planes: np.ndarray, reach: int, smoothing: int, noise: float, steepness: float, trust: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of a guided filter and the kinds of its patches, see mask_edges.py. Needs `compiled`.

    planes: int32 (4, h, w): red, green, blue and mask, 0..255.
    """
    rows, columns = planes.shape[1:]
    grid, kinds = np.empty((rows + 1, 4, columns + 1), np.int32), np.empty((rows, columns), np.uint8)
    scratch = np.empty(4 * rows * columns + 14 * (columns + 2 * max(reach, smoothing)), np.int32)
    arguments = _Fit(rows, columns, reach, smoothing, noise, steepness, trust)
    library.function("fit_mask")(*map(_array_pointer, (planes, grid, kinds, scratch)), ctypes.byref(arguments))
    return grid, kinds


GUIDE_LANES = 16
"""The argument `across` of `guide_mask` is longer than the width of the frame by this many elements."""


class _Guide(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "grid_rows", "grid_columns")),
        *((name, ctypes.c_void_p) for name in ("grid", "kinds", "across", "down", "starts")),
    )


def guide_mask(
    pixels: np.ndarray, grid: np.ndarray, kinds: np.ndarray, across: np.ndarray, down: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Apply the coefficients of a guided filter to a frame and return the mask, uint8 (h, w). Needs `compiled`.

    pixels: uint8 (h, w, 3). The others come from mask_edges.py: int32, except `kinds`, uint8.
    """
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    scratch, mask = np.empty((2, 4, columns + GUIDE_LANES), np.int32), np.empty((rows, columns), np.uint8)
    arguments = _Guide(rows, columns, *kinds.shape, *map(_array_pointer, (grid, kinds, across, down, starts)))
    library.function("guide_mask")(*map(_array_pointer, (pixels, scratch, mask)), ctypes.byref(arguments))
    return mask


def blend_pixels(source: np.ndarray, dream: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `dream` where `mask` is 255 and `source` where it is 0, both uint8 (h, w, 3). Needs `compiled`."""
    return _masked("blend_pixels", source, dream, mask)


def add_masked_pixels(pixels: np.ndarray, residual: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `pixels`, uint8 (h, w, 3), plus `residual`, int16 (h, w, 3), weighted by `mask`. Needs `compiled`."""
    return _masked("add_masked_pixels", pixels, residual, mask)


def _masked(name: str, *arrays: np.ndarray) -> np.ndarray:
    first, second, mask = map(np.ascontiguousarray, arrays)
    result = np.empty_like(first)
    library.function(name)(*map(_array_pointer, (first, second, mask, result)), *_integers(mask.size))
    return result


def _array_pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
