"""What is changed while a live run is on is there in the next one."""

import logging
import signal
from pathlib import Path
from typing import Any

import pytest

from livedream.cli.tasks.dream import dream
from livedream.cli.tasks.last_settings import recall, remember, state_file
from livedream.cli.tasks.recipes import choose_settings
from livedream.cli.tasks.request import Request
from livedream.settings import DreamSettings


class Changing:
    """Stands in for the Dreamer: somebody changes its settings, then stops the run."""

    description = "plain"

    def __init__(self, settings: DreamSettings, changes: dict[str, Any]) -> None:
        self.settings = settings
        self.changes = changes
        self.frames = 0

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        pass

    def __call__(self, picture: Any) -> Any:
        self.frames += 1
        if self.frames == 2:
            self.settings = self.settings.replace(**self.changes)
            signal.raise_signal(signal.SIGINT)
        return picture


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def live_run(*, changes: dict[str, Any] | None = None, source: str = "demo", **how: Any) -> DreamSettings:
    """Dream, change something, stop. Returns the settings with which the run began."""
    began: list[DreamSettings] = []

    def make(settings: DreamSettings) -> Any:
        began.append(settings)
        return Changing(settings, changes or {})

    assert dream(source, Request(sinks=("null",), **how), make_dreamer=make) in (0, 130)
    return began[0]


USUAL = choose_settings("live", {})


def test_changes_are_kept_and_options_win(capsys: pytest.CaptureFixture[str]) -> None:
    assert live_run() == USUAL
    assert not state_file().exists()  # nothing was changed
    live_run(changes={"strength": 2.5, "layers": "fire6"})
    assert live_run() == USUAL.replace(strength=2.5, layers="fire6")
    assert f"settings of the last live run ({state_file()})" in capsys.readouterr().out
    assert live_run(controls={"strength": 0.5}) == USUAL.replace(strength=0.5, layers="fire6")
    assert live_run(fresh=True) == USUAL
    assert live_run(preset="neon") == choose_settings("neon", {})
    assert live_run() == USUAL.replace(strength=2.5, layers="fire6")  # none of these has changed anything while it ran


def test_a_film_has_nothing_to_do_with_it(make_clip: Any) -> None:
    film = str(make_clip("film.mp4", frames=4))
    live_run(source=film, changes={"strength": 3.0})
    assert not state_file().exists()
    live_run(changes={"strength": 2.0})
    assert live_run(source=film) == DreamSettings()


def test_what_belongs_to_the_machine_is_not_kept() -> None:
    live_run(controls={"device": "cpu", "precision": "float32"}, changes={"steps": 3})
    assert recall() == USUAL.replace(steps=3)


def test_another_network_has_other_layers() -> None:
    live_run(changes={"layers": "fire6"})
    assert live_run(controls={"model": "googlenet"}) == USUAL.replace(model="googlenet", layers="auto")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"strength = ", b"strength = 99", b"colour = 1"])
def test_a_file_that_means_nothing_is_left_out(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_bytes(content)
    assert live_run() == USUAL
    assert "cannot use the settings of the last run" in caplog.text


def test_no_place_to_keep_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").touch()
    with caplog.at_level(logging.WARNING):
        remember(DreamSettings(), DreamSettings(steps=3))
    assert "cannot save the settings" in caplog.text
    assert recall() is None
