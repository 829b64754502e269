"""A fork of a process that has dreamt says so, where plain torch hangs."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
import numpy as np
from livedream import Dreamer, DreamSettings, LivedreamError
settings = DreamSettings(layers="fire2", model="squeezenet", still_steps=1, still_height=64, device="cpu")
picture = np.zeros((64, 64, 3), np.uint8)
before = Dreamer(settings)
if sys.argv[1] == "used":
    before(picture)
child = os.fork()
if child == 0:
    for dreamer in (before, Dreamer(settings)):
        try:
            dreamer(picture)
            print("dreamt", flush=True)
        except LivedreamError as error:
            print(f"{error}; {error.hint}", flush=True)
    os._exit(0)
os.waitpid(child, 0)
before(picture)
print("the parent goes on", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.parametrize(
    ("used", "says"),
    [
        ("used", "was forked from one that has used torch, and torch would hang here; start it with"),
        ("unused", "dreamt"),
    ],
)
def test_a_fork_says_so_and_does_not_hang(used: str, says: str) -> None:
    """Two threads: with one torch has none that the child would miss."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, used]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=True)
    first, second, last = done.stdout.splitlines()
    assert says in first and says in second
    assert last == "the parent goes on"
