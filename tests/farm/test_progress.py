"""How far a farm is, by hand-calculated values."""

import json

import pytest

from livedream.farm.manifest import Manifest
from livedream.farm.progress import FarmProgress, Pace, farm_progress
from tests.farm.films import planned, write_film


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Two films, with shards 1 (12 frames), 2 (9), 3 (15) and 4 (10 frames)."""
    folder = tmp_path_factory.mktemp("films")
    films = [
        write_film(folder / "a.mp4", lengths=(12, 9, 15)),
        write_film(folder / "b.mp4", lengths=(10,), seed=2),
    ]
    return planned(folder, *films, seconds="0.2").manifest


def progress(manifest: Manifest, **changes: object) -> FarmProgress:
    usual: dict[str, object] = {
        "complete": {1},
        "partly": {2: 4, 3: 99},
        "joined": [],
        "joining": None,
        "failed": {},
        "workers": 2,
        "pace": Pace(),
    }
    return farm_progress(manifest, **{**usual, **changes})  # type: ignore[arg-type]


def test_frames_of_shards_that_are_begun_count(manifest: Manifest) -> None:
    found = progress(manifest)
    first, second = found.films
    assert (first.done, first.frames, first.shards_done, first.shards) == (12 + 4 + 15, 36, 1, 3)  # never more
    assert (second.done, second.state) == (0, "waiting")
    assert (found.done, found.frames, found.seconds_left) == (31, 46, None)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "dreaming"),
        ({"joining": "a.mkv"}, "joining"),
        ({"joined": ["a.mkv"]}, "complete"),
        ({"failed": {"a.mkv": "why"}}, "failed"),
        ({"complete": set(), "partly": {}}, "waiting"),
    ],
)
def test_the_state_of_a_film(changes: dict[str, object], state: str, manifest: Manifest) -> None:
    found = progress(manifest, **changes)
    assert found.films[0].state == state
    assert found.films[0].error == ("why" if state == "failed" else None)
    assert json.loads(found.text())["films"][0]["state"] == state


def test_the_time_that_remains(manifest: Manifest) -> None:
    pace = Pace(seconds=10)
    for now, count in ((0.0, 0), (5.0, 10), (10.0, 20), (20.0, 70)):
        pace.note(count, now)
    assert pace.rate == 5.0  # (70 - 20) / (20 - 10): what is older does not count
    assert progress(manifest, pace=pace).seconds_left == 3.0  # 15 frames
    assert progress(manifest, pace=pace, finished=True).seconds_left is None
