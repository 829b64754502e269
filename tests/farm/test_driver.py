"""Films dreamt by workers on Ray: what is killed or fails changes nothing."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.farm.films import FFV1, LOOK, frame_hashes, packets, planned, write_film

pytestmark = pytest.mark.timeout(300)
SLOW = ("--working-height", "224", "--steps", "3")
"""Long enough that something can be killed in the middle of it."""


@contextmanager
def farm(*words: str, workers: int = 2) -> Iterator["subprocess.Popen[str]"]:
    """Run `livedream farm` in the block, as a group of processes of its own, of which none is left afterwards."""
    command = [sys.executable, "-m", "livedream", "farm", *words, "--workers", str(workers)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        until(lambda: not any(map(is_worker, ray_processes(process.pid))), 60)
        # Two agents of Ray outlive a driver that was killed, by more than a minute. They dream nothing.
        for number in ray_processes(process.pid):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def ray_processes(driver: int) -> list[int]:
    """Return the processes of Ray that belong to a driver: they have its session or its environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            state, _, _, session = stat.rpartition(")")[2].split()[:4]
            if (
                state != "Z"
                and int(session) == driver
                and entry.name != str(driver)
                and b"livedream\0farm" not in command
            ):
                found.append(int(entry.name))
    return found


def is_worker(number: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes().startswith(b"ray::Worker")
    return False


def until(true: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def dreaming(driver: int) -> list[int]:
    """Return the processes of workers that dream a shard at this moment."""
    named = []
    for number in ray_processes(driver):
        try:
            title = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::Worker.dream"):
            named.append(number)
    return named


def progress_in(folder: Path) -> str:
    """Return the progress of the farm in a folder, as JSON; empty while there is none."""
    return "".join(path.read_text() for path in folder.glob("shards-*/progress.json"))


def checkpointed(folder: Path) -> bool:
    """Whether a shard is half dreamt: it could be continued."""
    return any(folder.glob("shards-*/*.resume/*.safetensors"))


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film that takes seconds, and what a single run makes of it."""
    from livedream.cli.main import main

    folder = tmp_path_factory.mktemp("long")
    film = write_film(folder / "film.mp4", lengths=(100, 170, 90, 140))
    assert main(["-q", "run", str(film), "-o", str(folder / "single.mkv"), *FFV1, *LOOK, *SLOW]) == 0
    return film, folder / "single.mkv"


def test_a_worker_that_is_killed_changes_nothing(long_film: tuple[Path, Path], tmp_path: Path) -> None:
    film, single = long_film
    out = tmp_path / "out"
    with farm(str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW) as process:
        until(lambda: checkpointed(out) and dreaming(process.pid))
        os.kill(dreaming(process.pid)[0], signal.SIGKILL)
        said, complained = process.communicate()
    assert process.returncode == 0, complained
    assert said.splitlines()[-1] == f"written: {out / 'film.mkv'}"
    assert "Traceback" not in complained
    assert frame_hashes(out / "film.mkv") == frame_hashes(single)
    assert packets(out / "film.mkv", "audio") == packets(single, "audio")
    progress = json.loads(progress_in(out))
    assert (progress["finished"], progress["done"], progress["films"][0]["state"]) == (True, 500, "complete")


def test_a_driver_that_is_killed_is_started_again(long_film: tuple[Path, Path], tmp_path: Path) -> None:
    film, single = long_film
    out = tmp_path / "out"
    with farm(str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW) as process:
        until(lambda: checkpointed(out))
        process.kill()
    assert not (out / "film.mkv").exists()
    with farm(str(out / "manifest.toml")) as process:
        _, complained = process.communicate()
    assert process.returncode == 0, complained
    assert frame_hashes(out / "film.mkv") == frame_hashes(single)


def test_ctrl_c_stops_and_the_same_command_continues(long_film: tuple[Path, Path], tmp_path: Path) -> None:
    film, _ = long_film
    out = tmp_path / "out"
    with farm(str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW) as process:
        until(lambda: checkpointed(out))
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate()
    assert process.returncode == 130
    assert f"stopped; to continue: livedream farm {out / 'manifest.toml'}" in complained
    assert "Traceback" not in complained


def test_a_film_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{name}.mp4", lengths=(9, 8), seed=seed) for seed, name in enumerate("abc")]
    work = planned(tmp_path / "out", *films, seconds="9", options=FFV1)
    films[1].write_bytes(films[1].read_bytes() + b"x")
    with farm(str(tmp_path / "out" / work.name)) as process:
        said, complained = process.communicate()
    assert process.returncode == 1
    assert said.splitlines() == [f"written: {tmp_path / 'out' / name}" for name in ("a.mkv", "c.mkv")]
    assert f"error: b.mkv: {films[1]} has changed since it was planned" in complained
    assert "Traceback" not in complained


def test_without_a_cluster_there_is_one_line(film: Path, tmp_path: Path) -> None:
    with farm(str(film), "--to", str(tmp_path / "out"), "--address", "127.0.0.1:9", *LOOK) as process:
        _, complained = process.communicate()
    assert process.returncode == 1
    assert "error: Ray cannot be reached at 127.0.0.1:9" in complained
    assert "Traceback" not in complained


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_twenty_kills_of_workers_and_drivers(long_film: tuple[Path, Path], tmp_path: Path) -> None:
    """Run with: scripts/test -m soak tests/farm"""
    film, single = long_film
    chance, kills, rounds = random.Random(11), 0, 0
    while kills < 20:
        rounds += 1
        out = tmp_path / f"out{rounds}"
        words = [str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW]
        while not (out / "film.mkv").exists():
            with farm(*words) as process:
                kills += kill_until_it_ends(process, chance, 20 - kills)
        assert frame_hashes(out / "film.mkv") == frame_hashes(single)


def kill_until_it_ends(process: "subprocess.Popen[str]", chance: random.Random, most: int) -> int:
    """Kill workers, or the driver, at random times while they dream; return how many were killed."""
    kills = 0
    while kills < most and process.poll() is None:
        time.sleep(chance.uniform(0.05, 1.0))
        workers = dreaming(process.pid)
        if workers and chance.random() < 0.7:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                kills += 1
        elif workers:
            process.kill()
            kills += 1
    process.communicate()
    return kills


@contextmanager
def raylet(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A machine of a cluster of Ray, as a group of processes of its own, which ends with the block."""
    ray = str(Path(sys.executable).with_name("ray"))
    command = [ray, "start", *words, "--num-cpus", "1", "--node-ip-address", "127.0.0.1", "--block"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        end_group(process)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    for number in [process.pid, *ray_processes(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()


def listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_machine_that_is_lost_changes_nothing(long_film: tuple[Path, Path], tmp_path: Path, monkeypatch) -> None:
    """A second raylet on this machine is killed with its worker. Run with: scripts/test -m soak tests/farm"""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    film, single = long_film
    out = tmp_path / "out"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = raylet("--head", "--port", str(port), "--include-dashboard", "false")
    with ExitStack() as machines:
        machines.enter_context(head)
        until(lambda: listens(port))
        lost = machines.enter_context(raylet("--address", f"127.0.0.1:{port}"))
        words = [str(film), "--to", str(out / "*.mkv"), "--seconds", "2", *FFV1, *LOOK, *SLOW]
        with farm(*words, "--address", f"127.0.0.1:{port}") as process:
            until(lambda: checkpointed(out) and '"workers": 2' in progress_in(out))
            end_group(lost)
            _, complained = process.communicate()
    assert process.returncode == 0, complained
    assert "Traceback" not in complained
    assert frame_hashes(out / "film.mkv") == frame_hashes(single)
