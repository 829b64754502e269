"""The way through a network and back, recorded once for a size of the picture and played by replay.c in two calls.

Gone layer by layer, a step makes some 60 calls from Python, each of which gives Python's lock away and takes it back.
Where other threads of the stream want the lock too, the thread that dreams sleeps until it has it: 1.8 of 15.8 ms a
frame of 1280x720 on two cores. Between two calls the threads of OpenMP fall asleep as well. What is played needs no
lock, does not let them sleep, and frees what lies between the layers as soon as nothing reads it any more, so that the
next tensor lies in the cache: SqueezeNet to fire6 at 448x256 in bfloat16 takes 6.4 ms of 11.6, on one thread 9.2 of
13.9. It is to a CPU what a CUDA graph is to a GPU.
"""

import ctypes
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
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
# As replay.c counts them.
_DROP, _EMPTY, _CONVOLVE, _CONVOLVE_ONTO, _RUN = range(5)
_SIDES = 4
_FREED_BYTES = 31 << 20
"""Just under the largest block that glibc learns from, see `_keep_memory`."""
_RECTIFIERS: dict[tuple[Any, ...], int] = {(None,): 0, ("none",): 0, ("relu",): 1, ("hardtanh", 0.0, 6.0): 2}
"""What may be behind a convolution, with its bounds."""

_Layout = tuple[torch.dtype, int, tuple[int, ...], tuple[int, ...]]
"""Type, offset in the memory, shape and strides."""

Tensors = dict[int, Tensor]
"""Tensors of a pass by number."""
Slopes = Callable[[Tensors], Tensors]
"""From what a pass shows to the gradients of that, both by number."""
Values = TypeVar("Values", bound=Mapping[int, Tensor])


class UnrecordableError(Exception):
    """What of a pass cannot be played, as text."""


class ReplayError(Exception):
    """Torch failed, without a reason, when a pass was played."""


