"""Records a forward and backward pass for one shape of image, and replays it with replay.c in two calls.

Layer by layer, a step makes about 60 calls from Python, each of which releases and reacquires the GIL. If other threads
of the stream want the GIL too, the dreaming thread sleeps until it gets it: 1.8 of 15.8 ms per frame of 1280x720 on two
cores. OpenMP's threads fall asleep between calls as well. A replay needs no GIL, keeps the threads awake, and frees
each intermediate tensor after its last use, so that the next one lands in the cache: SqueezeNet to fire6 at 448x256 in
bfloat16 takes 6.4 ms instead of 11.6, and on one thread 9.2 instead of 13.9. It is to a CPU what a CUDA graph is to a
GPU.
"""

import ctypes
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from livedream.dream.native import library, supported
from livedream.dream.native.aoti import handles
from livedream.dream.native.library import Kernel

_aten = torch.ops.aten
_onednn = torch.ops.mkldnn
# The instructions, numbered as in replay.c.
_DROP, _EMPTY, _CONVOLVE, _CONVOLVE_ONTO, _RUN = range(5)
_DIMENSIONS = 4
_FREED_BYTES = 31 << 20
"""Just below the largest block that glibc adapts to, see `_keep_memory`."""
_RELUS: dict[tuple[Any, ...], int] = {(None,): 0, ("none",): 0, ("relu",): 1, ("hardtanh", 0.0, 6.0): 2}
"""The operations that oneDNN can fuse after a convolution, with their bounds, numbered as in replay.c."""

_Layout = tuple[torch.dtype, int, tuple[int, ...], tuple[int, ...]]
"""Dtype, storage offset, shape and strides."""

Tensors = dict[int, Tensor]
"""Tensors of a pass by number."""
Values = TypeVar("Values", bound=Mapping[int, Tensor])


class UnrecordableError(Exception):
    """A pass cannot be recorded; the text says why."""


class ReplayError(Exception):
    """Torch failed, without a reason, while a pass was replayed."""


def record(
    forward: Callable[[Tensor], Values],
    backward: Callable[[Values, Tensors], Tensor | None],
    image: Tensor,
    outputs: Sequence[int],
    differentiated: Collection[int],
) -> "Recording":
    """Record a forward and backward pass.

    Args:
        forward: maps an image to the tensors of the pass.
        backward: maps these and the gradients of outputs to the gradient of the image, float32.
        image: float32 (1, channels, h, w), channels last. The recording holds for images of this layout.
        outputs: the numbers of the tensors that a replay returns.
        differentiated: the outputs whose gradients `backward` is given.

    Raises:
        UnrecordableError: the passes do something other than convolutions and compiled kernels, or the replay of the
            recording gives another gradient.
        ReplayError: the replay of the recording failed.
    """
    if library.opened is None:
        raise UnrecordableError("nothing was compiled")
    if why := supported.objection():
        raise UnrecordableError(why)
    try:
        handles()
    except (AttributeError, OSError) as error:
        raise UnrecordableError(f"this torch: {error}") from error
    _keep_memory()
    recorder = _Recorder()
    with recorder.recording():
        image_slot = recorder.add(image)
        values = forward(image)
    output_slots = {number: recorder.slot_of(values[number]) for number in outputs}
    # Any gradients will do: those of an objective come when it is replayed.
    generator = torch.Generator().manual_seed(0)
    gradients = {
        number: torch.empty_like(values[number]).uniform_(-1, 1, generator=generator) for number in differentiated
    }
    copies = {number: gradient.clone() for number, gradient in gradients.items()}  # `backward` overwrites its own
    recorder.start_backward()
    with recorder.recording():
        gradient_slots = {number: recorder.add(gradient) for number, gradient in gradients.items()}
        gradient = backward(values, gradients)
    if gradient is None:
        raise UnrecordableError("no gradient reaches the image")
    recording = Recording(recorder, image_slot, output_slots, gradient_slots, recorder.slot_of(gradient))
    # Compared by their bits: NaN is not equal to itself.
    replayed = recording.replay(image).backward(copies)
    if not torch.equal(replayed.view(torch.int32), gradient.view(torch.int32)):
        raise UnrecordableError("the replay gives another gradient")
    return recording


