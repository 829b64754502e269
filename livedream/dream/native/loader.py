"""Find and open the compiled library, and give it the threads of torch.

There are two kinds of it. An installation from source compiles one for this machine's Python (`setup.py`), and a wheel
brings one for each level of the processor's instructions (`scripts/wheels`). The library itself knows no Python.
"""

import ctypes
import logging
import platform
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

import torch

_log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_WHEEL = "kernels."
"""How the names of a wheel's libraries begin. The dot keeps Python from taking one for an extension module."""
_LEVELS = {"AVX512": ("x86-64-v4", "x86-64-v3", "x86-64"), "AVX2": ("x86-64-v3", "x86-64")}
"""The libraries of a wheel to try, best first, by what torch calls the capability of an x86-64 processor."""
_OPENMP = ("__kmpc_fork_call", "GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads", "omp_get_max_threads")
"""In the order of OpenMP in openmp.c; a runtime has one of the first two."""


class Library(NamedTuple):
    """A compiled library that is open."""

    functions: ctypes.CDLL
    path: Path
    threads: str
    """Where its threads come from: "torch", "its own OpenMP" or "none"."""

    @property
    def description(self) -> str:
        """Its file, where that comes from and whether it uses threads, for the user."""
        origin = "from the wheel" if self.path.name.startswith(_WHEEL) else "compiled at installation"
        return f"{self.path.name}, {origin}{', on one thread' if self.threads == 'none' else ''}"


def open_library(folder: Path = FOLDER) -> Library | None:
    """Open the library in `folder`: the one compiled at installation, else the best of a wheel; None without one."""
    path = next((path for path in candidates(folder) if path.exists()), None)
    if path is None:
        return None
    try:
        # After torch, so that both share one OpenMP runtime and its threads.
        functions = ctypes.CDLL(str(path))
    except OSError as error:
        _log.warning("cannot open the compiled kernels, so torch does their work, more slowly: %s", error)
        return None
    functions.absolute_mean.restype = functions.precondition.restype = ctypes.c_double
    return Library(functions, path, _give_threads(functions))


def candidates(folder: Path) -> Iterator[Path]:
    """Yield the paths at which a library may lie, best first."""
    for suffix in EXTENSION_SUFFIXES:
        yield folder / f"_kernels{suffix}"
    if platform.machine().lower() in ("arm64", "aarch64"):
        levels: tuple[str, ...] = ("arm64",)
    else:
        levels = _LEVELS.get(torch.backends.cpu.get_cpu_capability(), ("x86-64",))
    for level in levels:
        yield folder / f"{_WHEEL}{level}{_SUFFIX}"


def _give_threads(functions: ctypes.CDLL) -> str:
    """Let the library run its loops on the threads of torch's OpenMP runtime; return where its threads come from."""
    if not hasattr(functions, "use_openmp"):  # compiled by GCC, which links the runtime that torch has
        return "its own OpenMP" if sys.platform == "linux" else "none"
    runtime = _torch_openmp()
    addresses = [address_of(getattr(runtime, name, None)) for name in _OPENMP] if runtime else []
    if not any(addresses[:2]) or not all(addresses[2:]):
        _log.info("torch has no OpenMP runtime that the compiled kernels know; they run on one thread")
        return "none"
    functions.use_openmp((ctypes.c_void_p * len(addresses))(*addresses))
    return "torch"


def _torch_openmp() -> ctypes.CDLL | None:
    """Return the OpenMP runtime that torch has loaded, or a library that depends on it."""
    if sys.platform == "win32":
        path = Path(torch.__file__).parent / "lib" / "libiomp5md.dll"
        return ctypes.CDLL(str(path)) if path.exists() else None
    # A lookup searches its dependencies as well: the runtime has another name in each build of torch.
    return ctypes.CDLL(torch._C.__file__)


def address_of(function: object) -> int:
    """Return the address of a function that ctypes has found; 0 for None."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
