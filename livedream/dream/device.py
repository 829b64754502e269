"""The way of a frame through a GPU: up once as it was captured, down once as it is shown."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.graph import GraphedSteps
from livedream.dream.motion import Flow
from livedream.dream.octaves import Size
from livedream.dream.residual import Left
from livedream.dream.tensors import compose, inherit, shrink
from livedream.dream.transfer import Transfer


class OnDevice:
    """Carries frames of a stream through a GPU. What is launched is not waited for before `show`.

    The optical flow alone comes from the CPU, where OpenCV has DIS, the one that is steady and takes 2 ms. It looks at
    a small frame, shrunk there a second time: to fetch that of the GPU would be to wait for it.
    """

    def __init__(self, device: torch.device) -> None:
        self._transfer = Transfer(device)
        self._frame: Tensor | None = None
        self._size: Size = (0, 0)
        self._steps: GraphedSteps | None = None

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        """Send `pixels`, uint8 (h, w, 3); return them at the size of `small`, float32 (1, 3, h, w)."""
        self._frame = self._transfer.up(pixels)
        self._size = small.shape[0], small.shape[1]
        return shrink(self._frame, self._size)

    def inherit(self, picture: Tensor, left: Left, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        """Return `picture` with what it inherits, and what is withheld, moved along `flow`; see residual.inherit."""
        return inherit(picture, left, self._transfer.up(np.dstack((flow.vectors, flow.confidence))), keep)

    def step(
        self, ascent: Ascent, picture: Tensor, octave: Size, shift: tuple[int, int], step_size: float, share: float
    ) -> Tensor:
        """Return `picture` moved by one step of `ascent`; by a graph if it has the size of the stream."""
        size = picture.shape[2], picture.shape[3]
        if size != self._size:
            return ascent.step(picture, octave, shift, step_size, share)
        if self._steps is None or self._steps.ascent is not ascent or self._steps.size != size:
            self._steps = None  # its memory first, then that of the next
            self._steps = GraphedSteps(ascent, size)
        return self._steps.step(picture, octave, shift, step_size, share)

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Return what gives the frame that was uploaded last, `pixels`, with the dream added, and how many steps were
        dropped. Here the GPU is waited for.

        The count comes down together with the picture, so that it costs no waiting of its own.
        """
        dropped = self._transfer.down(ascent.dropped)
        if strength == 0 or self._frame is None:
            return lambda: pixels, int(dropped())
        shown = self._transfer.down(compose(self._frame, residual, strength))()
        return lambda: shown, int(dropped())
