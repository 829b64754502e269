"""Steps recorded once as CUDA graphs, and replayed.

A step of a small picture is some two hundred kernels of a few microseconds each: to launch them one by one takes longer
than to run them. A graph launches them together. Source: PyTorch's notes on CUDA semantics, "CUDA graphs".
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

# PyTorch's notes ask for some runs on a side stream before a recording, in which libraries choose their ways and take
# their memory. Their example runs three.
_WARM_UPS = 3
# torch.backends.cudnn.benchmark stays off: at every new size, and on every thread again (each keeps what it finds),
# it would try many ways of each convolution while a live picture stands, for a gain that nobody has measured here.

Octave = tuple[Shape, float]
"""Its shape, and its share, see Ascent.step."""
recording = threading.Lock()
"""torch records one graph at a time in a process; two threads may be at it."""
_unrecordable: "weakref.WeakSet[Ascent]" = weakref.WeakSet()
"""What was tried and failed: at another shape it would fail again."""


class GraphedSteps:
    """The steps of one `ascent` for pictures of one shape: a graph for each octave, recorded at its first step.

    A graph reads and writes where it did when it was recorded, so all that changes from step to step lies in buffers
    of its own: picture, shift, step size and preconditioner. The weights, the count of dropped steps and the scale of
    the loss lie where the ascent has them, for as long as this object holds it.

    Where recording fails, it steps without; so it does where there is no CUDA, with the same buffers.
    """

    def __init__(self, ascent: Ascent, shape: Shape, stream: torch.cuda.Stream | None = None) -> None:
        """shape: (height, width) of the pictures. stream: where to record, one of its own if none is given.

        As long as this object lives, nothing else may be recorded there.
        """
        device = ascent.network.mean.device
        self.ascent = ascent
        self.shape = shape
        self._picture = torch.zeros(1, 3, *shape, device=device).contiguous(memory_format=torch.channels_last)
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
            # One stream for warming up and recording: memory that it freed is found again only on the same one.
            self._stream = stream or torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # so in its stubs
            # One pool for all graphs. They never run at the same time, and what one leaves behind no other needs: the
            # buffers above lie outside it.
            self._pool = torch.cuda.graph_pool_handle()

    def step(
        self,
        picture: Tensor,
        shape: Shape,
        shift: tuple[int, int],
        step_size: float,
        share: float = 1.0,
        by: Preconditioner = PLAIN,
    ) -> Tensor:
        """Return `picture` moved by one step, as Ascent.step does. Nothing here waits for the device."""
        self._picture.copy_(picture)
        # A number given to fill_ travels with the launch of its kernel; a tensor made of it would be copied, and waited
        # for.
        self._down.fill_(shift[0])
        self._right.fill_(shift[1])
        self._step_size.fill_(step_size)
        if by != self._by:
            self._by = by
            for buffer, numbers in zip(self._by_tensors, by, strict=True):
                for place, number in zip(buffer.view(-1), numbers, strict=True):
                    place.fill_(number)
        octave = shape, share
        if self._recordable and octave not in self._graphs:
            self._record(octave)
        if octave in self._graphs:
            self._graphs[octave].replay()
        else:
            self._move(octave)
        return self._picture.clone()

    def _move(self, octave: Octave) -> None:
        """Make one step from buffer to buffer: what is recorded."""
        shape, share = octave
        shift = self._down, self._right
        self._picture.copy_(self.ascent.step(self._picture, shape, shift, self._step_size, share, by=self._by_tensors))

    def _record(self, octave: Octave) -> None:
        changed = [(tensor, tensor.clone()) for tensor in (self._picture, *self.ascent.state)]
        try:
            self._graphs[octave] = self._recorded(octave)
        except RuntimeError as error:
            # With a graph that fails goes memory that cuBLAS keeps for the stream, where the others look for it.
            self._graphs.clear()
            if is_out_of_memory(error):
                raise
            self._recordable = False
            _unrecordable.add(self.ascent)
            reason = str(error).partition("\n")[0]
            _log.warning("steps are launched one by one, for they could not be recorded as CUDA graphs: %s", reason)
        finally:
            # The runs before were for the libraries' sake.
            for tensor, before in changed:
                tensor.copy_(before)

    def _recorded(self, octave: Octave) -> torch.cuda.CUDAGraph:
        # The outer `with` brings the stream back also when the recording fails: torch.cuda.graph then does not.
        with recording, torch.cuda.stream(torch.cuda.current_stream()):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UPS):
                    self._move(octave)
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # thread_local: while a look is prepared (Switch), another thread dreams and takes memory.
            try:
                with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                    self._move(octave)
            except RuntimeError:
                # torch 2.11 would go on as if it recorded, and its allocator give nothing back any more
                # (pytorch/pytorch#180395). A newer one has ended that, and says so.
                with contextlib.suppress(RuntimeError, AttributeError):
                    torch._C._cuda_endAllocateToPool(self._picture.device.index, self._pool)
                raise
            return graph
