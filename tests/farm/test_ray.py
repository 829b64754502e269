"""Ray itself: workers that it cannot start or keep, what it does to signals, where it listens, and its addresses."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from livedream.farm.workspace import Workspace
from tests.farm.films import FFV1, LOOK, frame_hashes, packets, planned, write_film
from tests.farm.test_driver import SLOW, checkpointed, end_group, farm, listens, ray_processes, until

pytestmark = pytest.mark.timeout(300)

# Workers that a real fault would make: the class goes to the actors by value, because it is in the main program.
OTHER_WORKERS = """
    import os, signal, sys
    from livedream.farm import crew

    class Worker(crew.Worker):
        {change}

    crew.Worker = Worker
    from livedream.cli.main import main
    sys.exit(main(sys.argv[1:]))
"""
CANNOT_START = "def __init__(self, place): raise RuntimeError('no memory')"
KILLED_BY_2 = """
def dream(self, number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return super().dream(number)
"""


@contextmanager
def cluster() -> Iterator[tuple[int, int]]:
    """A cluster of Ray with one core; the port of its head, and that for ray://."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    command = [
        str(Path(sys.executable).with_name("ray")),
        "start",
        "--head",
        "--port",
        str(ports[0]),
        "--num-cpus",
        "1",
    ]
    command += ["--ray-client-server-port", str(ports[1]), "--include-dashboard", "false", "--block"]
    command += ["--node-ip-address", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: all(map(listens, ports)))
        yield ports[0], ports[1]
    finally:
        end_group(process)


def with_workers(change: str, folder: Path) -> Path:
    """Return a program that is `livedream` with other workers."""
    program = folder / "program.py"
    program.write_text(textwrap.dedent(OTHER_WORKERS).replace("    {change}", textwrap.indent(change.strip(), "    ")))
    return program


def run_program(program: Path, work: Workspace) -> "subprocess.CompletedProcess[str]":
    assert work.store.folder is not None
    command = [sys.executable, str(program), "farm", str(work.store.folder / work.name), "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)


def test_a_shard_that_always_ends_its_worker_is_reported_while_others_go_on(tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{name}.mp4", lengths=(9,), seed=seed) for seed, name in enumerate("abc")]
    work = planned(tmp_path / "out", *films, options=FFV1)
    ended = run_program(with_workers(KILLED_BY_2, tmp_path), work)
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [f"written: {tmp_path / 'out' / name}" for name in ("a.mkv", "c.mkv")]
    assert "error: b.mkv: shard 2 ended its worker 3 times: out of memory?\n" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.soak
def test_workers_that_cannot_start_are_not_made_for_ever(tmp_path: Path) -> None:
    work = planned(tmp_path / "out", write_film(tmp_path / "a.mp4", lengths=(9,)), options=FFV1)
    ended = run_program(with_workers(CANNOT_START, tmp_path), work)
    assert ended.returncode == 1
    assert "error: 3 workers in a row could not start: RuntimeError: no memory\n" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_sigterm_stops_as_ctrl_c_does_and_nothing_listened_to_the_network(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", lengths=(200, 200))
    out = tmp_path / "out"
    with farm(str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW) as process:
        until(lambda: checkpointed(out))
        found = listening([process.pid, *ray_processes(process.pid)])
        process.send_signal(signal.SIGTERM)
        _, complained = process.communicate(timeout=60)
        until(lambda: not ray_processes(process.pid), 30)
    assert process.returncode == 128 + signal.SIGTERM
    assert complained.splitlines()[-1] == f"stopped; to continue: livedream farm {out / 'manifest.toml'}"
    assert "SIGTERM received" not in complained
    assert found
    assert found <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def listening(processes: list[int]) -> set[str]:
    """Return the addresses at which processes listen."""
    sockets = {name for number in processes for name in descriptors(number) if name.startswith("socket:")}
    found = set()
    for kind, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:  # LISTEN
                words = [fields[1][begin : begin + 8] for begin in range(0, fields[1].index(":"), 8)]
                packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
                found.add(socket.inet_ntop(family, packed))
    return found


def descriptors(process: int) -> list[str]:
    names = []
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                names.append(str(link.readlink()))
    return names


@pytest.mark.parametrize("kind", [pytest.param("HOST:PORT", marks=pytest.mark.soak), "ray://"])
def test_a_cluster(kind: str, film: Path, single: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with cluster() as (port, client_port):
        address = f"127.0.0.1:{port}" if kind == "HOST:PORT" else f"ray://127.0.0.1:{client_port}"
        words = [str(film), "--to", str(tmp_path / "*.mkv"), "--seconds", "2", "--address", address, *FFV1, *LOOK]
        with farm(*words) as process:
            _, complained = process.communicate(timeout=200)
    assert process.returncode == 0, complained
    assert frame_hashes(tmp_path / "film.mkv") == frame_hashes(single)
    assert packets(tmp_path / "film.mkv", "audio") == packets(single, "audio")
