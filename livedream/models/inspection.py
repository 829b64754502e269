"""What a file of weights asks for, found out before torch unpacks any of it.

A few kilobytes can ask for gigabytes: a compressed archive, a pickle that copies what it remembers over and over, a
header of any length. `inspect` refuses such files. It unpickles with functions that make nothing, so nothing in a file
is run, and what torch does afterwards takes no more memory than the file has bytes: tensors are mapped, not read.
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
"""Bytes that may say what a file holds. That of ResNet-152 and its optimizer has 0.5 MB."""
_MOST_STEPS = 500_000
"""Of a pickle; ResNet-152 and its optimizer take 100,000, and half a second."""
_MOST_COLLECTED = 100_000
"""Elements of all collections that are made of others, together: a pickle can have one copied again and again."""

_ZIP = b"PK\x03\x04"
# How torch rebuilds tensors other than the ones that a network holds.
_UNUSUAL = {
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors",
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_meta_tensor_no_storage": "tensors without numbers (meta)",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_wrapper_subclass": "tensors of a kind of its own",
    "_rebuild_device_tensor_from_numpy": "tensors of a kind of its own",
    "_rebuild_device_tensor_from_cpu_tensor": "tensors of a kind of its own",
}
# What torch.load admits beside tensors and would let a pickle make as much of as it likes.
_BOMBS = ("_codecs.encode", "builtins.bytearray")


class UnfitError(ValueError):
    """A file that is refused; the text says what it holds, as the end of a sentence."""


def inspect(path: Path) -> None:
    """Look at the file of weights `path` without unpacking it.

    Raises UnfitError for one that asks for more than it has, or holds other tensors than networks have; OSError, and
    what pickle and zipfile raise, for one that is damaged.
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
    """Inspect what torch has written since version 1.6: a zip archive, nothing in it compressed."""
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if any(entry.filename.endswith("/constants.pkl") for entry in entries):
            raise UnfitError("it holds code (TorchScript), which is not run")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise UnfitError("it is compressed")
        if sum(entry.file_size for entry in entries) > size:
            raise UnfitError("its parts overlap")
        for entry in entries:
            if entry.filename.endswith("/data.pkl"):
                if entry.file_size > LARGEST_HEADER:
                    raise UnfitError("it holds far more than the tensors of a network")
                _inspect_pickle(io.BytesIO(archive.read(entry)))


def _inspect_legacy(file: BinaryIO) -> None:
    """Inspect what torch wrote before version 1.6: a magic number, a version, the system, and then the tensors."""
    file.seek(0)
    head = io.BytesIO(file.read(LARGEST_HEADER))
    try:
        for _ in range(4):
            _inspect_pickle(head)
    except (EOFError, pickle.UnpicklingError):
        file.seek(0)
        if tarfile.is_tarfile(file):
            raise UnfitError("it is an archive of torch before 0.1.10, or any other") from None
        raise


def _inspect_pickle(data: io.BytesIO) -> None:
    begin = data.tell()
    for steps, (step, argument, _) in enumerate(pickletools.genops(data)):
        # Python makes room for as many remembered things as the highest number of one.
        if steps > _MOST_STEPS or ("PUT" in step.name and int(argument or 0) > _MOST_STEPS):
            raise UnfitError("it holds far more than the tensors of a network")
    data.seek(begin)
    _Inspector(data).load()


class _Inspector(pickle.Unpickler):
    """Unpickles with functions that make nothing in place of those that are named."""

    def __init__(self, data: io.BytesIO) -> None:
        super().__init__(data)
        self._collected = 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return lambda pairs=(): OrderedDict(self._counted(pairs))
        if (module, name) in (("collections", "Counter"), ("builtins", "set")):
            return lambda elements=(): _Nothing(self._counted(elements))
        if module == "torch._utils" and name in _UNUSUAL:
            raise UnfitError(f"it holds {_UNUSUAL[name]}")
        if f"{module}.{name}" in _BOMBS:
            raise UnfitError(f"it holds other things than tensors ({module}.{name})")
        return _Nothing  # also for what torch is going to refuse, by its name

    def persistent_load(self, pid: Any) -> Any:
        return _Nothing()

    def _counted(self, elements: Collection[Any]) -> Collection[Any]:
        self._collected += len(elements)
        if self._collected > _MOST_COLLECTED:
            raise UnfitError("it holds far more than the tensors of a network")
        return elements


class _Nothing:
    """Stands for whatever a pickle wants to make."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __new__(cls, *arguments: Any, **options: Any) -> "_Nothing":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None: ...

    def _ignore(self, *arguments: Any) -> None: ...

    append: Callable[..., None] = _ignore
    extend: Callable[..., None] = _ignore
    __setitem__: Callable[..., None] = _ignore
