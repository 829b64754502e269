"""The contract of a backend: what dreams the frames of a stream on a CPU or on a GPU."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import Preconditioner
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import Carry

MakeMask = Callable[[], np.ndarray | None]
"""Makes the mask of a frame, uint8 (h, w): 255 where the dream is fully visible. Returns None for no mask."""


class Backend(Protocol):
    """Dreams frames of a stream, which come in order: `upload`, `warp_and_add`, `step` once or more, `show`.

    One thread at a time may dream. `step` may be called by another thread for another ascent, to warm it up.
    """

    @property
    def composes_on_gpu(self) -> bool:
        """Whether the GPU composes the frames too, so that the function `show` returns only waits for it."""
        ...

    @property
    def holds_spare_memory(self) -> bool:
        """Whether `free` would return more memory than the current frame needs."""
        ...

    def measure(self, stages: StageTimes, stage: str) -> AbstractContextManager[None]:
        """Return a context whose duration is added to `stage`."""
        ...

    def free(self) -> None:
        """Release all memory that can be allocated again."""
        ...

    def forget(self, ascent: Ascent) -> None:
        """Release what is kept for `ascent`, which makes no more steps."""
        ...

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        """Bring a frame to the device.

        Args:
            pixels: uint8 RGB (h, w, 3), the frame at its full size.
            small: uint8 RGB, the frame at the working size.

        Returns:
            The frame at the working size, float32 (1, 3, h, w), 0..255.
        """
        ...

    def warp_and_add(self, image: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        """Return `image` plus the residual warped along `flow`, and the warped pending part; see motion/residual.py.

        Args:
            image: what `upload` returned.
            carry: what the previous frame left.
            flow: from this frame to the previous one.
            keep: share of the residual that survives, 0..1.
        """
        ...

    def step(
        self,
        ascent: Ascent,
        image: Tensor,
        octave: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float,
        by: Preconditioner,
    ) -> Tensor:
        """Return `image` moved by one step; the arguments are those of `Ascent.step`."""
        ...

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float, mask: MakeMask
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Add the dream to the frame that was uploaded last.

        Args:
            ascent: made the steps.
            pixels: the frame, uint8 RGB (h, w, 3); not changed.
            residual: the part of the dream to be shown, float32 or int16 (1, 3, h, w).
            strength: factor of the residual; 0 returns the frame as it is.
            mask: called by the thread that composes, once per frame.

        Returns:
            A function, for any thread, that returns the composed frame; and the number of dropped steps. A GPU returns
            that number for the previous frame, because asking for the current one would wait for the GPU.
        """
        ...
