"""A run that is killed and resumed makes the film that an unbroken one makes. Faults 45 and 48 of the list of files."""

import random
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.conftest import count_frames, write_clip

WORKER = Path(__file__).with_name("resumable.py")
RATE, FRAMES = 25, 300
MOMENTS = 8


def start(film: Path, output: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WORKER), str(film), str(output), str(output.with_suffix(".log")), *words]
    return subprocess.Popen(command, cwd=WORKER.parents[2], stderr=subprocess.PIPE)


def finish(film: Path, output: Path, *words: str) -> None:
    worker = start(film, output, *words)
    _, stderr = worker.communicate(timeout=60)
    assert worker.returncode == 0, stderr.decode()


def kill_after(frames: int, film: Path, output: Path, *words: str) -> None:
    """Start a run, and kill it once it has dreamt so many frames."""
    log = output.with_suffix(".log")
    before = len(log.read_bytes().splitlines()) if log.exists() else 0
    worker = start(film, output, *words)
    deadline = time.monotonic() + 60
    while worker.poll() is None and time.monotonic() < deadline:
        if log.exists() and len(log.read_bytes().splitlines()) - before >= frames:
            break
        time.sleep(0.001)
    worker.kill()
    worker.communicate(timeout=60)


def dreamt(output: Path) -> dict[int, str]:
    """The checksum of each frame by its number; two runs that dreamt the same one must agree."""
    found: dict[int, str] = {}
    for line in output.with_suffix(".log").read_text().splitlines():
        index, _, checksum = line.partition(" ")
        if len(checksum) == 64:  # the last line of a killed run may be cut off
            assert found.setdefault(int(index), checksum) == checksum, f"frame {index} differs"
    return found


def times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [float(frame.time) for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", rate=RATE, frames=FRAMES, audio=True)


@pytest.fixture(scope="module")
def unbroken(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    output = tmp_path_factory.mktemp("unbroken") / "out.mp4"
    finish(film, output)
    return dreamt(output)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_run_leaves_a_film_that_plays_and_resumes_to_the_same_frames(film, unbroken, tmp_path, moment) -> None:
    frames = random.Random(moment).randrange(1, FRAMES)
    output = tmp_path / ("out.mp4" if moment % 2 else "out.mkv")
    kill_after(frames, film, output)
    part = tmp_path / f"out.part{output.suffix}"
    done = max(dreamt(output), default=0)
    if done > 4 * RATE:  # under two seconds nothing needs to be there, and the queues hold some frames
        assert count_frames(part) >= done - 2 * RATE - 16
    finish(film, output, "resume")
    assert dreamt(output) == unbroken
    # Matroska shows all 21 ms later, because AAC begins before 0; sound and picture alike.
    first = 0.0 if output.suffix == ".mp4" else 0.021
    assert times(output) == pytest.approx([first + index / RATE for index in range(FRAMES)], abs=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output.name, "out.log"])


def test_resumed_run_does_not_begin_anew(film, tmp_path) -> None:
    output = tmp_path / "out.mp4"
    kill_after(250, film, output)
    finish(film, output, "resume")
    lines = output.with_suffix(".log").read_text().splitlines()
    # Of 250 frames, those after the newest whole checkpoint are dreamt twice.
    assert FRAMES < len(lines) < FRAMES + 150


def test_run_can_be_killed_again_and_again(film, unbroken, tmp_path) -> None:
    output = tmp_path / "out.mp4"
    kill_after(150, film, output)
    kill_after(1, film, output, "resume")
    kill_after(80, film, output, "resume")
    finish(film, output, "resume")
    assert dreamt(output) == unbroken
    assert count_frames(output) == FRAMES


def test_sound_of_a_resumed_film_is_whole(film, tmp_path) -> None:
    output = tmp_path / "out.mp4"
    kill_after(200, film, output)
    finish(film, output, "resume")

    def packets(path: Path) -> list[tuple[bytes, int | None]]:
        with av.open(str(path)) as opened:
            return [(bytes(packet), packet.pts) for packet in opened.demux(audio=0) if packet.size]

    assert packets(output) == packets(film)


def test_gif_is_resumed_to_the_same_pictures(make_clip, tmp_path) -> None:
    film = make_clip("film.mp4", rate=RATE, frames=200)
    unbroken, output = tmp_path / "unbroken.gif", tmp_path / "out.gif"
    finish(film, unbroken)
    kill_after(150, film, output)
    there = count_frames(tmp_path / "out.part.gif")
    assert there >= 50
    finish(film, output, "resume")
    lines = output.with_suffix(".log").read_text().splitlines()
    assert len(lines) < 200 + 125  # it did not begin anew
    assert pictures(output) == pictures(unbroken)


def pictures(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as film:
        return [(float(frame.time), frame.to_ndarray(format="rgb24").tobytes()) for frame in film.decode(video=0)]
