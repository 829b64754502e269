import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livedream.bench import busy


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_busy_processes_end_when_the_block_raises() -> None:
    with pytest.raises(KeyError), busy.busy_processes(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
        raise KeyError
    assert all(process.returncode is not None for process in processes)
    assert not any(is_there(process.pid) for process in processes)


def test_busy_processes_end_when_their_parent_is_killed() -> None:
    program = (
        "from livedream.bench.busy import busy_processes\n"
        "with busy_processes(1) as (process,):\n"
        "    print(process.pid, flush=True)\n"
        "    process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_there(pid)
        parent.kill()
    deadline = time.monotonic() + 30
    while is_there(pid) and state_of(pid) != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state_of(pid: int) -> str:
    """Return the state of a process as a letter of /proc: Z if it ended but its parent has not waited for it."""
    status = Path(f"/proc/{pid}/stat")
    return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] if status.exists() else ""


def test_each_workload_is_measured_beside_each_number_of_busy_processes_and_the_median_counts(monkeypatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    speeds = iter([8.0, 3.0, 9.0, 4.0, 1.0, 5.0])
    rates = busy.measure({"a": lambda: next(speeds)}, rounds=3, counts=(0, 1))
    assert rates == {"a": {0: 8.0, 1: 4.0}}


def test_the_table_shows_the_speed_relative_to_the_fair_share() -> None:
    # On two cores beside one process the fair share is two thirds, beside two a half: 6 and 4.5 of 9.
    lines = busy.table({"a still": {0: 9.0, 1: 6.0, 2: 3.6}}, cores=2)
    assert lines == [
        "| what | alone | beside 1 | beside 2 |",
        "|---|--:|--:|--:|",
        "| a still | 9.00 | 6.00 (1.00) | 3.60 (0.80) |",
    ]
