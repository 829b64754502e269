"""Builds the one compiled part. Where there is no C compiler livedream installs all the same, and dreams slower."""

import sys

from setuptools import Extension, setup

if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c11"], []
else:
    # Clang on macOS brings no OpenMP; there the kernels run on one thread.
    threads = ["-fopenmp"] if sys.platform == "linux" else []
    compile_args, link_args = ["-O3", "-std=c11", "-fvisibility=hidden", *threads], threads

setup(
    ext_modules=[
        Extension(
            "livedream.dream._kernels",
            ["livedream/dream/kernels.c", "livedream/dream/playback.c", "livedream/dream/turns.c"],
            extra_compile_args=compile_args,
            extra_link_args=link_args,
            depends=["livedream/dream/common.h", "livedream/dream/kernels_typed.h"],
            optional=True,
        )
    ]
)
