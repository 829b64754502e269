"""Films and pictures that a process of its own decodes, however it ends."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.video import VideoSource
from livedream.errors import SourceError
from livedream.studio.library import player as module
from livedream.studio.library.inspection import MEMORY
from livedream.studio.library.player import Player, play
from livedream.studio.library.repeated_picture import RepeatedPicture
from tests.conftest import write_clip
from tests.studio.running import until

PATIENCE = 30.0
ABOUT = (
    '{"still": false, "width": 4, "height": 2, "rate": {"over": 25, "under": 1}, '
    '"time_base": {"over": 1, "under": 90000}, "pixel_aspect": {"over": 1, "under": 1}}'
)

BEGINNING = (
    f"import sys, time\ndef say(text): print(text, flush=True)\ndef hear(): sys.stdin.buffer.read(1)\nsay({ABOUT!r})\n"
)
"""Of a process that has opened a film."""


def announced(width: int = 4, height: int = 2, time: int = 0, index: int = 0) -> str:
    return f'{{"width": {width}, "height": {height}, "time": {{"over": {time}, "under": 25}}, "index": {index}}}'


@pytest.fixture
def child_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that lets a program run in place of the process, and returns the file to play."""

    def use(program: str) -> Path:
        script = tmp_path / "child.py"
        script.write_text(program)
        monkeypatch.setattr(module, "command", lambda name, *words: [sys.executable, str(script), *words])
        return tmp_path / "upload-0123.mp4"

    return use


def failure_of(path: Path, **more: float) -> SourceError:
    """Play a file until it fails."""
    with pytest.raises(SourceError) as caught, Player(path, "beach.mp4", **more) as player:
        for _ in player:
            pass
    assert str(path.parent) not in f"{caught.value} {caught.value.hint}"
    assert path.name not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint
    return caught.value


# What is played


def test_the_frames_are_those_of_the_file_again_and_again(make_clip: Callable[..., Path]) -> None:
    path = make_clip(rate=25, frames=10)
    with VideoSource(path) as video:
        expected = [frame.pixels for frame in video]
        size, time_base = video.size, video.time_base
    with play(path, "beach.mp4") as source:
        assert (source.name, source.live, source.size, source.rate) == ("beach.mp4", True, size, 25)
        assert (source.time_base, source.pixel_aspect) == (time_base, 1)
        indices = []
        for frame in source:
            assert frame.time == Fraction(frame.index, 25)
            assert np.array_equal(frame.pixels, expected[frame.index % 10])
            indices.append(frame.index)
            if frame.index >= 15:
                break
        assert indices == sorted(set(indices))
        assert next(iter(source)).index > indices[-1]


def test_a_late_consumer_gets_a_newer_frame(make_clip: Callable[..., Path]) -> None:
    with play(make_clip(rate=25, frames=100), "a") as source:
        frames = iter(source)
        first = next(frames)
        assert not threading.Event().wait(0.5)
        assert next(frames).index >= first.index + 10


