"""Builds the one compiled part. Where there is no C compiler livedream installs all the same, and dreams slower."""

import sys

from setuptools import Extension, setup

if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c11"], []
else:
    # Clang on macOS brings no OpenMP; there the kernels run on one thread.
    threads = ["-fopenmp"] if sys.platform == "linux" else []
    compile_args, link_args = ["-O3", "-std=c11", "-fvisibility=hidden", *threads], threads

_SOURCES = ("kernels", "depthwise", "replay")
_HEADERS = ("common", "kernels_typed", "lanes", "depthwise_processor", "depthwise_typed")

setup(
    ext_modules=[
        Extension(
            "livedream.dream.native._kernels",
            [f"livedream/dream/native/{name}.c" for name in _SOURCES],
            extra_compile_args=compile_args,
            extra_link_args=link_args,
            depends=[f"livedream/dream/native/{name}.h" for name in _HEADERS],
            optional=True,
        )
    ]
)
