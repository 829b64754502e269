"""How far the farms of this machine are, as an interface."""

import json
import os
import time
from pathlib import Path

import pytest
from platformdirs import user_state_path

from livedream.farm import registry
from tests.studio.farms import progress


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the registry; no test may see the farms of the user."""
    monkeypatch.setattr(registry, "user_state_path", lambda name: tmp_path / name)
    return tmp_path / "livedream" / "farms"


def test_no_farm(client, folder: Path) -> None:
    assert client.get("/api/farms") == []
    assert user_state_path("livedream") != folder.parent


def test_the_farm_that_was_heard_of_last_comes_first(client, folder: Path) -> None:
    registry.tell("a" * 32, "s3://films/out", progress("a" * 32))
    registry.tell("b" * 32, "dreams", progress("b" * 32, finished=True))
    past = time.time() - 60
    os.utime(folder / f"{'a' * 32}.json", (past, past))
    farms = client.get("/api/farms")
    assert [(farm["place"], farm["finished"]) for farm in farms] == [("dreams", True), ("s3://films/out", False)]
    assert farms[1]["films"][0] == {
        "name": "first-dream.mp4",
        "frames": 400,
        "done": 400,
        "shards": 4,
        "shards_done": 4,
        "state": "complete",
        "error": None,
    }


def test_a_farm_that_says_nothing_has_stopped(client) -> None:
    registry.tell("a" * 32, "x", progress("a" * 32, updated=time.time() - 30))
    registry.tell("b" * 32, "y", progress("b" * 32, updated=time.time() - 30, finished=True))
    registry.tell("c" * 32, "z", progress("c" * 32))
    stopped = {farm["place"]: farm["stopped"] for farm in client.get("/api/farms")}
    assert stopped == {"x": True, "y": False, "z": False}


def test_files_that_are_something_else_are_left_out(client, folder: Path) -> None:
    registry.tell("a" * 32, "x", progress("a" * 32))
    for name, text in (("b", "{"), ("c", "[]"), ("d", '{"place": 1}'), ("e", '{"place": "e", "progress": {}}')):
        (folder / f"{name}.json").write_text(text)
    wrong = json.loads(progress("f" * 32))
    wrong["films"][0]["frames"] = -1
    registry.tell("f" * 32, "f", json.dumps(wrong))
    assert [farm["place"] for farm in client.get("/api/farms")] == ["x"]
