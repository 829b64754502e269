"""Inspects weights files before torch unpacks them.

A few kilobytes can claim gigabytes of memory: a compressed archive, a pickle that copies its memo over and over, a
header of any length. `inspect` refuses such files. It unpickles with functions that create nothing, so no code in a
file is run. After that, torch takes no more memory than the file has bytes, because tensors are memory-mapped.
"""

import io
import pickle
import pickletools
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

from livedream.untrusted import open_regular

LARGEST_HEADER = 8 << 20
"""Most bytes of a header. That of ResNet-152 and its optimizer has 0.5 MB."""
_MOST_STEPS = 500_000
"""Most opcodes of a pickle. ResNet-152 and its optimizer have 100,000, which take half a second."""
_MOST_COLLECTED = 100_000
"""Most elements of all collections copied from others: a pickle can copy one again and again."""

_ZIP = b"PK\x03\x04"
# How torch rebuilds tensors that networks do not use.
_UNUSUAL = {
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors",
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_meta_tensor_no_storage": "tensors without data (meta)",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_wrapper_subclass": "tensors of a custom type",
    "_rebuild_device_tensor_from_numpy": "tensors of a custom type",
    "_rebuild_device_tensor_from_cpu_tensor": "tensors of a custom type",
}
# Functions that torch.load admits, with which a pickle can allocate any amount of memory.
_BOMBS = ("_codecs.encode", "builtins.bytearray")


class UnfitError(ValueError):
    """A file is refused; the text says what it contains, as the end of a sentence."""


def inspect(path: Path) -> None:
    """Inspect a weights file without unpacking it.

    Raises:
        UnfitError: the file claims more memory than it has bytes, or contains other tensors than networks use.
        Exception: OSError, and what pickle and zipfile raise for a damaged file.
    """
    with open_regular(path) as file:
        if path.suffix == ".safetensors":
            _inspect_safetensors(file)
        elif file.read(len(_ZIP)) == _ZIP:
            _inspect_archive(file)
        else:
            _inspect_legacy(file)


def _inspect_safetensors(file: BinaryIO) -> None:
    length = int.from_bytes(file.read(8), "little")
    if LARGEST_HEADER < length <= file.seek(0, io.SEEK_END):
        raise UnfitError(f"its header has {length >> 20} MB")


def _inspect_archive(file: BinaryIO) -> None:
    """Inspect the format of torch since version 1.6: a zip archive without compression."""
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if any(entry.filename.endswith("/constants.pkl") for entry in entries):
            raise UnfitError("it contains code (TorchScript), which is not run")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise UnfitError("it is compressed")
        if sum(entry.file_size for entry in entries) > size:
            raise UnfitError("its parts overlap")
        for entry in entries:
            if entry.filename.endswith("/data.pkl"):
                if entry.file_size > LARGEST_HEADER:
                    raise UnfitError("it contains far more than the tensors of a network")
                _inspect_pickle(io.BytesIO(archive.read(entry)))


def _inspect_legacy(file: BinaryIO) -> None:
    """Inspect the format of torch before version 1.6: a magic number, a version, the system, and the tensors."""
    file.seek(0)
    head = io.BytesIO(file.read(LARGEST_HEADER))
    try:
        for _ in range(4):
            _inspect_pickle(head)
    except (EOFError, pickle.UnpicklingError):
        file.seek(0)
        if tarfile.is_tarfile(file):
            raise UnfitError("it is a tar archive, perhaps of torch before 0.1.10") from None
        raise


def _inspect_pickle(data: io.BytesIO) -> None:
    begin = data.tell()
    for steps, (step, argument, _) in enumerate(pickletools.genops(data)):
        # Python allocates the memo for the highest index in it.
        if steps > _MOST_STEPS or ("PUT" in step.name and int(argument or 0) > _MOST_STEPS):
            raise UnfitError("it contains far more than the tensors of a network")
    data.seek(begin)
    _Inspector(data).load()


class _Inspector(pickle.Unpickler):
    """Unpickles with functions that create nothing in place of those in the pickle."""

    def __init__(self, data: io.BytesIO) -> None:
        super().__init__(data)
        self._collected = 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return lambda pairs=(): OrderedDict(self._counted(pairs))
        if (module, name) in (("collections", "Counter"), ("builtins", "set")):
            return lambda elements=(): _Nothing(self._counted(elements))
        if module == "torch._utils" and name in _UNUSUAL:
            raise UnfitError(f"it contains {_UNUSUAL[name]}")
        if f"{module}.{name}" in _BOMBS:
            raise UnfitError(f"it contains something other than tensors ({module}.{name})")
        return _Nothing  # also for names that torch will refuse later

    def persistent_load(self, pid: Any) -> Any:
        return _Nothing()

    def _counted(self, elements: Collection[Any]) -> Collection[Any]:
        self._collected += len(elements)
        if self._collected > _MOST_COLLECTED:
            raise UnfitError("it contains far more than the tensors of a network")
        return elements


class _Nothing:
    """Stands for any object of a pickle."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __new__(cls, *arguments: Any, **options: Any) -> "_Nothing":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None: ...

    def _ignore(self, *arguments: Any) -> None: ...

    append: Callable[..., None] = _ignore
    extend: Callable[..., None] = _ignore
    __setitem__: Callable[..., None] = _ignore
