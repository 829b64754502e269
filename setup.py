"""Builds the C library. It is optional: without a compiler livedream installs all the same, and dreams more slowly.

Wheels bring the library ready-made, for all versions of Python: see scripts/build_wheels, which sets
LIVEDREAM_COMPILE=0 and adds it afterwards.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

_FOLDER = Path("livedream/dream/native")
if sys.platform == "darwin":
    # Apple's Clang brings no OpenMP runtime, but compiles for one: see openmp.c.
    _names = ["kernels", "depthwise", "replay", "openmp"]
    _compile, _link = ["-Xclang", "-fopenmp", "-ffp-contract=off"], []
else:
    _names = ["kernels", "depthwise", "replay"]
    _compile, _link = ["-fopenmp"], ["-fopenmp"]

library = Extension(
    "livedream.dream.native._kernels",
    [f"livedream/dream/native/{name}.c" for name in _names],
    extra_compile_args=["-O3", "-std=c11", "-fvisibility=hidden", *_compile],
    extra_link_args=_link,
    depends=sorted(path.as_posix() for path in _FOLDER.glob("*.[ch]")),
    optional=True,
)
# Microsoft's compiler has neither the vectors nor the OpenMP that the kernels use.
_compiles = os.environ.get("LIVEDREAM_COMPILE") != "0" and sys.platform != "win32"
setup(ext_modules=[library] if _compiles else [])
