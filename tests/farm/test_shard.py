"""Shards that are dreamt by separate processes, and killed, give the film of a single run."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.farm.shard import ShardDreamer, receipt_of
from livedream.farm.workspace import Workspace
from tests.farm.films import FFV1, LOOK, frame_hashes, packets, planned, shard_command, times, write_film
from tests.farm.still_film import write_still_film

pytestmark = pytest.mark.timeout(300)


def dream_by_processes(work: Workspace, at_once: int = 2) -> None:
    """Dream all shards, by several processes at a time."""
    waiting = [shard.number for shard in work.manifest.shards]
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(subprocess.Popen(shard_command(work, waiting.pop()), stdout=subprocess.DEVNULL))
        assert running.pop(0).wait() == 0


def test_two_processes_equal_a_single_run_bit_for_bit(film: Path, single: Path, tmp_path: Path) -> None:
    work = planned(tmp_path / "out", film, seconds="2", options=FFV1)
    assert len(work.manifest.shards) >= 3
    dream_by_processes(work)
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    joined = tmp_path / "out" / "film.mkv"
    assert frame_hashes(joined) == frame_hashes(single)
    assert packets(joined, "audio") == packets(single, "audio")
    assert times(joined) == times(single)


def test_h264_has_the_frames_times_and_sound_of_a_single_run(film: Path, tmp_path: Path) -> None:
    single = tmp_path / "single.mp4"
    assert main(["-q", "run", str(film), "-o", str(single), *LOOK]) == 0
    work = planned(tmp_path / "out", film, pattern="*.mp4")
    for shard in work.manifest.shards:
        assert main(["-q", "run", "--manifest", str(tmp_path / "out"), "--shard", f"{shard.number}"]) == 0
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    joined = tmp_path / "out" / "film.mp4"
    assert times(joined) == times(single)
    assert packets(joined, "audio") == packets(single, "audio")
    assert len(frame_hashes(joined)) == 200  # the sum of the lengths, and each can be decoded


def test_a_shard_that_is_complete_is_not_dreamt_again(film: Path, tmp_path: Path) -> None:
    work = planned(tmp_path / "out", film, seconds="4", options=FFV1)
    command = ["-q", "run", "--manifest", str(tmp_path / "out"), "--shard", "1"]
    assert main(command) == 0
    film_of, shard = work.manifest.shard(1)
    file = tmp_path / "out" / work.shard_file(film_of, shard)
    written = file.stat().st_mtime_ns
    assert main(command) == 0
    assert file.stat().st_mtime_ns == written


def kill_at_random(work: Workspace, kills: int, seed: int) -> int:
    """Dream all shards one by one, killing processes at random times; return how many were killed in time."""
    chance, killed = random.Random(seed), 0
    for shard in work.manifest.shards:
        while receipt_of(work, shard.number) is None:
            process = subprocess.Popen(shard_command(work, shard.number), stdout=subprocess.DEVNULL)
            if killed < kills:
                try:
                    process.wait(chance.uniform(1.0, 4.0))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
            process.wait()
    return killed


def test_a_worker_that_is_killed_midway_continues(tmp_path: Path) -> None:
    film, single = write_film(tmp_path / "film.mp4", lengths=(100, 170, 90, 140)), tmp_path / "single.mkv"
    assert main(["-q", "run", str(film), "-o", str(single), *FFV1, *LOOK]) == 0
    work = planned(tmp_path / "out", film, seconds="99", options=FFV1)  # one shard
    file = tmp_path / "out" / work.shard_file(*work.manifest.shard(1))
    journal = file.with_name(f"{file.stem}.part.resume")
    process = subprocess.Popen(shard_command(work, 1), stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    # Of the third checkpoint the frames may still be in the encoder; those of the first are on the disk.
    while len(list(journal.glob("*.safetensors"))) < 3 and time.monotonic() < end:
        time.sleep(0.002)
    process.kill()
    process.wait()
    reports: list[int] = []
    with ShardDreamer(work) as dreamer:
        receipt = dreamer.dream(1, lambda report: reports.append(report.dreamt))
    assert receipt.begun > 0
    assert reports[0] >= receipt.begun  # frames of the run that was killed count
    assert reports[-1] == 500
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    assert frame_hashes(tmp_path / "out" / "film.mkv") == frame_hashes(single)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_twenty_kills_at_random_times_change_nothing(tmp_path: Path) -> None:
    """Run with: scripts/test -m soak tests/farm"""
    film = write_film(tmp_path / "film.mp4", lengths=(150, 320, 90, 400, 210, 330))
    single = tmp_path / "single.mkv"
    heavy = (*LOOK, "--working-height", "256", "--steps", "3")
    assert main(["-q", "run", str(film), "-o", str(single), *FFV1, *heavy]) == 0
    work = planned(tmp_path / "out", film, seconds="15", options=(*FFV1, *heavy))
    assert kill_at_random(work, 20, seed=3) == 20
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    assert frame_hashes(tmp_path / "out" / "film.mkv") == frame_hashes(single)


def test_a_dream_that_rests_is_the_same(film: Path, tmp_path: Path) -> None:
    """Steps are counted by frames, also by those at which the dream rests."""
    still = write_still_film(tmp_path / "still.mp4")
    look = (*LOOK, "--still-scene", "rest", "--keep", "0.9")
    single = tmp_path / "single.mkv"
    assert main(["-q", "run", str(still), "-o", str(single), *FFV1, *look]) == 0
    work = planned(tmp_path / "out", still, seconds="3", options=(*FFV1, *look))
    assert len(work.manifest.shards) == 2
    for shard in work.manifest.shards:
        assert main(["-q", "run", "--manifest", str(tmp_path / "out"), "--shard", f"{shard.number}"]) == 0
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    assert frame_hashes(tmp_path / "out" / "still.mkv") == frame_hashes(single)


def test_a_scene_that_is_divided_keeps_its_frames_and_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shard after the first dreams ten frames ahead, so that its dream has grown when it begins."""
    film, single = write_film(tmp_path / "long.mp4", lengths=(90,)), tmp_path / "single.mkv"
    assert main(["-q", "run", str(film), "-o", str(single), *FFV1, *LOOK]) == 0
    work = planned(tmp_path / "out", film, seconds="1", options=(*FFV1, "--warm-up", "10"))
    assert [(shard.first, shard.warm_up) for shard in work.manifest.shards] == [(0, 0), (30, 10), (60, 10)]
    for shard in work.manifest.shards:
        assert main(["-q", "run", "--manifest", str(tmp_path / "out"), "--shard", f"{shard.number}"]) == 0
    assert main(["-q", "join", str(tmp_path / "out")]) == 0
    joined, whole = frame_hashes(tmp_path / "out" / "long.mkv"), frame_hashes(single)
    assert [time for time, _ in joined] == [time for time, _ in whole]
    assert joined[:30] == whole[:30]
    assert joined[30:] != whole[30:]  # said: not bit for bit
    assert times(tmp_path / "out" / "long.mkv") == times(single)