def _keep_memory() -> None:
    """Make glibc keep the memory of a pass for the next one.

    glibc returns free memory to the system beyond twice the size of the largest block that was freed (mallopt(3),
    M_MMAP_THRESHOLD). With the blocks of EfficientNet-Lite0 at 448x256 each step returned 15 MB and made the system
    clear 3,800 pages: 7 of 32 ms of processor time.
    """
    torch.empty(_FREED_BYTES, dtype=torch.uint8)


class Recording:
    """A forward and backward pass for images of one layout, on one number of threads."""

    def __init__(
        self,
        recorder: "_Recorder",
        image_slot: int,
        output_slots: Mapping[int, int],
        gradient_slots: Mapping[int, int],
        result_slot: int,
    ) -> None:
        """Compile what `recorder` has recorded.

        Args:
            recorder: holds the instructions.
            image_slot: the slot of the image.
            output_slots: the slots of the outputs, by number.
            gradient_slots: the slots of their gradients, by number.
            result_slot: the slot of the gradient of the image.
        """
        self.image_slot, self.output_slots = image_slot, output_slots
        self.gradient_slots, self.result_slot = gradient_slots, result_slot
        # Tensors that Python holds are released by Python at the end: a replay would need the GIL for it.
        kept = {image_slot, result_slot, *output_slots.values(), *gradient_slots.values()}
        self.forward_code, self.backward_code = recorder.code(kept)
        self.slot_count = recorder.count
        self._constants = recorder.constants

    def replay(self, image: Tensor) -> "Replay":
        """Replay the forward pass. Raises ReplayError."""
        return Replay(self, image)


class Replay:
    """A forward pass that was replayed. Its tensors are released after the backward pass, or with this object."""

    def __init__(self, recording: Recording, image: Tensor) -> None:
        self._recording = recording
        self._handles = handles()
        self._slots = (ctypes.c_void_p * recording.slot_count)()
        try:
            self._slots[recording.image_slot] = self._handles.of(image)
            _execute(recording.forward_code, self._slots)
            self.outputs: Tensors = {
                number: self._handles.tensor(self._slots[slot]) for number, slot in recording.output_slots.items()
            }
        except BaseException:
            self._release()  # now, not when the traceback is freed: whoever tries again may need the memory
            raise

    def backward(self, gradients: Tensors) -> Tensor:
        """Replay the backward pass, once, and return the gradient of the image, float32. Raises ReplayError.

        gradients: of the differentiated outputs, by number. They may be overwritten.
        """
        try:
            for number, slot in self._recording.gradient_slots.items():
                self._slots[slot] = self._handles.of(gradients[number])
            _execute(self._recording.backward_code, self._slots)
            return self._handles.tensor(self._slots[self._recording.result_slot])
        finally:
            self._release()

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        self._handles.drop(self._slots)
        self._slots = (ctypes.c_void_p * 0)()


_Code = ctypes.Array[ctypes.c_int64]


def _execute(code: _Code, slots: "ctypes.Array[ctypes.c_void_p]") -> None:
    if library.function("replay")(handles().functions, code, ctypes.c_int64(len(code)), slots):
        raise ReplayError("torch failed in a recorded pass")


