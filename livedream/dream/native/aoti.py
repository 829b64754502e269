"""Tensors as torch's C interface for compiled models knows them, by handles, and the functions of it that replay.c
calls. `native` says with which versions of torch.
"""

import ctypes
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from livedream.dream.native.loader import address_of

# In the order of Torch in replay.c.
_FUNCTIONS = (
    "delete_tensor_object",
    "get_data_ptr",
    "empty_strided",
    "cpu_mkldnn__convolution_pointwise",
    "cpu_mkldnn__convolution_pointwise_binary_",
)


class Handles:
    """Raises AttributeError and OSError where torch has no such interface."""

    def __init__(self) -> None:
        # Its dependencies are searched as well: the library itself has another name on each system.
        found = ctypes.CDLL(torch._C.__file__)
        addresses = [address_of(getattr(found, f"aoti_torch_{name}")) for name in _FUNCTIONS]
        self.functions = (ctypes.c_void_p * len(addresses))(*addresses)
        self.types: dict[torch.dtype, int] = {
            torch.float32: found.aoti_torch_dtype_float32(),
            torch.bfloat16: found.aoti_torch_dtype_bfloat16(),
            torch.uint8: found.aoti_torch_dtype_uint8(),
        }
        self._drop, self._copy = found.aoti_torch_delete_tensor_object, found.aoti_torch_new_tensor_handle
        self._drop.argtypes, self._copy.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_void_p]
        self._capsules = torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors
        # Not its twin for one tensor, which leaves the handle behind (torch 2.14): 1.3 MB a frame.
        self._take = torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs
        self._open, self._wrap = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_New
        self._open.restype, self._open.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        self._wrap.restype, self._wrap.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

    def of(self, tensor: Tensor) -> int:
        """Return a handle of `tensor`, which is kept until the handle is dropped."""
        (capsule,) = self._capsules([tensor])
        return int(self._open(capsule, None))

    def tensor(self, handle: int | None) -> Tensor:
        """Return the tensor of a handle, which stays."""
        copy = ctypes.c_void_p()
        if handle is None or self._copy(handle, ctypes.byref(copy)):
            raise MemoryError("torch gave no tensor")
        (tensor,) = self._take([self._wrap(copy, None, None)])
        return tensor

    def drop(self, handles: Iterable[int | None]) -> None:
        for handle in handles:
            if handle is not None:
                self._drop(handle)


@cache
def handles() -> Handles:
    return Handles()
