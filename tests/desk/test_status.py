"""What stands over the picture."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livedream import Dreamer, DreamSettings
from livedream.desk.desk import Desk
from livedream.desk.status import Status
from livedream.desk.takes import Takes
from livedream.pipeline import Changes, Report, SinkReport
from livedream.recipe import Recipe
from livedream.sink.sink import Facts

STAGES = {"capture": 0.0012, "resize": 0.0004, "motion": 0.002, "ascent": 0.0153, "compose": 0.003}


def report(seconds: float, dropped: int, **more: Any) -> Report:
    sinks = (
        SinkReport("nowhere", 50, 90, 25.0, (0.5, 0.9)),
        SinkReport("window", 50, 10, 24.6, (0.0412, 0.056)),
    )
    return Report(seconds, 60, 50, dropped, 29.97, 24.8, sinks, **more)


@pytest.fixture
def desk() -> Desk:
    settings = DreamSettings(layers="fire6", step_size=1.5, keep=0.98, natural_color=0.35, coarseness=0.7)
    dreamer = Dreamer(settings.replace(working_height=64, device="cpu", precision="float32"))
    dreamer.prepare((96, 72))
    return Desk(dreamer, "live")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def takes(desk: Desk, changes: Changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Takes]:
    monkeypatch.chdir(tmp_path)
    yield Takes(desk, changes, Facts(rate=Fraction(25)), Recipe(settings=desk.settings))
    for sink, _ in changes.take():
        sink.close()


def test_numbers_are_those_of_the_report_and_of_the_window(desk: Desk, takes: Takes) -> None:
    status = Status(desk, takes, 1)
    status.update(report(2.0, 10))
    status.update(report(4.0, 14, stages={name: (p50, 2 * p50) for name, p50 in STAGES.items()}))
    assert status.rows() == []
    status.toggle_numbers()
    status.update(report(6.0, 22, stages={name: (p50, 2 * p50) for name, p50 in STAGES.items()}))
    desk.toggle_mirror()
    assert status.rows() == [
        # Of the last three seconds the reports at 4 and 6 are left: 14 + 10 and 22 + 10 dropped, 4 a second.
        ("fps", "captured 30.0", "dreamt 24.8", "shown 24.6", "dropped 4.0"),
        ("age ms", "p50 41", "p95 56"),
        ("stage ms", "capture 1.2", "resize 0.4", "motion 2.0", "ascent 15.3"),
        ("", "compose 3.0"),
        ("cpu float32, squeezenet, fire6, working 80x64",),
        ("preset live, mirror",),
        (
            "steps 1, step size 1.5, working height 64, keep 0.98, zoom 1, rotate 0, strength 1, "
            "natural color 0.35, coarseness 0.7",
        ),
        ("mirror on",),
    ]


def test_frames_left_out_are_told_apart_from_those_that_were_lost(desk: Desk, takes: Takes) -> None:
    status = Status(desk, takes, 1)
    status.toggle_numbers()
    status.update(report(2.0, 10, skipped=30, skipped_fps=14.96))
    assert status.rows()[0] == (
        "fps", "captured 30.0", "dreamt 24.8", "shown 24.6", "dropped 10.0", "left out 15.0"
    )  # fmt: skip


def test_notices_and_a_recording_are_seen_without_the_numbers(desk: Desk, takes: Takes) -> None:
    status = Status(desk, takes, 1)
    assert status.rows() == []
    desk.notices.tell("strength 1.1")
    status.update(report(1.0, 0, notices=("camera C922 lost, reconnecting (try 3)",)))
    assert status.rows() == [("camera C922 lost, reconnecting (try 3)",), ("strength 1.1",)]
    takes.toggle_recording()
    assert status.rows()[0] == (f"REC {takes.recording}",)


def test_before_the_first_report_there_is_the_look(desk: Desk, takes: Takes) -> None:
    status = Status(desk, takes, 1)
    status.toggle_numbers()
    assert status.rows()[0] == ("cpu float32, squeezenet, fire6, working 80x64",)