class _Constants:
    """Tensors that live as long as this object."""

    def __init__(self) -> None:
        self._handles: list[int] = []
        weakref.finalize(self, handles().drop, self._handles).atexit = False

    def add(self, tensor: Tensor) -> int:
        """Keep `tensor`, and return its handle."""
        self._handles.append(handles().of(tensor))
        return self._handles[-1]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # untyped in torch
    """Writes down the operations of this thread as instructions for replay.c."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped too
        self.count = 0
        """Number of slots."""
        self.constants = _Constants()
        """Tensors from outside the pass that a replay needs, such as weights."""
        self._instructions: list[list[int]] = []
        self._last_use: dict[int, int] = {}
        """By slot, the index of the last instruction that uses it."""
        self._slots: dict[int, tuple[int, _Layout]] = {}
        """By address of the memory, the slot and layout of the tensor in it."""
        self._backward_start = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise torch imports torch._dynamo, which takes 1.3 seconds.
        return False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread does in the block."""
        with self, library.observed(self._run):
            yield

    def start_backward(self) -> None:
        """Assign what is recorded from here on to the backward pass."""
        self._backward_start = len(self._instructions)

    def add(self, tensor: Tensor) -> int:
        """Return a new slot for a new tensor."""
        slot, self.count = self.count, self.count + 1
        self._slots[_memory(tensor)] = slot, _layout(tensor)
        return slot

    def slot_of(self, tensor: Tensor) -> int:
        """Return the slot of a tensor that the pass has made. Raises UnrecordableError for any other."""
        slot = self._known(tensor)
        if slot is None:
            raise UnrecordableError("a tensor from outside the pass")
        return slot

    def code(self, kept: set[int]) -> tuple[_Code, _Code]:
        """Return the code of the forward and backward passes. Each slot but `kept` is emptied after its last use."""
        code = [list(instruction) for instruction in self._instructions]
        for slot, last in self._last_use.items():
            if slot not in kept:
                code[last] += [_DROP, 1, slot]
        return _flat(code[: self._backward_start]), _flat(code[self._backward_start :])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is _onednn._convolution_pointwise.default:
            x, weight, bias, *geometry, activation, bounds, _ = args
            self._convolve(_CONVOLVE, self.slot_of(x), weight, bias, geometry, (activation, *bounds), self.add(result))
        elif func is _onednn._convolution_pointwise_.binary:
            onto, x, weight, bias, *geometry, _, _, activation, _, _ = args
            self._convolve(_CONVOLVE_ONTO, self.slot_of(x), weight, bias, geometry, (activation,), self.slot_of(onto))
        elif func in (_aten.empty.memory_format, _aten.empty_like.default):
            self._empty(result)
        elif not func.is_view:
            # An operation that reads no recorded tensor gives a constant.
            if any(_memory(tensor) in self._slots for tensor in _tensors(args)):
                raise UnrecordableError(str(func))
            for tensor in _tensors((result,)):
                self._slots.pop(_memory(tensor), None)
        return result

    def _convolve(
        self,
        operation: int,
        x: int,
        weight: Tensor,
        bias: Tensor | None,
        geometry: Sequence[Any],
        activation: tuple[Any, ...],
        target: int,
    ) -> None:
        padding, stride, dilation, groups = geometry
        if activation not in _RELUS:
            raise UnrecordableError(f"a convolution with {activation}")
        constants = self.constants.add(weight), 0 if bias is None else self.constants.add(bias), _RELUS[activation]
        self._write(operation, (target, x, *constants, *padding, *stride, *dilation, groups), target, x)

    def _empty(self, tensor: Tensor) -> None:
        dtype = handles().dtypes.get(tensor.dtype)
        if tensor.dim() != _DIMENSIONS or dtype is None:
            raise UnrecordableError(f"an allocation of {tuple(tensor.shape)} as {tensor.dtype}")
        slot = self.add(tensor)
        self._write(_EMPTY, (slot, dtype, *tensor.shape, *tensor.stride()), slot)

    def _run(self, kernel: Kernel, tensors: Sequence[Tensor], numbers: Sequence[int]) -> None:
        operands, slots = [], []
        for tensor in tensors:
            slot = self._known(tensor)
            if slot is None:
                self.constants.add(tensor)
                operands += [-1, tensor.data_ptr()]
            else:
                slots.append(slot)
                operands += [slot, 0]
        self._write(_RUN, (kernel.address, len(tensors), *operands, *numbers), *slots)

    def _known(self, tensor: Tensor) -> int | None:
        """Return the slot of `tensor`, None for a constant."""
        slot, layout = self._slots.get(_memory(tensor), (None, None))
        if layout not in (None, _layout(tensor)):
            raise UnrecordableError("a view of a tensor")
        return slot

    def _write(self, operation: int, numbers: Sequence[int], *slots: int) -> None:
        """Append an instruction that uses `slots`."""
        self._last_use.update(dict.fromkeys(slots, len(self._instructions)))
        self._instructions.append([operation, len(numbers), *numbers])


def _layout(tensor: Tensor) -> _Layout:
    return tensor.dtype, int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride()


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Yield the strided tensors among `values`. Weights in oneDNN's own layout are not strided."""
    for value in values:
        if isinstance(value, Tensor) and value.layout == torch.strided:
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _flat(code: Sequence[Sequence[int]]) -> _Code:
    numbers = list(chain.from_iterable(code))
    return (ctypes.c_int64 * len(numbers))(*numbers)