def test_a_picture_is_repeated_without_a_process(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with play(tmp_path / "a.png", "beach.png") as source:
        assert isinstance(source, RepeatedPicture)
        assert source.name == "beach.png"
        frames = iter(source)
        for index in range(2):
            frame = next(frames)
            assert frame.index >= index
            assert np.array_equal(frame.pixels, pixels)


def test_what_cannot_be_decoded_says_so_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "upload-0123.mp4"
    path.write_bytes(b"x" * 100)
    assert str(failure_of(path)) == "beach.mp4 is not a video that FFmpeg can read"
    path.unlink()
    assert str(failure_of(path)) == "no such file: beach.mp4"


def test_frames_that_are_too_large(make_clip: Callable[..., Path]) -> None:
    path = make_clip("upload-0123.avi", size=(4112, 64), frames=1, codec="mjpeg")
    assert str(failure_of(path)) == "the frames are too large: 4112x64"


# The process


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_process_has_limits(make_clip: Callable[..., Path]) -> None:
    with Player(make_clip(), "a") as player:
        lines = Path(f"/proc/{player.pid}/limits").read_text().splitlines()
        limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert limits["Max data size"] == str(MEMORY)
    assert limits["Max address space"] == str(2 * MEMORY)
    assert (limits["Max file size"], limits["Max core file size"]) == ("0", "0")
    assert limits["Max cpu time"] == "unlimited"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_large_frames_in_the_middle_of_a_film_take_no_memory_here(tmp_path: Path) -> None:
    """The inspection of an upload sees the first frame only."""
    path = write_clip(tmp_path / "a.ts", size=(64, 64), rate=25, frames=5)
    large = write_clip(tmp_path / "large.ts", size=(8192, 4320), rate=25, frames=2)
    path.write_bytes(path.read_bytes() + large.read_bytes())
    program = (
        "from pathlib import Path\n"
        "from livedream.studio.library.player import play\n"
        "def peak(process):\n"
        "    return next(line for line in open(f'/proc/{process}/status') if line.startswith('VmHWM')).split()[1]\n"
        f"with play(Path({str(path)!r}), 'a') as source:\n"
        "    frames = iter(source)\n"
        "    while next(frames).index < 7: pass\n"
        "    print(peak('self'), peak(source.pid))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    here, there = map(int, done.stdout.split())  # KiB
    assert there - here > 150 << 10  # a frame of 8192x4320 has 100 MiB in RGB, and was decoded


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_process_ends_with_a_killed_studio(make_clip: Callable[..., Path]) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from livedream.studio.library.player import Player\n"
        "print(Player(Path(sys.argv[1]), 'a').pid, flush=True)\n"
        "time.sleep(100)"
    )
    studio = subprocess.Popen([sys.executable, "-c", program, str(make_clip())], stdout=subprocess.PIPE)
    try:
        child = int(studio.stdout.readline())
        assert _runs(child)
    finally:
        studio.kill()
        studio.communicate()
    until(lambda: not _runs(child))


def test_a_killed_process_is_an_error(make_clip: Callable[..., Path]) -> None:
    with Player(make_clip("upload-0123.mp4"), "beach.mp4") as player:
        frames = iter(player)
        next(frames)
        os.kill(player.pid, 9)
        with pytest.raises(SourceError, match=r"beach\.mp4 cannot be decoded") as caught:
            for _ in range(3):
                next(frames)
    assert caught.value.hint


def test_closing_ends_an_iteration_that_waits(child_that: Callable[[str], Path]) -> None:
    path = child_that(f"{BEGINNING}time.sleep(100)")
    player, begun, seen = Player(path, "a"), threading.Event(), list[object]()

    def iterate() -> None:
        begun.set()
        seen.extend(player)
        seen.append("end")

    thread = threading.Thread(target=iterate, name="livedream-test")
    thread.start()
    assert begun.wait(PATIENCE)
    player.close()
    thread.join(PATIENCE)
    assert seen == ["end"]
    player.close()


@pytest.mark.parametrize("program", ["import time; time.sleep(100)", f"{BEGINNING}hear(); time.sleep(100)"])
def test_a_process_that_hangs_is_killed(child_that: Callable[[str], Path], program: str) -> None:
    path = child_that(program)
    assert str(failure_of(path, silence=1.0)) == "beach.mp4 takes too long to decode"


def test_a_process_that_waits_for_a_frame_shows_that_it_lives(child_that: Callable[[str], Path]) -> None:
    path = child_that(
        "import time\n"
        "for _ in range(20):\n"
        "    print(flush=True)\n"
        "    time.sleep(0.1)\n"
        'print(\'{"message": "the end", "hint": "of the test"}\', flush=True)\n'
    )
    assert str(failure_of(path, silence=1.0)) == "the end"


@pytest.mark.parametrize(
    "program",
    [
        "",
        "import os; os.abort()",
        "while True: print('x' * 1000)",
        "print('[]')",
        f"print({ABOUT.replace('4', '4097')!r})",
        f"print({ABOUT.replace('25', '-25')!r})",
        f"{BEGINNING}hear(); say({announced()!r}); say('too few')",
        f"{BEGINNING}hear(); say({announced(width=10**6)!r})",
        f"{BEGINNING}hear(); say({announced(time=-1)!r})",
        f"{BEGINNING}for _ in range(2): hear(); say({announced()!r} + chr(10) + 23 * '.')",
    ],
)
def test_a_process_that_crashes_or_lies(child_that: Callable[[str], Path], program: str) -> None:
    path = child_that(program)
    assert str(failure_of(path)) == "beach.mp4 cannot be decoded"


def _runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended stays a zombie until its new parent asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
