"""The dream behind the page: what happens between two sources."""

import threading

import pytest

from livedream.dream.dreamer import Dreamer
from livedream.errors import SinkError, WeightsError
from tests.studio.running import running_studio, until


def test_requests_are_answered_while_a_network_is_loaded(tmp_path, make_clip, monkeypatch) -> None:
    """A download takes minutes. Meanwhile the pages go on, and what they change holds afterwards."""
    loading, go_on = threading.Event(), threading.Event()
    prepare = Dreamer.prepare

    def slow(self, size, still=False, *, soon=False) -> None:
        loading.set()
        assert go_on.wait(30)
        prepare(self, size, still, soon=soon)

    with running_studio(tmp_path / "files", make_clip("film.mp4", size=(160, 96), rate=25, frames=50)) as client:
        monkeypatch.setattr(Dreamer, "prepare", slow)
        client.put("/api/source", {"kind": "given"})
        assert loading.wait(30)
        assert client.patch("/api/settings", {"strength": 3.25})["settings"]["strength"] == 3.25
        assert client.get("/api/state")["phase"] == "preparing"
        go_on.set()
        state = client.until(lambda state: state["phase"] == "running" and state)
        assert state["settings"]["strength"] == 3.25
        until(lambda: client.running.session.desk._controller.in_force.strength == 3.25)


@pytest.mark.parametrize("settings", [{"model": "vgg16", "layers": "auto"}, {"model": "vgg16", "layers": "fire8"}])
def test_a_network_that_cannot_be_loaded_does_not_end_the_dream(tmp_path, make_clip, monkeypatch, settings) -> None:
    def offline(*args, **more):
        raise WeightsError("the weights cannot be downloaded", "check the network")

    monkeypatch.setattr("livedream.models.loading.load", offline, raising=False)
    with running_studio(tmp_path / "files", make_clip("film.mp4", size=(160, 96), rate=25, frames=50)) as client:
        client.http.patch("/api/settings", json=settings)
        client.put("/api/source", {"kind": "given"})
        state = client.until(lambda state: state if state["phase"] in ("running", "failed") else None)
        assert state is not None
        assert (state["phase"], state["trouble"]) == ("running", None)
        until(lambda: client.get("/api/state")["settings"]["model"] == "auto")
        client.put("/api/source", {"kind": "demo"})
        client.until(lambda state: state["phase"] == "running" and state["source"]["width"] == 1280)


def test_a_source_that_fails_says_why_and_another_one_goes_on(tmp_path, make_clip) -> None:
    film = make_clip("film.mp4", size=(160, 96), rate=25, frames=50)
    with running_studio(tmp_path / "files", film) as client:
        film.rename(tmp_path / "elsewhere.mp4")
        client.put("/api/source", {"kind": "given"})
        state = client.until(lambda state: state["phase"] == "failed" and state)
        assert state["trouble"]["message"]
        client.put("/api/source", {"kind": "demo"})
        client.until(lambda state: state["phase"] == "running" and state["trouble"] is None)


def test_a_folder_belongs_to_one_studio(tmp_path, make_clip) -> None:
    film = make_clip("film.mp4", size=(160, 96), rate=25, frames=50)
    second = running_studio(tmp_path / "files", film)
    with running_studio(tmp_path / "files", film), pytest.raises(SinkError, match="another studio uses"):
        second.__enter__()
