"""The compiled part of livedream: kernels.c and replay.c in one library, which knows nothing of Python."""

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

_names = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


found: Library | None = open_library()
"""What was opened, and where its threads come from; None where livedream was installed without it."""
opened = None if found is None else found.functions


def compiled(name: str) -> Callable[..., Any]:
    """Return a compiled function, where it is known that there is one."""
    if opened is None:
        raise RuntimeError(f"{name} was not compiled")
    try:
        return getattr(opened, name)
    except AttributeError as error:  # somebody has pulled a newer livedream into an editable installation
        hint = "install livedream again, which compiles them anew: python -m pip install -e ."
        raise DeviceError("the compiled kernels belong to another version of livedream", hint) from error


class Kernel:
    """A compiled pass over the memory of some tensors, to be called with them and with whole numbers."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.address = address_of(function)

    def __call__(self, tensors: Sequence[Tensor], *numbers: int) -> None:
        places = (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])
        self._function(places, (ctypes.c_int64 * len(numbers))(*numbers))
        heard_by = getattr(_hearing, "by", None)
        if heard_by is not None:
            heard_by(self, tensors, numbers)


@cache
def kernel(name: str, dtype: torch.dtype) -> Kernel | None:
    """Return the pass called `name` for numbers of `dtype`, None where there is none."""
    return None if opened is None or dtype not in _names else Kernel(compiled(f"{name}_{_names[dtype]}"))


_hearing = threading.local()


@contextmanager
def heard(by: Callable[[Kernel, Sequence[Tensor], Sequence[int]], None]) -> Iterator[None]:
    """Inside, tell `by` of each kernel that this thread calls."""
    _hearing.by = by
    try:
        yield
    finally:
        _hearing.by = None
