"""Arrays on their way to a GPU and back.

A GPU fetches from memory that stays where it is (pinned) while the program goes on, and from any other only while the
program waits. To pin memory takes longer than to copy a frame, so the buffers are pinned once and used in turns.
"""

from collections.abc import Callable
from itertools import cycle

import numpy as np
import torch
from torch import Tensor

_BUFFERS = 2


class Transfer:
    """Carries arrays to `device` and back, on a stream of its own. On the CPU there is no way to go: it copies.

    One thread at a time may call it. For each shape and type of array it keeps two pinned buffers a way.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._rings: dict[tuple[str, tuple[int, ...], np.dtype], cycle[_Buffer]] = {}
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # so in its stubs

    def up(self, array: np.ndarray) -> Tensor:
        """Return `array` on the device. It may be changed at once; what is launched next waits for its arrival."""
        if self._stream is None:
            return torch.from_numpy(array.copy())
        buffer = self._buffer("up", array.shape, array.dtype)
        buffer.copied.synchronize()
        np.copyto(buffer.array, array)
        with torch.cuda.stream(self._stream):
            tensor = buffer.tensor.to(self._device, non_blocking=True)
            buffer.copied.record()
        current = torch.cuda.current_stream(self._device)
        current.wait_event(buffer.copied)
        # It was made on the stream of the transfers; its memory must not go to another while this one uses it.
        tensor.record_stream(current)
        return tensor

    def down(self, tensor: Tensor) -> Callable[[], np.ndarray]:
        """Send for `tensor`; the function that is returned waits for it, and gives it as an array of its own.

        At most two of a shape and type may be under way.
        """
        if self._stream is None:
            return lambda: tensor.clone().numpy()
        buffer = self._buffer("down", tensor.shape, torch.empty(0, dtype=tensor.dtype).numpy().dtype)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            buffer.tensor.copy_(tensor, non_blocking=True)
            buffer.copied.record()
        tensor.record_stream(self._stream)

        def arrived() -> np.ndarray:
            buffer.copied.synchronize()
            return buffer.array.copy()

        return arrived

    def _buffer(self, way: str, shape: tuple[int, ...], dtype: np.dtype) -> "_Buffer":
        key = way, tuple(shape), dtype
        if key not in self._rings:
            self._rings[key] = cycle([_Buffer(shape, dtype) for _ in range(_BUFFERS)])
        return next(self._rings[key])


class _Buffer:
    """Pinned memory for an array, and when it was last copied from or to."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.tensor = torch.from_numpy(np.empty(shape, dtype)).pin_memory()
        self.array = self.tensor.numpy()
        # blocking: who waits for the GPU leaves the core to the encoders, instead of asking again and again.
        self.copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # so in its stubs
