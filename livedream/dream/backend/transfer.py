"""Transfer of arrays to a GPU and back.

A GPU can copy from page-locked (pinned) host memory while the program continues, and from any other memory only while
the program waits. Pinning memory takes longer than copying a frame, so pinned buffers are reused.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

_BUFFERS = 2
"""Number of buffers per shape and dtype for uploads: while one is used, the other is filled."""


class Transfer:
    """Copies arrays to `device` and back, on its own CUDA stream. For the CPU it only copies.

    Only one thread at a time may call it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers: dict[tuple[tuple[int, ...], np.dtype], deque[_Buffer]] = {}
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # untyped in torch's stubs

    def up(self, array: np.ndarray) -> Tensor:
        """Return `array` on the device, valid until the next array of its shape and dtype is uploaded.

        The array may be changed at once. Operations that are launched next wait for its arrival.
        """
        if self._stream is None:
            return torch.from_numpy(array.copy())
        current = torch.cuda.current_stream(self._device)
        key = array.shape, array.dtype
        if key not in self._buffers:
            self._buffers[key] = deque(_Buffer(*key, self._device) for _ in range(_BUFFERS))
        buffers = self._buffers[key]
        buffers.rotate(1)
        buffer, last = buffers[0], buffers[1]
        last.used.record(current)  # everything that uses it has been launched by now
        buffer.filled.synchronize()
        np.copyto(buffer.array, array)
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(buffer.used)
            buffer.tensor.copy_(buffer.pinned, non_blocking=True)
            buffer.filled.record(self._stream)
        current.wait_event(buffer.filled)
        return buffer.tensor

    def down(self, tensor: Tensor) -> Callable[[], np.ndarray]:
        """Start the download of `tensor`; return a function, for any thread, that waits for it and returns a new array.

        `tensor` must not be changed before that.
        """
        if self._stream is None:
            return lambda: tensor.clone().numpy()
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)  # torch caches pinned memory
        filled = _event()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            pinned.copy_(tensor, non_blocking=True)
            filled.record(self._stream)
        return partial(_downloaded, filled, pinned, tensor)


def _downloaded(filled: torch.cuda.Event, pinned: Tensor, source: Tensor) -> np.ndarray:
    """Return the downloaded array. `source` is a parameter so that its memory is not reused before that."""
    filled.synchronize()
    return pinned.numpy().copy()


class _Buffer:
    """A tensor on the device, and the pinned memory from which it is filled."""

    def __init__(self, shape: tuple[int, ...], array_dtype: np.dtype, device: torch.device) -> None:
        dtype = torch.from_numpy(np.empty(0, array_dtype)).dtype
        self.pinned = torch.empty(shape, dtype=dtype, pin_memory=True)
        self.array = self.pinned.numpy()
        self.tensor = torch.empty(shape, dtype=dtype, device=device)
        self.filled = _event()
        self.used = _event()
        # Its memory may have belonged to a tensor that the device still uses.
        self.used.record(torch.cuda.current_stream(device))


def _event() -> torch.cuda.Event:
    # blocking: the thread that waits for the GPU sleeps and leaves the core to the encoders, instead of polling.
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # untyped in torch's stubs
