"""Import torch in a program that is there to dream, in two thirds of the time that `import torch` takes."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path


def import_torch() -> None:
    """Import torch and the Dreamer. Other threads run meanwhile, but for about a tenth of a second."""
    _load_library()
    with _without_collections():
        import livedream.dream.dreamer  # noqa: F401


def _load_library() -> None:
    """Load the largest of torch's libraries without Python's lock, which an import holds meanwhile: 0.2 s.

    Only on Linux, where that was measured. Where LD_LIBRARY_PATH is set torch has to choose CUDA's libraries before,
    see _load_global_deps in torch/__init__.py.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return
    with suppress(OSError):
        # Not os.environ, where cv2 adds folders that the linker never sees.
        if b"LD_LIBRARY_PATH=" in Path("/proc/self/environ").read_bytes():
            return
    found = find_spec("torch")
    for folder in (found.submodule_search_locations if found is not None else None) or ():
        with suppress(OSError):  # torch has another way to load it, or says what is wrong
            ctypes.CDLL(str(Path(folder) / "lib" / "libtorch_cpu.so"))


@contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage inside, nor ever what is made inside.

    An import makes hundreds of thousands of objects that stay. Looking through them again and again took 0.2 s of the
    1.0 s of torch's, and each full collection later takes as long as some frames.
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
