"""The way of a frame through a GPU: up once as it was captured, down once as it is shown."""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.backend.cpu import MakesMask
from livedream.dream.backend.cuda_graphs import GraphedSteps, recording
from livedream.dream.backend.torch_ops import compose, shrink, warp_and_add
from livedream.dream.backend.transfer import Transfer
from livedream.dream.image.mask_edges import blend
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import Preconditioner
from livedream.dream.stream.gpu_timing import GpuTimer
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.residual import Carry
from livedream.dream.stream.timing import StageTimes

# Sizes between which the governor goes to and fro, and the look that is prepared meanwhile: to record takes the time of
# some frames.
_KEPT = 3


class GpuBackend:
    """Carries frames of a stream through a GPU. What is launched for a frame is not waited for before it is shown.

    The optical flow alone comes from the CPU, where OpenCV has DIS, the one that is steady and takes 2 ms. It looks at
    a small frame, shrunk there a second time: to fetch that of the GPU would be to wait for it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._transfer = Transfer(device)
        self._frame: Tensor | None = None
        self._kept: dict[tuple[int, Shape], GraphedSteps] = {}
        """By the id of the ascent, which they hold, and the size; the one used last stands last."""
        self._keeping = threading.Lock()
        self._streams: list[torch.cuda.Stream] = []
        """On which nobody records now."""
        self._dropped: Callable[[], np.ndarray] | None = None
        """Gives how many steps of the last frame were dropped."""
        self._stopwatch = GpuTimer()

    def measure(self, stages: StageTimes, stage: str) -> AbstractContextManager[None]:
        """Add the time that the GPU takes for what is launched inside to `stage`, when the frame is shown."""
        if self._device.type != "cuda":
            return stages.measure(stage)
        return self._stopwatch.measure(stages, stage)

    @property
    def keeps_more(self) -> bool:
        """Whether it keeps more in memory than a frame needs."""
        return len(self._kept) > 1

    def free(self) -> None:
        """Give back what it keeps, once the GPU is done with it."""
        with recording, self._keeping:  # while somebody records, one may not wait for a whole GPU
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self._kept.clear()
            torch.cuda.empty_cache()

    def forget(self, ascent: Ascent) -> None:
        """Give back what it keeps for `ascent`, which takes no more steps."""
        with self._keeping:
            for key in [key for key, steps in self._kept.items() if steps.ascent is ascent]:
                del self._kept[key]

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        """Send `pixels`, uint8 (h, w, 3); return them at the size of `small`, float32 (1, 3, h, w)."""
        self._frame = self._transfer.up(pixels)
        return shrink(self._frame, (small.shape[0], small.shape[1]))

    def warp_and_add(self, picture: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        """Return `picture` with the residual added, and the pending part, both moved along `flow`."""
        return warp_and_add(picture, carry, self._transfer.up(flow.vectors), self._transfer.up(flow.confidence), keep)

    def step(
        self,
        ascent: Ascent,
        picture: Tensor,
        octave: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float,
        by: Preconditioner,
    ) -> Tensor:
        """Return `picture` moved by one step of `ascent`, by a graph. Another thread may, with another ascent."""
        steps = self._steps_for(ascent, (picture.shape[2], picture.shape[3]))
        return steps.step(picture, octave, shift, step_size, share, by)

    def _steps_for(self, ascent: Ascent, shape: Shape) -> GraphedSteps:
        with self._keeping:
            steps = self._kept.pop((id(ascent), shape), None)
            if steps is None:
                if len(self._kept) == _KEPT:
                    del self._kept[next(iter(self._kept))]  # its memory first, then that of the new one
                steps = self._new_steps(ascent, shape)
            self._kept[id(ascent), shape] = steps
            return steps

    def _new_steps(self, ascent: Ascent, shape: Shape) -> GraphedSteps:
        """Return new ones with a stream of their own, on which others have recorded that are gone.

        cuBLAS keeps memory for each stream that ever used it, and takes it back when a graph that was recorded there is
        gone, whoever else has recorded there.
        """
        if self._device.type != "cuda":
            return GraphedSteps(ascent, shape)
        # Its stubs give a stream no types.
        stream = self._streams.pop() if self._streams else torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        steps = GraphedSteps(ascent, shape, stream)
        weakref.finalize(steps, self._streams.append, stream)
        return steps

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float, mask: MakesMask
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Return what gives the frame that was uploaded last, `pixels`, with the dream added, for any thread, and how
        many steps of the frame before were dropped.

        Of the one before, because to know it of this one would be to wait for it. To wait for that one keeps this
        thread from running away from the GPU.

        mask: makes the mask through which the dream is seen, on that other thread: the frame is masked once it is back.
        """
        before, self._dropped = self._dropped, self._transfer.down(ascent.take_dropped())
        stopwatch, self._stopwatch = self._stopwatch, GpuTimer()
        arrived = None
        if strength != 0 and self._frame is not None:
            arrived = self._transfer.down(compose(self._frame, residual, strength))

        def finish() -> np.ndarray:
            if arrived is None:
                stopwatch.read()
                return pixels
            seen = mask()  # while the GPU is busy with the frame
            shown = arrived()
            stopwatch.read()
            return shown if seen is None else blend(pixels, shown, seen)

        return finish, int(before()) if before else 0
