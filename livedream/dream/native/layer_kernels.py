"""Layer operations that make one pass over memory on a CPU, by kernels.c if it was compiled.

torch makes several passes, or uses one core: a max-pool with its backward takes it 3 times as long. If livedream was
installed without a compiler, torch does the same work; results differ in the last bits only.

Activations are (n, channels, h, w), channels last in memory, float32 or bfloat16, on the CPU.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.native import library

_aten = torch.ops.aten
_LAST = torch.channels_last


def _overwrite(name: str, first: Tensor, second: Tensor) -> bool:
    """Run the kernel `name`, which overwrites `first`, on two tensors of one shape. Returns False if it cannot."""
    kernel = library.kernel(name, first.dtype)
    ready = first.dtype == second.dtype and all(each.is_contiguous(memory_format=_LAST) for each in (first, second))
    if kernel is None or not ready:
        return False
    kernel((first, second), first.numel())
    return True


class Window(NamedTuple):
    """The geometry of a pooling as (vertical, horizontal) pairs."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool

    @property
    def is_compiled(self) -> bool:
        """Whether the kernels support it: indices have eight bits, and a pixel may be in at most 64 windows."""
        (kernel_height, kernel_width), (down, across) = self.size, self.stride
        overlaps = -(-kernel_height // down) * -(-kernel_width // across)
        return self.dilation == (1, 1) and kernel_height * kernel_width < 255 and overlaps <= 64

    def pooled_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return (h, w) of the pooling of an input of `shape` (h, w), as torch defines it."""
        counts = []
        for side, size, stride, padding in zip(shape, self.size, self.stride, self.padding, strict=True):
            room = side + 2 * padding - size
            count = (-(-room // stride) if self.ceil_mode else room // stride) + 1
            # The last window must begin inside the input or the padding before it.
            counts.append(count - 1 if self.ceil_mode and (count - 1) * stride >= side + padding else count)
        return tuple(counts)


Backward = Callable[[Tensor], Tensor]
"""Maps the gradient of a layer's output to that of its input."""


def max_pool(x: Tensor, window: Window, includes_relu: bool) -> tuple[Tensor, Backward]:
    """Return the max-pooled `x` and the backward function.

    includes_relu: whether `x` is the output of a ReLU whose backward pass is to be included.
    """
    pool, unpool = library.kernel("max_pool", x.dtype), library.kernel("max_unpool", x.dtype)
    if pool is None or unpool is None or not window.is_compiled:
        return _torch_max_pool(x, window, includes_relu)
    x = x.contiguous(memory_format=_LAST)
    number, channels, *shape = x.shape
    height, width = window.pooled_shape(shape)
    pooled = torch.empty((number, channels, height, width), dtype=x.dtype, memory_format=_LAST)
    indices = torch.empty((number, channels, height, width), dtype=torch.uint8, memory_format=_LAST)
    geometry = number, *shape, channels, height, width, *window.size, *window.stride, *window.padding
    pool((x, pooled, indices), *geometry, int(includes_relu))

    def backward(gradient: Tensor) -> Tensor:
        gradient, result = gradient.contiguous(memory_format=_LAST), torch.empty_like(x)
        unpool((gradient, indices, result), *geometry)
        return result

    return pooled, backward


def _torch_max_pool(x: Tensor, window: Window, includes_relu: bool) -> tuple[Tensor, Backward]:
    pooled, indices = _aten.max_pool2d_with_indices(x, *window)

    def backward(gradient: Tensor) -> Tensor:
        if includes_relu:
            gradient = _aten.threshold_backward(gradient, pooled, 0)
        return _aten.max_pool2d_with_indices_backward(gradient, x, *window, indices)

    return pooled, backward


def relu(x: Tensor) -> Tensor:
    """Return the ReLU of `x`."""
    result = torch.empty_like(x)
    return result if _overwrite("rectify", result, x) else torch.relu(x)


def add(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of two tensors of one shape."""
    kernel = library.kernel("sum", left.dtype)
    ready = left.dtype == right.dtype and all(each.is_contiguous(memory_format=_LAST) for each in (left, right))
    if kernel is None or not ready:
        return left + right
    result = torch.empty_like(left)
    kernel((left, right, result), left.numel())
    return result


def accumulate(total: Tensor, summand: Tensor) -> Tensor:
    """Return the sum of two tensors of one shape. `total` may be overwritten."""
    return total if _overwrite("accumulate", total, summand) else total + summand


def relu_backward(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient of the input of a ReLU, given its `output`. `gradient` may be overwritten."""
    return gradient if _overwrite("unrectify", gradient, output) else _aten.threshold_backward(gradient, output, 0)


def relu6_backward(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient of the input of a ReLU6, given its `output`. `gradient` may be overwritten."""
    if _overwrite("unclip", gradient, output):
        return gradient
    return _aten.hardtanh_backward(gradient, output, 0.0, 6.0)


def normalise(image: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `(image - mean) / std` in `dtype`, on any device, and differentiable if autograd is recording.

    Args:
        image: float32 (n, channels, h, w).
        mean: float32 (1, channels, 1, 1).
        std: float32 (1, channels, 1, 1).
        dtype: of the result.
    """
    image = image.contiguous(memory_format=_LAST)
    number, channels, height, width = image.shape
    kernel = library.kernel("normalise", dtype)
    differentiated = image.requires_grad and torch.is_grad_enabled()
    if kernel is None or differentiated or not library.is_plain(image):
        means, stds = _row(mean, width), _row(std, width)
        rows = (image.permute(0, 2, 3, 1).flatten(2) - means) / stds
        return rows.view(number, height, width, channels).permute(0, 3, 1, 2).to(dtype)
    result = torch.empty(image.shape, dtype=dtype, memory_format=_LAST)
    means, stds = _kept_row(mean, width), _kept_row(std, width)
    kernel((image, result, means, stds), number * height, width * channels)
    return result


def _row(values: Tensor, width: int) -> Tensor:
    """Return the value of each channel, repeated for each pixel of a row: three alone cannot fill the vector units."""
    return values.flatten().repeat(width)


_kept_row = lru_cache(maxsize=32)(_row)  # saves 0.15 ms per step for both


def zero_pad(x: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
    """Return `x` padded with zeros: columns on the left and right, rows above and below."""
    left, right, above, below = padding
    kernel = library.kernel("border", x.dtype)
    if kernel is None:
        return F.pad(x, padding).contiguous(memory_format=_LAST)
    x = x.contiguous(memory_format=_LAST)
    number, channels, height, width = x.shape
    shape = number, channels, height + above + below, width + left + right
    result = torch.empty(shape, dtype=x.dtype, memory_format=_LAST)
    kernel((x, result), number, height, width * channels, above, below, left * channels, right * channels)
    return result


def copy_channels(source: Tensor, start: int, target: Tensor, target_start: int, count: int) -> None:
    """Copy `count` channels of `source` to `target`. Both have the same height, width and dtype."""
    kernel = library.kernel("copy_channels", source.dtype)
    if kernel is None:
        target[:, target_start : target_start + count] = source[:, start : start + count]
        return
    source = source.contiguous(memory_format=_LAST)
    pixels = source.shape[0] * source.shape[2] * source.shape[3]
    kernel((source, target), pixels, source.shape[1], start, target.shape[1], target_start, count)


def depth_to_space(blocks: Tensor, block: tuple[int, int], padding: tuple[int, int], result: Tensor) -> None:
    """Rearrange the channels of each pixel into a block of pixels of `result`, in float32.

    Args:
        blocks: (n, rows * columns * channels, h, w) for blocks of rows x columns pixels. Further channels are ignored.
        block: rows and columns of a block.
        padding: rows and columns cropped at the top and on the left.
        result: float32 (n, channels, h, w), overwritten. It is 0 beyond the last block.
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
    blocks: Tensor, filled: tuple[int, int], block: tuple[int, int], padding: tuple[int, int], result: Tensor
) -> None:
    """Rearrange the channels of each pixel into a block of pixels of `result`, filled only in its upper left part.

    Args:
        blocks: (n, filled rows * filled columns * channels, h, w).
        filled: rows and columns of a block that `blocks` gives. The others are 0.
        block: rows and columns of a block.
        padding: rows and columns cropped at the top and on the left.
        result: (n, channels, h, w) of the same dtype, overwritten. It is 0 beyond the last block.
    """
    (down, across), (top, left), (number, channels, height, width) = block, padding, result.shape
    rows, columns = blocks.shape[2:]
    kernel = library.kernel("interleave", blocks.dtype)
    if kernel is not None and all(each.is_contiguous(memory_format=_LAST) for each in (blocks, result)):
        kernel((blocks, result), number, rows, columns, height, width, channels, *filled, *block, *padding)
        return
    whole = torch.zeros(number, rows, down, columns, across, channels, dtype=blocks.dtype)
    values = blocks.permute(0, 2, 3, 1).reshape(number, rows, columns, *filled, channels)
    whole[:, :, : filled[0], :, : filled[1]] = values.permute(0, 1, 3, 2, 4, 5)
    image = whole.reshape(number, rows * down, columns * across, channels).permute(0, 3, 1, 2)
    cropped = image[:, :, top : top + height, left : left + width]
    result.copy_(F.pad(cropped, (0, width - cropped.shape[3], 0, height - cropped.shape[2])))
