"""Whether recorded passes are replayed: they call functions of torch that no document promises to keep.

`aoti.py` and `replay.c` call torch's C interface for compiled models. Its file shim.h is to keep its ABI; the
convolutions are declared in shim_cpu.h, of which nobody says so. With another signature they would not raise, they
would crash. So they are called on versions of torch on which they were run, unless the user decides otherwise.
"""

import os
from collections.abc import Mapping

import torch
from packaging.version import Version

from livedream.errors import ArgumentError

TRIED = ("2.11", "2.12", "2.13", "2.14")
"""Minor versions of torch on which tests/dream/native/test_replay.py passes. Add one when it does, and nothing else:
what changed may crash."""
VARIABLE = "LIVEDREAM_NATIVE"
"""The environment variable that overrides the list: 1 replays on any torch, 0 on none."""


def objection(version: str = torch.__version__, environ: Mapping[str, str] = os.environ) -> str:
    """Return why passes go layer by layer, "torch 2.15 is untried"; empty where they are replayed.

    version: that of torch. environ: the environment variables.

    Raises ArgumentError when the variable is neither 0 nor 1.
    """
    chosen = environ.get(VARIABLE, "")
    if chosen not in ("", "0", "1"):
        raise ArgumentError(f"{VARIABLE} must be 0 or 1, got {chosen!r}", f"unset {VARIABLE}")
    if chosen:
        return "" if chosen == "1" else f"{VARIABLE}=0"
    found = Version(version)
    minor = f"{found.major}.{found.minor}"
    return "" if minor in TRIED else f"torch {minor} is untried"
