"""Decides whether recorded passes are replayed, which calls functions of torch that are not guaranteed to be stable.

`aoti.py` and `replay.c` call torch's C interface for compiled models. Its header shim.h promises a stable ABI; the
convolutions are declared in shim_cpu.h, which does not. A changed signature would not raise an error but crash. So they
are called only on versions of torch on which they were tested, unless the user overrides it.
"""

import os
from collections.abc import Mapping

import torch
from packaging.version import Version

from livedream.errors import ArgumentError

TRIED = ("2.11", "2.12", "2.13", "2.14")
"""Minor versions of torch on which tests/dream/native/test_replay.py passes. Add a version only when it does."""
VARIABLE = "LIVEDREAM_NATIVE"
"""The environment variable that overrides the list: 1 replays on any version of torch, 0 on none."""


def objection(version: str = torch.__version__, environ: Mapping[str, str] = os.environ) -> str:
    """Return why passes are not replayed, such as "torch 2.15 is untested"; empty if they are.

    Args:
        version: of torch.
        environ: the environment variables.

    Raises:
        ArgumentError: the variable is neither 0 nor 1.
    """
    chosen = environ.get(VARIABLE, "")
    if chosen not in ("", "0", "1"):
        raise ArgumentError(f"{VARIABLE} must be 0 or 1, got {chosen!r}", f"unset {VARIABLE}")
    if chosen:
        return "" if chosen == "1" else f"{VARIABLE}=0"
    found = Version(version)
    minor = f"{found.major}.{found.minor}"
    return "" if minor in TRIED else f"torch {minor} is untested"
