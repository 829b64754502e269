"""Imports torch in two thirds of the time of `import torch`, for programs that are certain to use it."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path


@contextmanager
def importing_torch() -> Iterator[None]:
    """Context for `import torch`, or for an import that leads to it.

    Other threads run meanwhile, except for about a tenth of a second.
    """
    _load_library()
    with _without_collections():
        yield


def _load_library() -> None:
    """Load the largest of torch's libraries without holding Python's lock, as an import would for 0.2 s.

    Only on Linux, where this was measured. If LD_LIBRARY_PATH is set, torch has to choose the CUDA libraries first, see
    _load_global_deps in torch/__init__.py.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return
    with suppress(OSError):
        # Not os.environ: cv2 adds folders to it that the linker never sees.
        if b"LD_LIBRARY_PATH=" in Path("/proc/self/environ").read_bytes():
            return
    found = find_spec("torch")
    for folder in (found.submodule_search_locations if found is not None else None) or ():
        with suppress(OSError):  # then `import torch` loads it, or raises the right error
            ctypes.CDLL(str(Path(folder) / "lib" / "libtorch_cpu.so"))


@contextmanager
def _without_collections() -> Iterator[None]:
    """Context without garbage collection; objects created inside are never collected.

    An import creates hundreds of thousands of permanent objects. Traversing them took 0.2 s of the 1.0 s of torch's
    import, and later each full collection would take as long as some frames.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
