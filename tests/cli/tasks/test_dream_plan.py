"""What is decided about a run before a sink is opened."""

from pathlib import Path

import pytest

from livedream.cli.tasks import dream_plan
from livedream.cli.tasks.dream import dream
from livedream.cli.tasks.dream_plan import refuse_twins, usual_sink
from livedream.cli.tasks.request import Request
from livedream.errors import ArgumentError
from tests.pipeline.parts import Frames


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_usual_sinks(tmp_path: Path) -> None:
    film, photo = Frames(5), Frames(1, stills=True)
    assert usual_sink(Frames(1, live=True)) == "window"
    film.path = tmp_path / "my film.mkv"
    assert usual_sink(film) == "my film-dream.mp4"
    photo.path, photo.length = tmp_path / "photo.jpg", 1
    assert usual_sink(photo) == "photo-dream.png"
    photo.path, photo.length = tmp_path / "photos", 20
    assert usual_sink(photo) == "photos-dream/"


def test_twins_by_another_name() -> None:
    refuse_twins(["window", "null", "a.mp4", "b.mp4", "a/"])
    for twins in (["window", "window"], ["a.mp4", "./a.mp4"], ["a/", "a"]):
        with pytest.raises(ArgumentError, match="is named twice"):
            refuse_twins(twins)


def test_wrong_controls_come_out_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dream_plan, "open_requested", None)
    with pytest.raises(ArgumentError, match="steps must be"):
        dream("0", Request(controls={"steps": 99}))
