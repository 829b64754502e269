"""The backend for an NVIDIA GPU: a frame is uploaded once as it was captured, and downloaded once as it is shown."""

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.backend.backend import Backend, MakeMask
from livedream.dream.backend.cuda_graphs import GraphedSteps, recording
from livedream.dream.backend.gpu_timing import GpuTimer
from livedream.dream.backend.torch_ops import compose, shrink, warp_and_add
from livedream.dream.backend.transfer import Transfer
from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.mask_edges import blend
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import Preconditioner
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import Carry

# The governor changes back and forth between two working sizes while a third set of steps is prepared for other
# settings. Recording a set takes as long as some frames.
_MOST_KEPT = 3


class GpuBackend(Backend):
    """Dreams frames of a stream on a GPU. Nothing that is launched for a frame is waited for before it is shown.

    Only the optical flow comes from the CPU: OpenCV has DIS there, which is stable and takes 2 ms. It uses a small
    frame that the CPU shrinks a second time, because downloading the one of the GPU would mean waiting for it.
    """

    composes_on_gpu = True

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._transfer = Transfer(device)
        self._frame: Tensor | None = None
        """The frame that was uploaded last."""
        self._kept: dict[tuple[int, Shape], GraphedSteps] = {}
        """By the id of the ascent, which the value holds, and the shape; the one used last comes last."""
        self._kept_lock = threading.Lock()
        self._streams: list[torch.cuda.Stream] = []
        """Streams on which nobody records now."""
        self._dropped: Callable[[], np.ndarray] | None = None
        """Returns the number of dropped steps of the last frame."""
        self._timer = GpuTimer()

    def measure(self, stages: StageTimes, stage: str) -> AbstractContextManager[None]:
        """Return a context: the time the GPU takes for what is launched inside is added when the frame is shown."""
        if self._device.type != "cuda":
            return stages.measure(stage)
        return self._timer.measure(stages, stage)

    @property
    def holds_spare_memory(self) -> bool:
        return len(self._kept) > 1

    def free(self) -> None:
        """Release all memory that can be allocated again, once the GPU is done with it."""
        with recording, self._kept_lock:  # while somebody records a graph, waiting for the whole GPU is not allowed
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self._kept.clear()
            torch.cuda.empty_cache()

    def forget(self, ascent: Ascent) -> None:
        with self._kept_lock:
            for key in [key for key, steps in self._kept.items() if steps.ascent is ascent]:
                del self._kept[key]

    def upload(self, pixels: np.ndarray, small: np.ndarray) -> Tensor:
        self._frame = self._transfer.up(pixels)
        return shrink(self._frame, (small.shape[0], small.shape[1]))

    def warp_and_add(self, image: Tensor, carry: Carry, flow: Flow, keep: float) -> tuple[Tensor, Tensor | None]:
        return warp_and_add(image, carry, self._transfer.up(flow.vectors), self._transfer.up(flow.confidence), keep)

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
        """Return `image` moved by one step, which a CUDA graph makes."""
        steps = self._steps_for(ascent, (image.shape[2], image.shape[3]))
        return steps.step(image, octave, shift, step_size, share, by)

    def _steps_for(self, ascent: Ascent, shape: Shape) -> GraphedSteps:
        with self._kept_lock:
            steps = self._kept.pop((id(ascent), shape), None)
            if steps is None:
                if len(self._kept) == _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]  # releases its memory before the new one allocates
                steps = self._new_steps(ascent, shape)
            self._kept[id(ascent), shape] = steps
            return steps

    def _new_steps(self, ascent: Ascent, shape: Shape) -> GraphedSteps:
        """Return new steps with a stream of their own, possibly one whose former steps no longer exist.

        cuBLAS keeps a workspace for each stream that ever used it. When a graph that was recorded on a stream is
        destroyed, the workspace goes too, even if other graphs were recorded there.
        """
        if self._device.type != "cuda":
            return GraphedSteps(ascent, shape)
        # torch's stubs do not type a stream.
        stream = self._streams.pop() if self._streams else torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        steps = GraphedSteps(ascent, shape, stream)
        weakref.finalize(steps, self._streams.append, stream)
        return steps

    def show(
        self, ascent: Ascent, pixels: np.ndarray, residual: Tensor, strength: float, mask: MakeMask
    ) -> tuple[Callable[[], np.ndarray], int]:
        """Add the dream to the frame that was uploaded last; see `Backend.show`.

        The number of dropped steps is that of the previous frame. Waiting for it keeps this thread from running ahead
        of the GPU. The mask is made and applied on the thread that calls the returned function, after the download.
        """
        previous_dropped, self._dropped = self._dropped, self._transfer.down(ascent.take_dropped())
        timer, self._timer = self._timer, GpuTimer()
        download = None
        if strength != 0 and self._frame is not None:
            download = self._transfer.down(compose(self._frame, residual, strength))

        def finish() -> np.ndarray:
            if download is None:
                timer.read()
                return pixels
            mask_pixels = mask()  # while the GPU is busy with the frame
            dream = download()
            timer.read()
            return dream if mask_pixels is None else blend(pixels, dream, mask_pixels)

        return finish, int(previous_dropped()) if previous_dropped else 0
