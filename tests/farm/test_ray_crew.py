"""How a farm deals with workers that are not there, without starting Ray."""

import dataclasses
import socket
import sys
import time
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.cli.status_line import StatusLine
from livedream.cli.tasks import farm as task
from livedream.errors import LivedreamError
from livedream.farm import driver
from livedream.farm.crew import Crew, Event, Hand, NoRayError, Outcome, ray_session
from livedream.farm.driver import Farm
from livedream.farm.progress import FarmProgress, Pace, farm_progress
from livedream.farm.shard import ShardDreamer
from livedream.farm.workspace import Workspace
from tests.farm.films import FFV1, LOOK, planned, write_film


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """One film of one shard."""
    return planned(tmp_path / "out", write_film(tmp_path / "film.mp4", lengths=(6,)), options=FFV1)


class FailingCrew(Crew):
    """One worker, with which every shard fails, and one for which the cluster never has room."""

    def fill(self, wanted: int) -> None:
        if not self.hands:
            self.hands += [Hand("here", None, None), Hand("never", None, object())]

    def start(self, hand: Hand, number: int) -> None:
        assert hand.name == "here"
        hand.number = hand.task = number

    def events(self, seconds: float) -> list[Event]:
        found = []
        for hand in self.hands:
            if hand.task is not None:
                found.append(Event(hand, Outcome(hand.task, "it fails")))
                hand.task = None
        return found

    def ask(self) -> None:
        pass

    def dismiss(self) -> None:
        self.hands.clear()


@pytest.mark.timeout(30)
def test_a_shard_does_not_wait_for_a_worker_that_never_comes(work: Workspace) -> None:
    result = Farm(work, FailingCrew("", work.manifest.machine), lambda progress: None).run()
    assert result.failed["film.mkv"][0] == "it fails"


def test_a_machine_without_room_for_a_worker(work: Workspace, monkeypatch) -> None:
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 3.0})
    crew = Crew("", dataclasses.replace(work.manifest.machine, threads=4), may_grow=False)
    with pytest.raises(LivedreamError, match="no room for a worker, which needs 4 cores"):
        crew.fill(1)
    crew.may_grow = True
    crew.fill(1)  # a machine may join
    begin = time.monotonic()
    assert crew.events(0.2) == []
    assert time.monotonic() - begin >= 0.2  # the driver does not spin meanwhile


def test_a_signal_ends_a_join(work: Workspace, monkeypatch) -> None:
    with ShardDreamer(work) as dreamer:
        dreamer.dream(1)
    written: list[int] = []

    def endless(work: Workspace, film: object, *, overwrite: bool, on_frame=lambda count: None) -> None:
        while len(written) < 1500:
            on_frame(len(written))
            written.append(1)
            time.sleep(0.01)

    def on_progress(progress: FarmProgress) -> None:
        if progress.films[0].state == "joining":
            raise KeyboardInterrupt

    monkeypatch.setattr(driver, "join_film", endless)
    with pytest.raises(KeyboardInterrupt):
        Farm(work, Crew("", work.manifest.machine), on_progress).run()
    assert len(written) < 500


def test_people_are_told_once_what_a_worker_needs(work: Workspace, monkeypatch, capsys) -> None:
    monkeypatch.setattr(task, "ALONE_SECONDS", 0.0)
    monkeypatch.setattr("livedream.farm.registry.tell", lambda *told: None)
    with StatusLine() as line:
        teller = task.Teller(work, line)
        for workers in (0, 0, 0, 1, 0):
            teller.tell(
                farm_progress(
                    work.manifest,
                    complete=(),
                    partly={},
                    joined=(),
                    joining=None,
                    failed={},
                    workers=workers,
                    pace=Pace(),
                )
            )
    assert capsys.readouterr().err.count("no worker has room: each needs 1 core; waiting for the cluster") == 1


@pytest.fixture
def own_environment(monkeypatch) -> None:
    """What a session sets ends with the test."""
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")


@pytest.mark.usefixtures("own_environment")
def test_without_ray_nothing_is_planned(tmp_path: Path, monkeypatch, capsys) -> None:
    film = write_film(tmp_path / "film.mp4", lengths=(6,))
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["farm", str(film), "--to", str(tmp_path / "out"), *LOOK]) == 1
    assert "error: Ray is not installed\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("own_environment")
def test_an_address_of_the_client_of_ray_needs_grpc(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with (
        pytest.raises(NoRayError, match="needs the package grpcio") as caught,
        ray_session("ray://127.0.0.1:9", 1),
    ):
        pass
    assert 'pip install "livedream[farm]"' in caught.value.hint.command_line


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize(("scheme", "tries"), [("ray://", 2), ("", 1)])
def test_only_the_client_of_ray_tries_to_connect_again(scheme: str, tries: int, monkeypatch) -> None:
    tried = []

    def init(**options: object) -> None:
        tried.append(options["address"])
        raise ConnectionAbortedError("Initialization failure from server:\nTraceback")

    monkeypatch.setattr("ray.init", init)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{scheme}127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NoRayError, match="Initialization failure from server:"), ray_session(address, 1):
            pass
    assert tried == [address] * tries
