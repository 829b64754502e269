"""`--progress json`: lines of JSON for programs, on standard error."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest

from livedream.cli.console import print_json_progress, warnings_shown
from livedream.cli.json_progress import JsonProgress
from livedream.cli.main import main
from livedream.cli.progress import Progress
from livedream.pipeline import Report
from tests.conftest import write_clip
from tests.pipeline.parts import Frames

Capture = pytest.CaptureFixture[str]
KEYS = ["share", "left", "frames", "fps", "text", "notices"]
QUICK = ["--working-height", "32", "--octaves", "1", "-o", "null"]


def states(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_four_lines_a_second_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lines = JsonProgress()
    for step in range(21):
        now = step / 20
        lines.show({"frames": step})
    lines.finish()
    lines.finish()
    assert [state["frames"] for state in states(capsys.readouterr().err)] == [0, 5, 10, 15, 20]
    now = 2.0
    lines.show({"frames": 40})
    now = 2.1
    lines.show({"frames": 41})
    lines.finish()
    assert [state["frames"] for state in states(capsys.readouterr().err)] == [40, 41]


def test_a_run_prints_nothing_else_with_q(tmp_path: Path, capsys: Capture) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=20)
    assert main(["-q", "run", str(film), "--progress", "json", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    found = states(err)
    assert all(list(state) == KEYS for state in found)
    shares = [state["share"] for state in found if state["share"] is not None]
    assert shares == sorted(shares)
    last = found[-1]
    assert (last["share"], last["frames"], last["notices"]) == (1.0, 20, [])
    text, _, rate = last["text"].partition(", ")
    assert text == "20 of 20 frames"
    assert rate.endswith(" fps")
    assert float(rate.split()[0]) == pytest.approx(last["fps"], abs=0.1)  # rounded each for itself


def test_messages_come_between_the_lines(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    assert main(["run", str(tmp_path / "text.mp4"), "--progress", "json", *QUICK]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("{")]
    assert [line.partition(": ")[0] for line in lines] == ["error", "hint"]


def test_the_choice_ends_with_its_run(tmp_path: Path, capsys: Capture) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=3)
    assert main(["run", str(film), "--progress", "json", *QUICK]) == 0
    capsys.readouterr()
    for words in ([], ["--progress", "auto"]):
        assert main(["run", str(film), *words, *QUICK]) == 0
        assert "{" not in capsys.readouterr().err


def test_frames_of_an_earlier_run_count(capsys: Capture) -> None:
    source = Frames(300)
    source.length = 300
    report = Report(
        seconds=1.0,
        captured=60,
        dreamt=50,
        dropped=0,
        captured_fps=60.0,
        dreamt_fps=50.0,
        sinks=(),
        notices=("camera lost",),
    )
    with warnings_shown():
        print_json_progress()
        with Progress(source, first=100) as shown:
            shown(report)
            shown(dataclasses.replace(report, dreamt=200))
    first, last = states(capsys.readouterr().err)
    assert (first["share"], first["frames"], first["text"]) == (0.5, 150, "150 of 300 frames, 50.0 fps")
    assert first["notices"] == ["camera lost"]
    assert (last["share"], last["frames"]) == (1.0, 300)


def test_another_choice_is_refused(capsys: Capture) -> None:
    assert main(["run", "film.mp4", "--progress", "xml"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
