"""Steps as CUDA graphs: recorded once, replayed for every frame.

A step at a small size is about two hundred kernels of a few microseconds each. Launching them one by one takes longer
than running them; a graph launches them together. Source: PyTorch's notes on CUDA semantics, "CUDA graphs".
"""

import contextlib
import logging
import threading
import weakref

import torch
from torch import Tensor

from livedream.dream.ascent import Ascent
from livedream.dream.compute.out_of_memory import is_out_of_memory
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import PLAIN, Preconditioner, TensorPreconditioner

_log = logging.getLogger(__name__)

# PyTorch's notes ask for some runs on a side stream before a recording, in which libraries choose algorithms and
# allocate memory. Their example has three.
_WARM_UPS = 3
# torch.backends.cudnn.benchmark stays off: for every new size, and on every thread (each has its own cache), it would
# try many algorithms for each convolution while the live image stands still, for a gain that was not measured here.

Octave = tuple[Shape, float]
"""Shape and share of an octave, see Ascent.step."""
recording = threading.Lock()
"""torch can record only one graph at a time in a process; two threads may want to."""
_unrecordable: "weakref.WeakSet[Ascent]" = weakref.WeakSet()
"""Ascents whose recording failed: it would fail at another shape too."""


class GraphedSteps:
    """The steps of one `ascent` for images of one shape: a graph for each octave, recorded at its first step.

    A graph reads and writes the memory that it was recorded with, so everything that changes from step to step is
    copied into fixed buffers: image, shift, step size and preconditioner. Weights, dropped steps and loss scale stay
    where the ascent has them, as long as this object holds it.

    If recording fails, or without CUDA, it makes the steps without a graph, with the same buffers.
    """

    def __init__(self, ascent: Ascent, shape: Shape, stream: torch.cuda.Stream | None = None) -> None:
        """Prepare the buffers.

        Args:
            ascent: makes the steps.
            shape: (height, width) of the images.
            stream: for the recording; a new one by default. While this object lives, nothing else may be recorded on
                it.
        """
        device = ascent.network.mean.device
        self.ascent = ascent
        self.shape = shape
        self._image = torch.zeros(1, 3, *shape, device=device).contiguous(memory_format=torch.channels_last)
        self._down = torch.zeros((), dtype=torch.int64, device=device)
        self._right = torch.zeros((), dtype=torch.int64, device=device)
        self._step_size = torch.zeros((), device=device)
        self._by = PLAIN
        self._by_tensors = TensorPreconditioner(
            torch.tensor(PLAIN.colors, device=device).view(3, 3), torch.tensor(PLAIN.levels, device=device)
        )
        self._graphs: dict[Octave, torch.cuda.CUDAGraph] = {}
        self._recordable = device.type == "cuda" and ascent not in _unrecordable
        if self._recordable:
            # The same stream for warm-up and recording: memory that was freed is reused only on the same stream.
            self._stream = stream or torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # so in torch's stubs
            # One pool for all graphs: they never run at the same time, and no graph needs what another left there. The
            # buffers above are outside the pool.
            self._pool = torch.cuda.graph_pool_handle()

    def step(
        self,
        image: Tensor,
        shape: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float = 1.0,
        by: Preconditioner = PLAIN,
    ) -> Tensor:
        """Return `image` moved by one step, as Ascent.step does. Nothing here waits for the device."""
        self._image.copy_(image)
        # The argument of fill_ is passed with the launch of its kernel; a tensor made from it would have to be copied.
        self._down.fill_(shift[0])
        self._right.fill_(shift[1])
        self._step_size.fill_(step_size)
        if by != self._by:
            self._by = by
            for buffer, values in zip(self._by_tensors, by, strict=True):
                for element, value in zip(buffer.view(-1), values, strict=True):
                    element.fill_(value)
        octave = shape, share
        if self._recordable and octave not in self._graphs:
            self._record(octave)
        if octave in self._graphs:
            self._graphs[octave].replay()
        else:
            self._move(octave)
        return self._image.clone()

    def _move(self, octave: Octave) -> None:
        """Make one step from buffer to buffer: the part that is recorded."""
        shape, share = octave
        shift = self._down, self._right
        self._image.copy_(self.ascent.step(self._image, shape, shift, self._step_size, share, by=self._by_tensors))

    def _record(self, octave: Octave) -> None:
        changed = [(tensor, tensor.clone()) for tensor in (self._image, *self.ascent.state)]
        try:
            self._graphs[octave] = self._recorded(octave)
        except RuntimeError as error:
            # A failed graph takes along the cuBLAS workspace of the stream, which the other graphs use.
            self._graphs.clear()
            if is_out_of_memory(error):
                raise
            self._recordable = False
            _unrecordable.add(self.ascent)
            reason = str(error).partition("\n")[0]
            _log.warning("steps could not be recorded as CUDA graphs and are launched one by one: %s", reason)
        finally:
            # Undo the warm-up runs.
            for tensor, original in changed:
                tensor.copy_(original)

    def _recorded(self, octave: Octave) -> torch.cuda.CUDAGraph:
        # The outer `with` restores the stream if the recording fails; torch.cuda.graph does not.
        with recording, torch.cuda.stream(torch.cuda.current_stream()):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UPS):
                    self._move(octave)
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # thread_local: while other settings are prepared (SettingsSwap), another thread dreams and allocates.
            try:
                with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                    self._move(octave)
            except RuntimeError:
                # torch 2.11 stays in the recording state, in which its allocator returns no memory any more
                # (pytorch/pytorch#180395). Newer versions have left it already, and raise.
                with contextlib.suppress(RuntimeError, AttributeError):
                    torch._C._cuda_endAllocateToPool(self._image.device.index, self._pool)
                raise
            return graph
