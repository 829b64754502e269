"""Arrays on their way to a GPU and back.

A GPU fetches from memory that stays where it is (pinned) while the program goes on, and from any other only while the
program waits. To pin memory takes longer than to copy a frame, so what is pinned is used again.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

_PLACES = 2
"""For what is sent up: while one is used the next is filled."""


class Transfer:
    """Carries arrays to `device` and back, on a stream of its own. On the CPU there is no way to go: it copies.

    One thread at a time may call it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._places: dict[tuple[tuple[int, ...], np.dtype], deque[_Place]] = {}
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # so in its stubs

    def up(self, array: np.ndarray) -> Tensor:
        """Return `array` on the device, to be used until the next one of its shape and type is sent up.

        The array may be changed at once; what is launched next waits for its arrival.
        """
        if self._stream is None:
            return torch.from_numpy(array.copy())
        current = torch.cuda.current_stream(self._device)
        key = array.shape, array.dtype
        if key not in self._places:
            self._places[key] = deque(_Place(*key, self._device) for _ in range(_PLACES))
        places = self._places[key]
        places.rotate(1)
        place, last = places[0], places[1]
        last.used.record(current)  # by now all that uses it is launched
        place.filled.synchronize()
        np.copyto(place.array, array)
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(place.used)
            place.tensor.copy_(place.pinned, non_blocking=True)
            place.filled.record(self._stream)
        current.wait_event(place.filled)
        return place.tensor

    def down(self, tensor: Tensor) -> Callable[[], np.ndarray]:
        """Send for `tensor`; what is returned waits for it, on any thread, and gives it as an array of its own.

        `tensor` must not be changed before that.
        """
        if self._stream is None:
            return lambda: tensor.clone().numpy()
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)  # torch lends it again and again
        filled = _event()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            pinned.copy_(tensor, non_blocking=True)
            filled.record(self._stream)
        return partial(_arrived, filled, pinned, tensor)


def _arrived(filled: torch.cuda.Event, pinned: Tensor, held: Tensor) -> np.ndarray:
    """Return what was copied from `held`, whose memory is nobody else's until this function is gone."""
    filled.synchronize()
    return pinned.numpy().copy()


class _Place:
    """Where an array arrives on the device, and the pinned memory from which it comes."""

    def __init__(self, shape: tuple[int, ...], kind: np.dtype, device: torch.device) -> None:
        dtype = torch.from_numpy(np.empty(0, kind)).dtype
        self.pinned = torch.empty(shape, dtype=dtype, pin_memory=True)
        self.array = self.pinned.numpy()
        self.tensor = torch.empty(shape, dtype=dtype, device=device)
        self.filled = _event()
        self.used = _event()
        # The memory may have been another's, who is not done with it.
        self.used.record(torch.cuda.current_stream(device))


def _event() -> torch.cuda.Event:
    # blocking: who waits for the GPU leaves the core to the encoders, instead of asking again and again.
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # so in its stubs
