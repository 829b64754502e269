"""Two hundred damaged films: none crashes, hangs or raises what is not ours, and what can be seen is seen."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.capture.damage import CASES, FRAMES, SECONDS, case

READERS = 2
"""Each in a process of its own."""


def read_all(folder: Path, first: int) -> list[dict[str, Any]]:
    """Read every second film from number `first` on; begin again behind one that ends the process."""
    results: list[dict[str, Any]] = []
    while first < CASES:
        program = [sys.executable, "-m", "tests.capture.damage", str(folder), str(first), str(READERS)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=100)
        results += map(json.loads, done.stdout.splitlines())
        if done.returncode == 0:
            break
        first = results[-1]["number"] + READERS if done.stdout else first
        results.append({"number": first, "name": case(first), "died": done.returncode, "stderr": done.stderr[-500:]})
        first += READERS
    return results


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of the films, and what became of each."""
    folder = tmp_path_factory.mktemp("damaged")
    with ThreadPoolExecutor(READERS) as readers:
        halves = readers.map(lambda first: read_all(folder, first), range(READERS))
    return folder, [result for half in halves for result in half]


def test_none_crashes_or_hangs(damaged: tuple[Path, list[dict[str, Any]]]) -> None:
    _, results = damaged
    assert sorted(result["number"] for result in results) == list(range(CASES))
    assert [result for result in results if "died" in result] == [], f"-14 is a hang of {SECONDS} s"


def test_each_becomes_a_film_or_one_clear_line(damaged: tuple[Path, list[dict[str, Any]]]) -> None:
    _, results = damaged
    assert [result["traceback"] for result in results if "traceback" in result] == []
    for result in results:
        if "error" in result:
            assert "\n" not in result["error"]
            assert str(result["name"].partition(".")[0]) in result["error"]
        else:
            assert result["frames"] > 0


@pytest.mark.needs_ffmpeg
def test_every_recoverable_frame_is_there(damaged: tuple[Path, list[dict[str, Any]]]) -> None:
    """Against `ffprobe -count_frames`, which may be of another version: hence all together, and most of them singly."""
    folder, results = damaged
    sample = sorted(results, key=lambda result: result["number"])[::5]
    with ThreadPoolExecutor(READERS) as readers:
        counts = list(readers.map(lambda result: ffprobe_count(folder / result["name"]), sample))
    ours = [result["frames"] for result in sample]
    assert sum(ours) >= sum(counts)
    assert sum(mine >= theirs for mine, theirs in zip(ours, counts, strict=True)) >= 0.95 * len(sample)
    assert max(ours) <= FRAMES


def ffprobe_count(path: Path) -> int:
    command = ["ffprobe", "-v", "quiet", "-count_frames", "-select_streams", "v:0", "-show_entries"]
    answer = subprocess.run(
        [*command, "stream=nb_read_frames", "-of", "csv=p=0", str(path)], capture_output=True, text=True, timeout=30
    )
    return int(answer.stdout.strip()) if answer.stdout.strip().isdecimal() else 0
