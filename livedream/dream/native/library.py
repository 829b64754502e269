"""Loads the compiled library: kernels.c, depthwise.c and replay.c, which do not depend on Python."""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from livedream.dream.native.loader import Library, address_of, open_library
from livedream.errors import DeviceError

_dtypes = {torch.float32: "float32", torch.bfloat16: "bfloat16"}

found: Library | None = open_library()
"""The library and the source of its threads; None if livedream was installed without it."""
opened = None if found is None else found.functions


def function(name: str) -> Callable[..., Any]:
    """Return the compiled function `name`. Call it only if the library is loaded.

    Raises:
        DeviceError: the library belongs to another version of livedream.
    """
    if opened is None:
        raise RuntimeError(f"{name} was not compiled")
    try:
        return getattr(opened, name)
    except AttributeError as error:  # an editable installation was updated without compiling
        hint = "install livedream again to recompile them: python -m pip install -e ."
        raise DeviceError("the compiled kernels belong to another version of livedream", hint) from error


class Kernel:
    """A compiled function on the memory of some tensors. Its arguments are the tensors and integers."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.address = address_of(function)

    def __call__(self, tensors: Sequence[Tensor], *numbers: int) -> None:
        pointers = (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])
        self._function(pointers, (ctypes.c_int64 * len(numbers))(*numbers))
        observer = getattr(_thread, "observer", None)
        if observer is not None:
            observer(self, tensors, numbers)


@cache
def kernel(name: str, dtype: torch.dtype) -> Kernel | None:
    """Return the kernel `name` for tensors of `dtype`; None if it was not compiled."""
    return None if opened is None or dtype not in _dtypes else Kernel(function(f"{name}_{_dtypes[dtype]}"))


def is_plain(tensor: Tensor) -> bool:
    """Return whether a kernel for float32 can read `tensor`. Subclasses, such as fake tensors, have no memory."""
    is_float = type(tensor) is Tensor and tensor.dtype == torch.float32 and tensor.device.type == "cpu"
    return is_float and tensor.is_contiguous(memory_format=torch.channels_last)


_thread = threading.local()


@contextmanager
def observed(observer: Callable[[Kernel, Sequence[Tensor], Sequence[int]], None]) -> Iterator[None]:
    """Call `observer` after each kernel that this thread runs in the block."""
    _thread.observer = observer
    try:
        yield
    finally:
        _thread.observer = None
