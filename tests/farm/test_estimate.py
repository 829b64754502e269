"""What a farm will need, by hand-calculated values."""

import dataclasses
import re
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.cli.tasks.farm import size_text, work_text
from livedream.farm.estimate import Estimate, Pace, estimate, longest_worker, measure
from tests.farm.films import FFV1, LOOK, planned
from tests.farm.test_schedule import shard


@pytest.mark.parametrize(
    ("lengths", "workers", "frames"),
    [
        ([100], 4, 100),
        ([10, 10, 10, 10], 2, 20),
        ([50, 30, 30, 10], 2, 60),  # 50 + 10 and 30 + 30
        ([8, 7, 6, 5, 4], 2, 17),  # 8 + 5 + 4 and 7 + 6
        ([5, 5, 5], 10, 5),
    ],
)
def test_the_busiest_worker(lengths: list[int], workers: int, frames: int) -> None:
    assert longest_worker([shard(number, length) for number, length in enumerate(lengths)], workers) == frames


def test_the_arithmetic(film: Path, tmp_path: Path) -> None:
    manifest = planned(tmp_path, film, seconds="99").manifest  # one shard of 200 frames
    pace = Pace(seconds_per_frame=0.5, bytes_per_frame=1000.0, start_seconds=20.0)
    found = estimate(manifest, pace, 3, cost_per_hour=30.0)
    assert (found.seconds, found.work_seconds, found.disk_bytes) == (120.0, 100.0, 400_000.0)
    assert found.cost == pytest.approx(3.0)  # three workers for 1/30 hour
    assert estimate(manifest, pace, 3).cost is None


def test_work_is_counted_in_cores_or_gpus(film: Path, tmp_path: Path) -> None:
    machine = planned(tmp_path, film).manifest.machine
    found = Estimate(workers=1, seconds=0.0, work_seconds=9000.0, disk_bytes=0.0, cost=None)  # 2.5 hours
    assert work_text(found, dataclasses.replace(machine, threads=4)) == "10 core-hours"
    assert work_text(found, dataclasses.replace(machine, device="cuda", threads=4)) == "2.5 GPU-hours"
    assert [size_text(count) for count in (2.4e6, 9.9e8, 1.26e9)] == ["2 MB", "990 MB", "1.3 GB"]


def test_a_measurement_leaves_nothing(film: Path, tmp_path: Path, capsys) -> None:
    work = planned(tmp_path / "out", film, seconds="2", options=FFV1)
    pace = measure(work)
    assert 0 < pace.seconds_per_frame < 1
    assert pace.bytes_per_frame > 1000
    words = ["farm", str(film), "--to", str(tmp_path / "out" / "*.mkv"), "--seconds", "2", *FFV1, *LOOK]
    assert main([*words, "--dry-run", "--workers", "4", "--cost-per-hour", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"work: [0-9.e-]+ core-hours; disk for shards and films: \d+ MB", lines[2])
    assert lines[3].split() == ["workers", "time", "cost"]
    assert [line.split()[0] for line in lines[4:]] == ["1", "4", "40"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.toml"]
