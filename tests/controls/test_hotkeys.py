"""Every hotkey, pressed in a real window of a real run; see pressing.py."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from livedream.settings import CONTROLS

ROOT = Path(__file__).parents[2]
TURNED = [key for control in CONTROLS for key in control.keys]
OTHERS = ["p", "n", "t", "m", "Space", "v", "d", "s", "r", "x", "f", "h", "?"]
ENDING = {"q", "Esc"}
"""q ends the run of pressing.py; tests/sink/window/test_window_sink.py presses both."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("takes")


@pytest.fixture(scope="module")
def pressed(_x_server: str, folder: Path) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", _x_server)
        patch.setenv("PYTHONPATH", str(ROOT))
        command = [sys.executable, "-m", "tests.controls.pressing"]
        with (folder / "errors.txt").open("w+") as errors:
            try:
                done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, timeout=110)
            except subprocess.TimeoutExpired:
                errors.seek(0)
                pytest.fail(f"it does not end:\n{errors.read()}")
            errors.seek(0)
            assert done.returncode == 0, errors.read()
    yield json.loads(done.stdout)


@pytest.mark.needs_display
@pytest.mark.parametrize("key", TURNED + OTHERS)
def test_key(key: str, pressed: dict[str, Any]) -> None:
    assert pressed["found"].get(key, "not pressed") == ""


@pytest.mark.needs_display
def test_no_key_was_left_out(pressed: dict[str, Any]) -> None:
    assert {*TURNED, *OTHERS, *ENDING} == {*pressed["bound"]} - {"z"}  # bound by pressing.py itself
    assert "hands" not in pressed["found"]


@pytest.mark.needs_display
def test_nothing_restarts_when_a_control_changes(pressed: dict[str, Any]) -> None:
    """Layers, sizes and presets were changed; a picture comes every 33 ms, and some 150 ms is the longest seen."""
    assert 0 < pressed["gap"] < 1


@pytest.mark.needs_display
def test_a_window_that_is_busy_holds_up_neither_the_dream_nor_another_sink(pressed: dict[str, Any]) -> None:
    assert pressed["found"]["busy"] == ""


@pytest.mark.needs_display
def test_a_recording_begins_with_the_present_moment(pressed: dict[str, Any], folder: Path) -> None:
    """Twenty frames of a thirtieth of a second came between its two keys, though a busy machine may drop some of them.

    What was dreamt before is not in it.
    """
    (path,) = folder.glob("*.mp4")
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    assert frames[0].pts == 0 and frames[0].key_frame
    times = [float(frame.time) for frame in frames]
    assert len(frames) >= 5
    assert 15 / 30 <= times[-1] <= 60 / 30
    assert all(before < after for before, after in itertools.pairwise(times))
