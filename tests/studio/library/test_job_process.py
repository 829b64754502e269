"""The process between a studio and its worker, as systems without Linux's signal at the death of a parent need it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.studio.library.parts import DEADLINE, wait_until

SUPERVISE = "import sys; from livedream.studio.library.job_process import supervise; sys.exit(supervise(sys.argv[1:]))"
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@contextlib.contextmanager
def supervised(program: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A supervisor, and the process id of its worker, which prints it first."""
    words = [sys.executable, "-c", SUPERVISE, sys.executable, "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("how", ["standard input is closed", "SIGTERM"])
def test_the_worker_is_stopped(how: str) -> None:
    with supervised(SLEEP) as (process, pid):
        assert process.stdin is not None
        if how == "SIGTERM":
            process.terminate()
        else:
            process.stdin.close()
        assert process.wait(DEADLINE) != 0
        wait_until(lambda: is_gone(pid))


def test_the_exit_code_is_that_of_the_worker() -> None:
    with supervised("import os; print(os.getpid()); raise SystemExit(7)") as (process, _):
        assert process.wait(DEADLINE) == 7
