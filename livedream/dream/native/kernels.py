"""Passes over the memory that a step makes on a CPU, each done at once by kernels.c where it was compiled.

torch does them in several passes, or on one processor alone: a max-pool and its way back take it 3 times as long, the
way from a picture to the network and back 4 times. Where there was no compiler when livedream was installed, torch does
them all the same (`compiled` tells), and gives the same but for the last bits.

Pictures and activations are (n, channels, h, w), channels last in memory, float32 or bfloat16, on the CPU.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.image.precondition import PLAIN, Preconditioner, pyramid_sizes
from livedream.dream.image.precondition import precondition as plain_precondition
from livedream.dream.native import library

_aten = torch.ops.aten
_LAST = torch.channels_last
compiled = library.opened is not None
"""Whether kernels.c was compiled when livedream was installed."""


def _at(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _whole(*numbers: int) -> tuple[ctypes.c_int64, ...]:
    return tuple(ctypes.c_int64(number) for number in numbers)


def _ready(tensor: Tensor) -> bool:
    """Whether the compiled functions for float32 can read it; one that only pretends to be a tensor has no memory."""
    right = type(tensor) is Tensor and tensor.dtype == torch.float32 and tensor.device.type == "cpu"
    return right and tensor.is_contiguous(memory_format=_LAST)


def _overwrite(name: str, first: Tensor, second: Tensor) -> bool:
    """Let the kernel `name` read both, which have one shape, and overwrite the first; returns whether there is one."""
    kernel = library.kernel(name, first.dtype)
    ready = first.dtype == second.dtype and all(each.is_contiguous(memory_format=_LAST) for each in (first, second))
    if kernel is None or not ready:
        return False
    kernel((first, second), first.numel())
    return True


class Window(NamedTuple):
    """How a pooling looks at its input: pairs of (down, across)."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool

    @property
    def small(self) -> bool:
        """Whether the compiled functions know it: places have eight bits, and a pixel is in 64 windows at most."""
        (high, wide), (down, across) = self.size, self.stride
        return self.dilation == (1, 1) and high * wide < 255 and -(-high // down) * -(-wide // across) <= 64

    def pooled(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Return (h, w) after the pooling of a picture with `sides` before it, as torch counts."""
        counts = []
        for side, size, stride, padding in zip(sides, self.size, self.stride, self.padding, strict=True):
            room = side + 2 * padding - size
            count = (-(-room // stride) if self.ceil_mode else room // stride) + 1
            # The last window must begin inside the picture, or in what is laid before it.
            counts.append(count - 1 if self.ceil_mode and (count - 1) * stride >= side + padding else count)
        return tuple(counts)


WayBack = Callable[[Tensor], Tensor]
"""From the gradient behind a layer to that before it."""


def max_pool(x: Tensor, window: Window, rectified: bool) -> tuple[Tensor, WayBack]:
    """Return `x` pooled, and the way back.

    rectified: whether `x` comes from a ReLU, which the way back undoes as well.
    """
    pool, unpool = library.kernel("max_pool", x.dtype), library.kernel("max_unpool", x.dtype)
    if pool is None or unpool is None or not window.small:
        return _plain_max_pool(x, window, rectified)
    x = x.contiguous(memory_format=_LAST)
    number, channels, *sides = x.shape
    high, wide = window.pooled(sides)
    pooled = torch.empty((number, channels, high, wide), dtype=x.dtype, memory_format=_LAST)
    places = torch.empty((number, channels, high, wide), dtype=torch.uint8, memory_format=_LAST)
    how = number, *sides, channels, high, wide, *window.size, *window.stride, *window.padding
    pool((x, pooled, places), *how, int(rectified))

    def back(gradient: Tensor) -> Tensor:
        gradient, before = gradient.contiguous(memory_format=_LAST), torch.empty_like(x)
        unpool((gradient, places, before), *how)
        return before

    return pooled, back


def _plain_max_pool(x: Tensor, window: Window, rectified: bool) -> tuple[Tensor, WayBack]:
    pooled, places = _aten.max_pool2d_with_indices(x, *window)

    def back(gradient: Tensor) -> Tensor:
        if rectified:
            gradient = _aten.threshold_backward(gradient, pooled, 0)
        return _aten.max_pool2d_with_indices_backward(gradient, x, *window, places)

    return pooled, back


def rectify(x: Tensor) -> Tensor:
    """Return what a ReLU gives for `x`."""
    result = torch.empty_like(x)
    return result if _overwrite("rectify", result, x) else torch.relu(x)


def total(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of both, which have one shape."""
    kernel = library.kernel("sum", left.dtype)
    ready = left.dtype == right.dtype and all(each.is_contiguous(memory_format=_LAST) for each in (left, right))
    if kernel is None or not ready:
        return left + right
    result = torch.empty_like(left)
    kernel((left, right, result), left.numel())
    return result


def accumulate(total: Tensor, more: Tensor) -> Tensor:
    """Return the sum of both. `total` may be overwritten."""
    return total if _overwrite("accumulate", total, more) else total + more


def unrectify(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient before a ReLU that gave `output`. `gradient` may be overwritten."""
    return gradient if _overwrite("unrectify", gradient, output) else _aten.threshold_backward(gradient, output, 0)


def unclip(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient before a ReLU6 that gave `output`. `gradient` may be overwritten."""
    if _overwrite("unclip", gradient, output):
        return gradient
    return _aten.hardtanh_backward(gradient, output, 0.0, 6.0)


def normalise(picture: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `(picture - mean) / std` in `dtype`, on any device and with its gradient, if that is asked for.

    picture: float32. mean, std: float32 (1, channels, 1, 1).
    """
    picture = picture.contiguous(memory_format=_LAST)
    number, channels, height, width = picture.shape
    kernel = library.kernel("normalise", dtype)
    followed = picture.requires_grad and torch.is_grad_enabled()
    if kernel is None or followed or not _ready(picture):
        means, stds = _row(mean, width), _row(std, width)
        rows = (picture.permute(0, 2, 3, 1).flatten(2) - means) / stds
        return rows.view(number, height, width, channels).permute(0, 3, 1, 2).to(dtype)
    result = torch.empty(picture.shape, dtype=dtype, memory_format=_LAST)
    means, stds = _kept_row(mean, width), _kept_row(std, width)
    kernel((picture, result, means, stds), number * height, width * channels)
    return result


def _row(values: Tensor, width: int) -> Tensor:
    """Return a value for each channel as often as there are pixels in a row: three alone are too few for the vector
    units.
    """
    return values.flatten().repeat(width)


_kept_row = lru_cache(maxsize=32)(_row)  # 0.15 ms a step for both


def border(x: Tensor, columns_and_rows: tuple[int, int, int, int]) -> Tensor:
    """Return `x` with zeros around it: columns before and after it, rows above and below it."""
    before, after, above, below = columns_and_rows
    kernel = library.kernel("border", x.dtype)
    if kernel is None:
        return F.pad(x, columns_and_rows).contiguous(memory_format=_LAST)
    x = x.contiguous(memory_format=_LAST)
    number, channels, height, width = x.shape
    shape = number, channels, height + above + below, width + before + after
    result = torch.empty(shape, dtype=x.dtype, memory_format=_LAST)
    kernel((x, result), number, height, width * channels, above, below, before * channels, after * channels)
    return result


def copy_channels(source: Tensor, start: int, target: Tensor, to: int, count: int) -> None:
    """Copy `count` channels from `start` on over those of `target` from `to` on. Both have pixels and a type alike."""
    kernel = library.kernel("copy_channels", source.dtype)
    if kernel is None:
        target[:, to : to + count] = source[:, start : start + count]
        return
    source = source.contiguous(memory_format=_LAST)
    pixels = source.shape[0] * source.shape[2] * source.shape[3]
    kernel((source, target), pixels, source.shape[1], start, target.shape[1], to, count)


def unblock(blocks: Tensor, block: tuple[int, int], padding: tuple[int, int], result: Tensor) -> None:
    """Lay the channels of each pixel side by side, as a block of pixels of `result`, float32 (n, channels, h, w).

    blocks: (n, rows times columns of a block times channels, and any more that are left out, h, w). block: rows and
    columns. padding: rows and columns that are left out at the top and on the left. Where the blocks end follows 0.
    """
    (down, across), (top, left), (number, channels, height, width) = block, padding, result.shape
    rows, columns, stride = blocks.shape[2], blocks.shape[3], blocks.shape[1]
    kernel = library.kernel("unblock", blocks.dtype)
    if kernel is not None and all(each.is_contiguous(memory_format=_LAST) for each in (blocks, result)):
        kernel((blocks, result), number, rows, columns, stride, height, width, channels, down, across, top, left)
        return
    side = blocks.permute(0, 2, 3, 1)[..., : down * across * channels].float()
    side = side.reshape(number, rows, columns, down, across, channels).permute(0, 1, 3, 2, 4, 5)
    whole = side.reshape(number, rows * down, columns * across, channels).permute(0, 3, 1, 2)
    cropped = whole[:, :, top : top + height, left : left + width]
    result.copy_(F.pad(cropped, (0, width - cropped.shape[3], 0, height - cropped.shape[2])))


def interleave(
    blocks: Tensor, reached: tuple[int, int], block: tuple[int, int], padding: tuple[int, int], result: Tensor
) -> None:
    """Lay the pixels of blocks side by side, with zeros for those that are not reached.

    blocks: (n, rows times columns that are reached times channels, h, w). reached: rows and columns, of those of a
    `block`. padding: rows and columns that are left out at the top and on the left. result: (n, channels, h, w) of the
    same type; where the blocks end follows 0.
    """
    (down, across), (top, left), (number, channels, height, width) = block, padding, result.shape
    rows, columns = blocks.shape[2:]
    kernel = library.kernel("interleave", blocks.dtype)
    if kernel is not None and all(each.is_contiguous(memory_format=_LAST) for each in (blocks, result)):
        kernel((blocks, result), number, rows, columns, height, width, channels, *reached, *block, *padding)
        return
    whole = torch.zeros(number, rows, down, columns, across, channels, dtype=blocks.dtype)
    found = blocks.permute(0, 2, 3, 1).reshape(number, rows, columns, *reached, channels)
    whole[:, :, : reached[0], :, : reached[1]] = found.permute(0, 1, 3, 2, 4, 5)
    picture = whole.reshape(number, rows * down, columns * across, channels).permute(0, 3, 1, 2)
    cropped = picture[:, :, top : top + height, left : left + width]
    result.copy_(F.pad(cropped, (0, width - cropped.shape[3], 0, height - cropped.shape[2])))


def roll(picture: Tensor, down: int, right: int) -> Tensor:
    """Return `picture` rolled around its edges by whole pixels, as torch.roll does."""
    if not compiled or not _ready(picture):
        return torch.roll(picture, (down, right), (2, 3))
    result = torch.empty_like(picture)
    number, channels, height, width = picture.shape
    sizes = _whole(number, height, width, channels, down % height, right % width)
    library.compiled("roll")(_at(picture), _at(result), *sizes)
    return result


def climb(picture: Tensor, gradient: Tensor, step: float) -> Tensor:
    """Return `picture + gradient * step`, all float32."""
    if not compiled or not (_ready(picture) and _ready(gradient)):
        return torch.add(picture, gradient, alpha=step)
    result = torch.empty_like(picture)
    states = (picture, gradient, result)
    library.compiled("add_scaled")(*map(_at, states), ctypes.c_float(step), *_whole(picture.numel()))
    return result


def absolute_mean(values: Tensor) -> float:
    """Return the mean absolute value of `values`, float32; not finite if one of them is not."""
    if not compiled or not _ready(values):
        return float(values.abs().mean())
    return float(library.compiled("absolute_mean")(_at(values), *_whole(values.numel())))


class _Precondition(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "levels")),
        ("colors", ctypes.c_float * 9),
        ("factors", ctypes.c_float * 8),
    )


def precondition(gradient: Tensor, by: Preconditioner) -> tuple[Tensor, float]:
    """Return `gradient`, float32 (1, 3, h, w), preconditioned (see precondition.py), and its mean absolute value, which
    is not finite if a number of the gradient is not.
    """
    if by == PLAIN:
        return gradient, absolute_mean(gradient)
    if not compiled or not _ready(gradient):
        result = plain_precondition(gradient, by)
        return result, absolute_mean(result)
    sizes = pyramid_sizes(gradient.shape[2], gradient.shape[3]) if not by.keeps_levels else [gradient.shape[2:]]
    how = _Precondition(gradient.shape[2], gradient.shape[3], len(sizes), by.colors, by.factors(len(sizes)))
    result = torch.empty_like(gradient)
    planes = torch.empty(3 * sum(height * width for height, width in sizes))
    sums = torch.empty(gradient.shape[2], dtype=torch.float64)
    mean = library.compiled("precondition")(*map(_at, (gradient, result, planes, sums)), ctypes.byref(how))
    return result, float(mean)


class _Travel(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
        *((name, ctypes.c_float) for name in ("keep", "leak")),
    )


def travels(picture: Tensor, *states: Tensor | None) -> bool:
    """Whether `travel` and `settle` are compiled for these pictures."""
    return compiled and all(tensor is None or _ready(tensor) for tensor in (picture, *states))


def travel(
    picture: Tensor,
    residual: Tensor,
    withheld: Tensor | None,
    flow: tuple[np.ndarray, np.ndarray],
    keep: float,
    leak: float,
) -> tuple[Tensor, Tensor | None]:
    """Return `picture` with `residual` added, moved along a flow, and `withheld`, moved as well.

    picture, residual, withheld: (1, 3, h, w), for which `travels`. flow: vectors (h, w, 2) in pixels of the picture and
    confidence (h, w), float32; both fade by the confidence, the residual also by `keep`. leak: share of the mean of
    each channel of the residual that is taken off.
    """
    vectors, confidence = (torch.from_numpy(np.ascontiguousarray(each)) for each in flow)
    before = torch.empty_like(picture)
    moved = None if withheld is None else torch.empty_like(picture)
    height, width = picture.shape[2:]
    sums = torch.empty(height * 3, dtype=torch.float64)
    how = _Travel(height, width, keep, leak)
    states = (residual, withheld, vectors, confidence, picture, before, moved, sums)
    library.compiled("travel")(*(None if state is None else _at(state) for state in states), ctypes.byref(how))
    return before, moved


def settle(
    dream: Tensor, before: Tensor, picture: Tensor, withheld: Tensor | None, share: float, headroom: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a frame leaves behind: the residual, what is withheld of it, and the rest, int16, to be shown.

    dream: of which 0..255 counts, less `headroom` levels at either end that it may not go to where `picture`, the frame
    itself, does not. before: what it was made of. All (1, 3, h, w), for which `travels`. share: of the change from
    `before` and of what was withheld before.
    """
    residual, held = torch.empty_like(picture), torch.empty_like(picture)
    shown = torch.empty_like(picture, dtype=torch.int16)
    withheld = torch.zeros_like(picture) if withheld is None else withheld
    states = (dream, before, picture, withheld, residual, held, shown)
    library.compiled("settle")(*map(_at, states), *map(ctypes.c_float, (share, headroom)), *_whole(picture.numel()))
    return residual, held, shown


def add_pixels(pixels: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return `pixels`, uint8, with `residual`, int16 of the same shape, added; within 0..255. Where `compiled`."""
    pixels, residual = np.ascontiguousarray(pixels), np.ascontiguousarray(residual)
    result = np.empty_like(pixels)
    library.compiled("add_pixels")(*map(_memory, (pixels, residual, result)), *_whole(pixels.size))
    return result


class _Fit(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "reach", "smoothing")),
        *((name, ctypes.c_double) for name in ("noise", "steepness", "trust")),
    )


def fit_mask(
    planes: np.ndarray, reach: int, smoothing: int, noise: float, steepness: float, trust: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of a guided filter, and the kinds of patches, as mask_edges makes them. Where `compiled`.

    planes: int32 (4, h, w): red, green, blue and mask, 0..255.
    """
    rows, columns = planes.shape[1:]
    grid, kinds = np.empty((rows + 1, 4, columns + 1), np.int32), np.empty((rows, columns), np.uint8)
    room = np.empty(4 * rows * columns + 14 * (columns + 2 * max(reach, smoothing)), np.int32)
    how = _Fit(rows, columns, reach, smoothing, noise, steepness, trust)
    library.compiled("fit_mask")(*map(_memory, (planes, grid, kinds, room)), ctypes.byref(how))
    return grid, kinds


GUIDE_LANES = 16
"""By how many numbers `across` of `guide_mask` is longer than a frame is wide."""


class _Guide(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "columns", "grid_rows", "grid_columns")),
        *((name, ctypes.c_void_p) for name in ("grid", "kinds", "across", "down", "starts")),
    )


def guide_mask(
    pixels: np.ndarray, grid: np.ndarray, kinds: np.ndarray, across: np.ndarray, down: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return the mask that the coefficients of a guided filter give for `pixels`, uint8 (h, w). Where `compiled`.

    pixels: uint8 (h, w, 3). The others as mask_edges makes them: int32, but for `kinds`, uint8.
    """
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    room, mask = np.empty((2, 4, columns + GUIDE_LANES), np.int32), np.empty((rows, columns), np.uint8)
    how = _Guide(rows, columns, *kinds.shape, *map(_memory, (grid, kinds, across, down, starts)))
    library.compiled("guide_mask")(*map(_memory, (pixels, room, mask)), ctypes.byref(how))
    return mask


def blend_pixels(source: np.ndarray, dream: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `dream` where `mask` is 255 and `source` where it is 0, both uint8 (h, w, 3). Where `compiled`."""
    return _masked("blend_pixels", source, dream, mask)


def add_masked_pixels(pixels: np.ndarray, residual: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `pixels`, uint8 (h, w, 3), with as much of `residual`, int16 (h, w, 3), as `mask` shows. Where
    `compiled`.
    """
    return _masked("add_masked_pixels", pixels, residual, mask)


def _masked(name: str, *given: np.ndarray) -> np.ndarray:
    first, second, mask = map(np.ascontiguousarray, given)
    result = np.empty_like(first)
    library.compiled(name)(*map(_memory, (first, second, mask, result)), *_whole(mask.size))
    return result


def _memory(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
