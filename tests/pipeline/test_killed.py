"""Runs that are killed with SIGKILL, at moments drawn from a seed, for each kind of file and of sound.

What was dreamt but for its last two seconds plays, nothing is lost by resuming and being killed again, and the film is
in the end what an unbroken run makes. The suite runs three; all of them take some minutes:

    scripts/test -m '' --log-cli-level=INFO tests/pipeline/test_killed.py
"""

import logging
import random
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from tests.films import av, ffprobe
from tests.pipeline.test_resuming import FRAMES, RATE, dreamt, finish, kill_after

log = logging.getLogger(__name__)

KINDS = {"h264.mp4": "h264", "h265.mkv": "h265", "prores.mov": "prores", "vp9.webm": "vp9", "ffv1.mkv": "ffv1"}
SOUNDS: dict[str, tuple[float, float] | None] = {"whole": (0, 12), "none": None, "late": (8, 4), "empty": (0, 0)}
"""When the sound begins, and how long it lasts, in seconds."""
EVERY = [(name, sound) for name in KINDS for sound in SOUNDS]
CASES = [*EVERY, *random.Random(14).sample(EVERY, 5)]
SHORT = (2, 7, 16)
"""The numbers of those that the suite runs: late sound in mp4, an empty track in mkv, sound with FFV1."""
QUEUES = 8
"""Frames that may have been dreamt and not yet been given to the encoder."""

pytestmark = pytest.mark.needs_ffmpeg


def write_source(folder: Path, sound: str) -> Path:
    """Write a film of 300 frames, 25 a second, with a kind of sound."""
    path = folder / ("film.mkv" if sound == "empty" else "film.mp4")
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        times = SOUNDS[sound]
        tone = film.add_stream("aac", 48000) if times is not None else None
        if tone is not None:
            tone.codec_context.open(strict=False)
        with av.open(f"testsrc2=size=64x48:rate={RATE}", format="lavfi") as pattern:
            for index, frame in zip(range(FRAMES), pattern.decode(video=0), strict=False):
                frame = frame.reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, RATE)
                film.mux(video.encode(frame))
        film.mux(video.encode(None))
        if tone is not None and times is not None and times[1]:
            with av.open(f"sine=sample_rate=48000:duration={times[1]}", format="lavfi") as sine:
                for samples in sine.decode(audio=0):
                    samples.pts = (samples.pts or 0) + int(times[0] * 48000)
                    film.mux(tone.encode(samples))
            film.mux(tone.encode(None))
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {sound: write_source(tmp_path_factory.mktemp(sound), sound) for sound in SOUNDS}


@pytest.fixture(scope="module")
def unbroken(sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The films that were made without a cut, as they are asked for."""

    class Made(dict[tuple[str, str], Path]):
        def __missing__(self, case: tuple[str, str]) -> Path:
            name, sound = case
            self[case] = tmp_path_factory.mktemp("unbroken") / name
            finish(sources[sound], self[case], KINDS[name])
            return self[case]

    return Made()


def hashes(path: Path, track: str) -> str:
    """The time and the checksum of each frame that ffmpeg decodes of a track; "" where it is empty."""
    other = {"a": "-vn", "v": "-an"}[track]
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:{track}?", other, "-f", "framemd5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def shown(path: Path) -> list[float]:
    return sorted(float(packet["pts_time"]) for packet in ffprobe(path, "v", "packet=pts_time"))


def check_part(part: Path, done: int) -> int:
    """Check that all but two seconds of `done` frames are in the part and play, and return how many there are."""
    if not part.exists() or not part.stat().st_size:
        assert done <= 2 * RATE + QUEUES
        return 0
    (video,) = ffprobe(part, "v", "stream=nb_read_packets", "-count_packets") or [{"nb_read_packets": 0}]
    there = int(video["nb_read_packets"])
    assert there >= done - 2 * RATE - QUEUES
    command = ["ffmpeg", "-v", "error", "-i", str(part), "-map", "0:v"]
    command += ["-frames:v", str(max(1, done - 2 * RATE - QUEUES)), "-f", "null", "-"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
    return there


@pytest.mark.parametrize(
    "number", [number if number in SHORT else pytest.param(number, marks=pytest.mark.soak) for number in range(25)]
)
def test_killed_again_and_again(number: int, sources, unbroken, tmp_path: Path) -> None:
    name, sound = CASES[number]
    chance = random.Random(number)
    output, part = tmp_path / name, tmp_path / f"{Path(name).stem}.part{Path(name).suffix}"

    kill_after(chance.randrange(60, FRAMES - 20), sources[sound], output, KINDS[name])
    done = 1 + max(dreamt(output), default=-1)
    there = [check_part(part, done)]
    for _ in range(2):
        kill_after(chance.choice([1, 10, 60, 100]), sources[sound], output, KINDS[name], "resume")
        if output.exists():
            # Killed between the last two steps: the video has its name, and the journal is still there.
            shutil.rmtree(part.with_suffix(".resume"), ignore_errors=True)
            part.with_suffix(".lock").unlink(missing_ok=True)
            break
        there.append(check_part(part, 0))
    assert there == sorted(there)
    if not output.exists():
        finish(sources[sound], output, KINDS[name], "resume")

    log.info("%s, sound %s: %d frames dreamt; in the part after each kill: %s", name, sound, done, there)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"{Path(name).stem}.log"])
    whole = unbroken[name, sound]
    assert dreamt(output) == dreamt(whole)
    assert shown(output) == shown(whole)
    if SOUNDS[sound] is not None:
        assert hashes(output, "a") == hashes(whole, "a")
    if KINDS[name] == "ffv1":
        assert hashes(output, "v") == hashes(whole, "v")