def record(
    forward: Callable[[Tensor], Values],
    backward: Callable[[Values, Tensors], Tensor | None],
    shown: Sequence[int],
    picture: Tensor,
    slopes: Slopes,
) -> "Recording":
    """Return a recording of `forward`, which gives the tensors of a pass, and `backward`, which goes back to the
    picture.

    shown: which of the tensors `slopes` makes gradients from, for `backward`. picture: float32 (1, channels, h, w).

    Raises UnrecordableError where they do something else than convolutions and compiled kernels, ReplayError when it
    could not be played once, to see whether it gives the same.
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
    with recorder.hears():
        begin = recorder.put(picture)
        values = forward(picture)
    recorder.turn()
    seen = {number: recorder.slot_of(values[number]) for number in shown}
    gradients = slopes({number: values[number] for number in shown})
    with recorder.hears():
        given = {number: recorder.put(gradient) for number, gradient in gradients.items()}
        gradient = backward(values, gradients)
    if gradient is None:
        raise UnrecordableError("no way leads back to the picture")
    recording = Recording(recorder, begin, seen, given, recorder.slot_of(gradient))
    # By their bits: what is no number is not equal to itself.
    if not torch.equal(recording.play(picture, slopes).view(torch.int32), gradient.view(torch.int32)):
        raise UnrecordableError("what is played is not the same")
    return recording


def _keep_memory() -> None:
    """Let glibc keep the memory of a pass for the next one.

    It gives free memory back to the system beyond twice the size of the largest block that was freed (mallopt(3),
    M_MMAP_THRESHOLD). With the blocks of EfficientNet-Lite0 at 448x256 each step gave back 15 MB, and had the system
    fill 3,800 pages with zeros for it: 7 of 32 ms of processor time.
    """
    torch.empty(_FREED_BYTES, dtype=torch.uint8)


class Recording:
    """A pass forward and the way back, for pictures of one layout, on one number of threads."""

    def __init__(
        self, recorder: "_Recorder", picture: int, shown: Mapping[int, int], given: Mapping[int, int], result: int
    ) -> None:
        """The slots of what goes in; of what the gradients are made of, and theirs, by number; of what comes out."""
        self._picture, self._shown, self._given, self._result = picture, shown, given, result
        # What Python still holds is dropped by it in the end: to drop it while playing would need Python's lock.
        self._forward, self._backward = recorder.code({picture, result, *shown.values(), *given.values()})
        self._count = recorder.count
        self._constants = recorder.constants

    def play(self, picture: Tensor, slopes: Slopes) -> Tensor:
        """Return the gradient of `picture`. Raises ReplayError."""
        slots = (ctypes.c_void_p * self._count)()
        try:
            slots[self._picture] = handles().of(picture)
            _play(self._forward, slots)
            gradients = slopes({number: handles().tensor(slots[slot]) for number, slot in self._shown.items()})
            for number, slot in self._given.items():
                slots[slot] = handles().of(gradients[number])
            _play(self._backward, slots)
            return handles().tensor(slots[self._result])
        finally:
            handles().drop(slots)


_Code = ctypes.Array[ctypes.c_int64]


def _play(code: _Code, slots: "ctypes.Array[ctypes.c_void_p]") -> None:
    if library.compiled("play")(handles().functions, code, ctypes.c_int64(len(code)), slots):
        raise ReplayError("torch failed in a recorded pass")


class _Constants:
    """Tensors that are kept as long as this."""

    def __init__(self) -> None:
        self._handles: list[int] = []
        weakref.finalize(self, handles().drop, self._handles).atexit = False

    def add(self, tensor: Tensor) -> int:
        """Return its handle."""
        self._handles.append(handles().of(tensor))
        return self._handles[-1]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives it no types
    """Writes down what this thread does while it hears."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor this
        self.count = 0
        """Of slots."""
        self.constants = _Constants()
        """What was there before, and is needed for playing."""
        self._written: list[list[int]] = []
        self._last: dict[int, int] = {}
        """The instruction that knows a slot last."""
        self._slots: dict[int, tuple[int, _Layout]] = {}
        """By the memory of what is in them, and how it lies there."""
        self._turn = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch._dynamo is imported for it, in 1.3 seconds.
        return False

    @contextmanager
    def hears(self) -> Iterator[None]:
        with self, library.heard(self._run):
            yield

    def turn(self) -> None:
        """From here on the way leads back."""
        self._turn = len(self._written)

    def put(self, tensor: Tensor) -> int:
        """Return the slot of a tensor that has just come about."""
        slot, self.count = self.count, self.count + 1
        self._slots[_memory(tensor)] = slot, _layout(tensor)
        return slot

    def slot_of(self, tensor: Tensor) -> int:
        """Return the slot of a tensor that was recorded, as a whole."""
        slot = self._known(tensor)
        if slot is None:
            raise UnrecordableError("a tensor from elsewhere")
        return slot

    def code(self, kept: set[int]) -> tuple[_Code, _Code]:
        """Return what leads forward and what leads back. Each slot is emptied when it is known no more, but `kept`."""
        code = [list(instruction) for instruction in self._written]
        for slot, last in self._last.items():
            if slot not in kept:
                code[last] += [_DROP, 1, slot]
        return _numbers(code[: self._turn]), _numbers(code[self._turn :])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is _onednn._convolution_pointwise.default:
            x, weight, bias, *how, last, bounds, _ = args
            self._convolve(_CONVOLVE, self.slot_of(x), weight, bias, how, (last, *bounds), self.put(result))
        elif func is _onednn._convolution_pointwise_.binary:
            onto, x, weight, bias, *how, _, _, last, _, _ = args
            self._convolve(_CONVOLVE_ONTO, self.slot_of(x), weight, bias, how, (last,), self.slot_of(onto))
        elif func in (_aten.empty.memory_format, _aten.empty_like.default):
            self._empty(result)
        elif not func.is_view:
            # What reads nothing that was recorded gives a constant.
            if any(_memory(tensor) in self._slots for tensor in _tensors(args)):
                raise UnrecordableError(str(func))
            for tensor in _tensors((result,)):
                self._slots.pop(_memory(tensor), None)
        return result

    def _convolve(
        self, what: int, x: int, weight: Tensor, bias: Tensor | None, how: Sequence[Any], last: tuple[Any, ...], to: int
    ) -> None:
        padding, stride, dilation, groups = how
        if last not in _RECTIFIERS:
            raise UnrecordableError(f"a convolution with {last}")
        given = self.constants.add(weight), 0 if bias is None else self.constants.add(bias), _RECTIFIERS[last]
        self._write(what, (to, x, *given, *padding, *stride, *dilation, groups), to, x)

    def _empty(self, tensor: Tensor) -> None:
        kind = handles().types.get(tensor.dtype)
        if tensor.dim() != _SIDES or kind is None:
            raise UnrecordableError(f"memory for {tuple(tensor.shape)} as {tensor.dtype}")
        slot = self.put(tensor)
        self._write(_EMPTY, (slot, kind, *tensor.shape, *tensor.stride()), slot)

    def _run(self, kernel: Kernel, tensors: Sequence[Tensor], numbers: Sequence[int]) -> None:
        places, slots = [], []
        for tensor in tensors:
            slot = self._known(tensor)
            if slot is None:
                self.constants.add(tensor)
                places += [-1, tensor.data_ptr()]
            else:
                slots.append(slot)
                places += [slot, 0]
        self._write(_RUN, (kernel.address, len(tensors), *places, *numbers), *slots)

    def _known(self, tensor: Tensor) -> int | None:
        """Return the slot of `tensor`, None for a constant."""
        slot, layout = self._slots.get(_memory(tensor), (None, None))
        if layout not in (None, _layout(tensor)):
            raise UnrecordableError("a part of a tensor")
        return slot

    def _write(self, what: int, numbers: Sequence[int], *slots: int) -> None:
        """Write an instruction that reads, writes or makes the tensors in `slots`."""
        self._last.update(dict.fromkeys(slots, len(self._written)))
        self._written.append([what, len(numbers), *numbers])


def _layout(tensor: Tensor) -> _Layout:
    return tensor.dtype, int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride()


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Yield the tensors among `values` that have memory that can be seen: weights that oneDNN has laid out do not."""
    for value in values:
        if isinstance(value, Tensor) and value.layout == torch.strided:
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _numbers(code: Sequence[Sequence[int]]) -> _Code:
    numbers = list(chain.from_iterable(code))
    return (ctypes.c_int64 * len(numbers))(*numbers)
