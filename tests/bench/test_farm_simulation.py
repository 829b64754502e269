"""The simulation of a farm. All expected times are calculated by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.farm_simulation import (
    MEASURED,
    Costs,
    efficiency,
    print_tables,
    random_scenes,
    scenes_of,
    shard_frames,
    shown,
    wall_time,
)


def test_equal_shards_are_shared_evenly() -> None:
    assert wall_time([10, 10, 10, 10], 1, start=2) == 2 + 40
    assert wall_time([10, 10, 10, 10], 2, start=2) == 2 + 20
    assert wall_time([10, 10, 10, 10], 3, start=2) == 2 + 20  # the fourth shard waits for a worker
    assert wall_time([10, 10, 10, 10], 9, start=2) == 2 + 10


def test_tasks_of_an_array_start_for_each_shard() -> None:
    assert wall_time([10, 10, 10, 10], 2, start=2, anew=True) == 2 * (2 + 10)
    assert wall_time([10, 10, 10, 10], 9, start=2, anew=True) == 2 + 10


def test_the_longest_shard_last_keeps_one_worker_alone() -> None:
    assert wall_time([1, 1, 4], 2, start=0) == 1 + 4
    assert wall_time([4, 1, 1], 2, start=0) == 4
    # Worker A: 7 and the last 4. Worker B: 5 and 4.
    assert wall_time([7, 5, 4, 4], 2, start=0) == 11


def test_workers_on_one_core_share_it() -> None:
    # Until 4 s each has got half of the core, and the shorter shard ends; the longer one has it alone for 2 s.
    assert wall_time([2, 4], 2, start=0, cores=1) == 6
    # Two workers on each of two cores: 4 s for starting, then each dreams one shard at half speed.
    assert wall_time([10, 10, 10, 10], 4, start=2, cores=2) == 4 + 20
    # An array: (2 + 10) s of work on a core that two tasks share.
    assert wall_time([10, 10, 10, 10], 4, start=2, anew=True, cores=2) == 24


def test_workers_without_a_shard_slow_the_start_of_the_others() -> None:
    assert wall_time([10], 4, start=2, cores=2) == 4 + 10
    assert wall_time([10], 4, start=2, anew=True, cores=2) == 2 + 10


@pytest.mark.parametrize("workers", [1, 3, 40])
@pytest.mark.parametrize("anew", [False, True])
def test_the_limits_of_every_schedule(workers, anew) -> None:
    works = np.random.default_rng(1).lognormal(2, 1, 100).tolist()
    starts = len(works) if anew else workers
    total = sum(works) + 3 * starts
    wall = wall_time(works, workers, start=3, anew=anew)
    assert max(3 + max(works), total / workers) <= wall + 1e-9
    assert wall <= total / workers + max(works) + 3 + 1e-9  # Graham's limit


def test_efficiency_compares_with_one_process() -> None:
    assert efficiency(42, 2, 22) == pytest.approx(42 / 44)
    assert efficiency(42, 1, 42) == 1


def test_random_scenes_fill_films_of_two_hours() -> None:
    films = random_scenes(5)
    assert [sum(film) for film in films] == [2 * 3600 * 25, 2 * 3600 * 25, 3600 * 25]
    lengths = np.concatenate([np.array(film[:-1]) for film in films]) / 25
    assert lengths.mean() == pytest.approx(5, rel=0.1)
    assert np.log(lengths).std() == pytest.approx(1, rel=0.1)
    assert random_scenes(5) == films


def test_shards_are_those_of_the_plan() -> None:
    # Scenes of 4, 4, 4 and 10 s. A scene joins a shard if the middle of it is within the wanted length.
    film = [100, 100, 100, 250]
    assert shard_frames([film], 9) == [200, 350]  # middles at 2, 6, 10 and 17; the third shard would begin at 8
    assert shard_frames([film], 8) == [200, 100, 250]
    assert shard_frames([film], 10) == [300, 250]
    assert shard_frames([film, film], 1) == [*film, *film]


def test_scenes_are_those_of_the_manifest() -> None:
    films: Any = [SimpleNamespace(cuts=(3, 7), frames=10), SimpleNamespace(cuts=(), frames=5)]
    manifest: Any = SimpleNamespace(films=films)
    assert scenes_of(manifest) == [[3, 4, 3], [5]]


def test_tables_name_the_best_length(capsys) -> None:
    # One film of four scenes of six seconds: 150 frames at 0.04 s are 6 s of work, and 1 s for each shard.
    print_tables([[150] * 4], Costs(start=2, shard=1, frame=0.04))
    lines = capsys.readouterr().out.splitlines()
    assert "A single run takes 26.0 s." in lines[0]
    kept, array = (line for line in lines if line.startswith("| 4 |"))
    # Four shards on four workers: 2 + 1 + 6 = 9 s, and 26 / (4 * 9) is 72 %. Shards of two scenes: 15 s and 43 %.
    assert kept.startswith("| 4 | 72 | 43 |")
    assert kept.endswith("| 5 s | 4 | 9.0 s |")
    assert array == kept


def test_times_are_readable() -> None:
    assert [shown(seconds) for seconds in (1.26, 119, 150, 7200)] == ["1.3 s", "119.0 s", "2.5 min", "2.0 h"]


def test_the_page_states_what_the_simulation_finds() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "farm.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| 1,000 |")]
    films = random_scenes(100)
    frames = sum(map(sum, films))
    works = [MEASURED.shard + MEASURED.frame * each for each in shard_frames(films, 120)]
    single = MEASURED.start + MEASURED.frame * frames
    for row, anew in zip(rows, (False, True), strict=True):
        wall = wall_time(works if anew else sorted(works)[::-1], 1000, start=MEASURED.start, anew=anew)
        assert round(100 * efficiency(single, 1000, wall)) == int(row[4])
    assert f"{MEASURED.frame} seconds" in page
    assert f"{MEASURED.plan} seconds for each frame" in " ".join(page.split())
