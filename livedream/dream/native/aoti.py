"""Handles of tensors in torch's C interface for compiled models (AOTInductor), and the functions of it that replay.c
calls. supported.py lists the versions of torch on which this was tested.
"""

import ctypes
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from livedream.dream.native.loader import address_of

# In the order of the struct Torch in replay.c.
_FUNCTIONS = (
    "delete_tensor_object",
    "get_data_ptr",
    "empty_strided",
    "cpu_mkldnn__convolution_pointwise",
    "cpu_mkldnn__convolution_pointwise_binary_",
)


class Handles:
    """The interface, found in the loaded torch. Raises AttributeError or OSError if this torch lacks it."""

    def __init__(self) -> None:
        # The symbols are in a dependency of this library, whose own file name differs between systems.
        torch_library = ctypes.CDLL(torch._C.__file__)
        addresses = [address_of(getattr(torch_library, f"aoti_torch_{name}")) for name in _FUNCTIONS]
        self.functions = (ctypes.c_void_p * len(addresses))(*addresses)
        self.dtypes: dict[torch.dtype, int] = {
            torch.float32: torch_library.aoti_torch_dtype_float32(),
            torch.bfloat16: torch_library.aoti_torch_dtype_bfloat16(),
            torch.uint8: torch_library.aoti_torch_dtype_uint8(),
        }
        self._drop = torch_library.aoti_torch_delete_tensor_object
        self._drop.argtypes = [ctypes.c_void_p]
        self._conversion = _PublicConversion() if _PublicConversion.exists() else _PrivateConversion()

    def of(self, tensor: Tensor) -> int:
        """Return a handle of `tensor`, which lives until the handle is dropped. Raises MemoryError."""
        return self._conversion.to_handle(tensor)

    def tensor(self, handle: int | None) -> Tensor:
        """Return the tensor of a handle; the handle stays valid. Raises MemoryError."""
        if handle is None:
            raise MemoryError("torch made no tensor")
        return self._conversion.to_tensor(handle)

    def drop(self, handles: Iterable[int | None]) -> None:
        """Release handles. None stands for an empty slot."""
        for handle in handles:
            if handle is not None:
                self._drop(handle)


class _PublicConversion:
    """The conversion between tensors and handles in torch's stable C interface, since torch 2.14."""

    def __init__(self) -> None:
        torch_library = ctypes.PyDLL(torch._C.__file__)  # unlike CDLL it keeps the GIL, which both functions need
        self._from_python = torch_library.torch_tensor_from_pyobject
        self._from_python.argtypes = [ctypes.py_object, ctypes.c_void_p]
        self._to_python = torch_library.torch_tensor_to_pyobject
        self._to_python.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        self._release = ctypes.pythonapi.Py_DecRef
        self._release.argtypes, self._release.restype = [ctypes.py_object], None

    @staticmethod
    def exists() -> bool:
        return hasattr(ctypes.PyDLL(torch._C.__file__), "torch_tensor_from_pyobject")

    def to_handle(self, tensor: Tensor) -> int:
        handle = ctypes.c_void_p()
        if self._from_python(tensor, ctypes.byref(handle)) or handle.value is None:
            raise MemoryError("torch made no handle")
        return handle.value

    def to_tensor(self, handle: int) -> Tensor:
        result = ctypes.py_object()
        if self._to_python(handle, None, ctypes.byref(result)):
            raise MemoryError("torch made no tensor")
        tensor: Tensor = result.value
        self._release(result)  # the reference that torch has returned; `tensor` has its own
        return tensor


class _PrivateConversion:
    """The same by capsules, in private functions of torch. For torch before 2.14."""

    def __init__(self) -> None:
        self._copy = ctypes.CDLL(torch._C.__file__).aoti_torch_new_tensor_handle
        self._copy.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self._capsules = torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors
        # Not the variant for a single tensor, which leaks the handle (torch 2.14): 1.3 MB per frame.
        self._take = torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs
        self._open, self._wrap = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_New
        self._open.restype, self._open.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        self._wrap.restype, self._wrap.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

    def to_handle(self, tensor: Tensor) -> int:
        (capsule,) = self._capsules([tensor])
        return int(self._open(capsule, None))

    def to_tensor(self, handle: int) -> Tensor:
        copy = ctypes.c_void_p()
        if self._copy(handle, ctypes.byref(copy)):
            raise MemoryError("torch made no tensor")
        (tensor,) = self._take([self._wrap(copy, None, None)])
        return tensor


@cache
def handles() -> Handles:
    return Handles()
