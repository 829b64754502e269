"""The worker as a process: its answers, and when it ends."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.studio.pictures import worker_process
from livedream.studio.pictures.messages import Message, read_message, write_message
from livedream.studio.pictures.thumbnail import small_picture
from livedream.studio.pictures.worker_process import WorkerProcess

PATIENCE = 60.0
IDLE_AT_ONCE = "from livedream.studio.pictures import worker; worker.IDLE_SECONDS = 0.05; worker.main()"
"""A worker that does not wait a minute."""


def request(number: int, *looks: tuple[str, dict[str, object]]) -> tuple[dict[str, object], bytes]:
    frame = Frame(np.random.default_rng(0).integers(0, 255, (72, 128, 3), np.uint8), Fraction(0), 0)
    return {
        "round": number,
        "looks": [{"name": name, "controls": controls} for name, controls in looks],
    }, small_picture(frame)


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a worker by a program."""
    started = []

    def popen(program: str = "from livedream.studio.pictures.worker import main; main()") -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            pipe.close()
        process.wait()


def test_answers_and_end(start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    """A look that cannot be dreamt is answered with the reason, in one line."""
    worker = start()
    write_message(worker.stdin, *request(7, ("wrong", {"layers": "no-such"}), ("eyes", {"model": "squeezenet"})))
    wrong, right = read_message(worker.stdout), read_message(worker.stdout)
    assert wrong.header == {"round": 7, "name": "wrong", "fault": "unknown layer: no-such"}
    assert right.header == {"round": 7, "name": "eyes"}
    assert right.picture.startswith(b"\xff\xd8\xff")
    worker.stdin.close()
    assert worker.wait(PATIENCE) == 0


def test_it_ends_with_its_input_while_it_starts(start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    worker = start()
    worker.stdin.close()
    assert worker.wait(PATIENCE) == 0


def test_what_a_library_prints_does_not_come_between(start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    worker = start(
        "from livedream.studio.pictures import worker\n"
        "class Artist:\n"
        "    def draw(self, pixels, controls):\n"
        "        print('a stray line', flush=True)\n"
        "        return b'picture'\n"
        "worker.Artist = Artist\n"
        "worker.main()"
    )
    write_message(worker.stdin, *request(1, ("any", {})))
    assert read_message(worker.stdout) == Message({"round": 1, "name": "any"}, b"picture")


def test_it_says_when_it_is_idle(start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    worker = start(IDLE_AT_ONCE)
    assert read_message(worker.stdout).header == {"round": 0, "idle": True}


def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_END_SECONDS", 0.1)
    monkeypatch.setattr(worker_process, "_COMMAND", [sys.executable, "-c", "import time; time.sleep(100)"])
    codes = []
    process = WorkerProcess(lambda worker, answer: None, lambda worker, code: codes.append(code))
    began = time.monotonic()
    process.finish()
    assert time.monotonic() - began < 10
    assert len(codes) == 1
    assert codes[0] != 0
    assert not process.takes_requests


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_worker_has_the_lowest_priority_and_ends_with_a_killed_studio(tmp_path: Path) -> None:
    studio = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from livedream.studio.pictures.worker_process import WorkerProcess\n"
            "import time\n"
            "print(WorkerProcess(lambda *_: None, lambda *_: None).pid, flush=True)\n"
            "time.sleep(100)",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        worker = int(studio.stdout.readline())
        assert os.getpriority(os.PRIO_PROCESS, worker) == 19
    finally:
        studio.kill()
        studio.communicate()
    deadline = time.monotonic() + PATIENCE
    while _runs(worker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_worker_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEDREAM_STUDIO_TOKEN", "a-secret")
    process = WorkerProcess(lambda *_: None, lambda *_: None)
    try:
        variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    finally:
        process.finish()
    assert b"OMP_NUM_THREADS=1" in variables
    assert not [each for each in variables if b"a-secret" in each]


def _runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended stays a zombie until its new parent asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
