"""What every test stands on: a clean environment, a display of its own, clips, and a look for what a test left behind.

LIVEDREAM_REQUIRE_ALL=1 makes a failure of every skip but that for want of a GPU; LIVEDREAM_REQUIRE_CUDA=1 of that one.
"""

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    # The processes share the processors: teams of threads larger than that wait for one another. OpenMP reads it when
    # torch is loaded, here and in the programs that tests start.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

import livedream  # noqa: F401  loads cv2: here, because no test may import av before it

REQUIRE_ALL = os.environ.get("LIVEDREAM_REQUIRE_ALL") == "1"
REQUIRE_CUDA = os.environ.get("LIVEDREAM_REQUIRE_CUDA") == "1"
PROGRAMS = {
    "needs_display": ("Xvfb", "xdotool", "display"),
    "needs_desktop": ("Xvfb", "xdotool", "openbox", "xrandr"),
    "needs_ffmpeg": ("ffmpeg", "ffprobe"),
}
"""The programs that a marker asks for."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run long tests, which measure, one after the other; let xdist choose for the rest."""
    return 0 if "soak" in config.option.markexpr.replace("not soak", "") else None


# What a test needs, and what a skip is worth -------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, programs in PROGRAMS.items():
        missing = [program for program in programs if not shutil.which(program)]
        if item.get_closest_marker(marker) and missing:
            pytest.skip(f"{marker}: no {' and no '.join(missing)} here")
    if item.get_closest_marker("needs_cuda") and not _cuda_available():
        pytest.skip("needs_cuda: no NVIDIA GPU here")


def _cuda_available() -> bool:
    import torch  # three seconds, so only once a test asks

    return torch.cuda.is_available()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for_gpu = item.get_closest_marker("needs_cuda") is not None
    if report.skipped and not hasattr(report, "wasxfail") and (REQUIRE_CUDA if for_gpu else REQUIRE_ALL):
        _turn_into_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and REQUIRE_ALL:
        _turn_into_failure(report)
    return report


def _turn_into_failure(report: Any) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"a skip is a failure here: {reason}"


# The environment -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the developer's reaches a test, no window opens on their screen, no file of theirs is written.

    The cache lasts for the session: what the dreamer learns about this processor is measured once.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("LIVEDREAM_") or name in ("DISPLAY", "WAYLAND_DISPLAY"):
                patch.delenv(name)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def no_lines_because_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says that something takes long would stand before the error that a test expects first."""
    monkeypatch.setattr("livedream.cli.status_line.PLAIN_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the test that leaves a thread of ours, a child process or an open temporary file."""
    threads, children, scheduling = _threads(), _children(), _scheduling()
    yield
    folder = str(tmp_path_factory.getbasetemp())
    assert _scheduling() == scheduling, "the thread of the tests is scheduled in another way"
    assert _threads() <= threads, "threads left behind"
    assert _children() <= children, "child processes left behind"
    if _open_files(folder):
        gc.collect()  # a caught error holds the frames it came through, and they hold files, in a circle
    assert _open_files(folder) == [], "files left open"


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("livedream-")}


def _scheduling() -> int:
    """How the system schedules this thread; a real-time one starves all others of the suite."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0


def _children() -> set[str]:
    """The process ids of our children; none where /proc is not there to say."""
    found: set[str] = set()
    for threads_children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(threads_children.read_text().split())
    return found


def _open_files(folder: str) -> list[str]:
    """The open files below `folder`; none where /proc is not there to say."""
    found = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # the one that reads this folder
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(folder)]


# Things to test with -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def x_server(size: str) -> Iterator[str]:
    """Yield the name of a display with one screen of that size, WIDTHxHEIGHT."""
    read, write = os.pipe()
    try:
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
        server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    finally:
        os.close(write)
    try:
        with open(read, encoding="ascii") as pipe:  # noqa: PTH123 (a descriptor)
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def _x_server() -> Iterator[str]:
    """A display that lasts for the session: Qt keeps its connection, and ends the process when the server goes."""
    with x_server("1280x800") as display:
        yield display


@pytest.fixture
def xvfb(_x_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A display for windows, named by DISPLAY during the test. For tests marked needs_display."""
    monkeypatch.setenv("DISPLAY", _x_server)
    return _x_server


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return `write_clip`, with names that start in tmp_path."""

    def make(name: str | Path = "clip.mp4", **options: Any) -> Path:
        return write_clip(tmp_path / name, **options)

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with a megabyte of room and 0; where nobody may mount one, any folder and a limit to files, in bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk_of("1m", folder) as mounted:
        yield folder, 0 if mounted else 1_000_000


@contextlib.contextmanager
def disk_of(size: str, folder: Path) -> Iterator[bool]:
    """Mount a disk of that size on the folder; False where nobody may."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    may_mount = hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform == "linux"
    mounted = may_mount and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def write_clip(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    rate: Fraction | int = 10,
    frames: int = 10,
    audio: bool = False,
    codec: str = "libx264",
) -> Path:
    """Write a film of a test picture, and return its path.

    size: (width, height). rate: frames a second. audio: whether to add a tone as long as the film. codec: the name of
    an encoder.
    """
    import av

    rate = Fraction(rate)
    with av.open(str(path), "w") as film:
        video = film.add_stream(codec, rate)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        tone = film.add_stream("aac", 48000) if audio else None
        picture = f"testsrc2=size={size[0]}x{size[1]}:rate={rate.numerator}/{rate.denominator}"
        with av.open(picture, format="lavfi") as pattern:
            for index, frame in zip(range(frames), pattern.decode(video=0), strict=False):
                frame = frame.reformat(format=video.pix_fmt)
                frame.pts, frame.time_base = index, 1 / rate
                film.mux(video.encode(frame))
        film.mux(video.encode())
        if tone is not None:
            with av.open(f"sine=sample_rate=48000:duration={float(frames / rate)}", format="lavfi") as sine:
                for samples in sine.decode(audio=0):
                    film.mux(tone.encode(samples))
            film.mux(tone.encode())
    return path


def count_frames(path: Path) -> int:
    """Return how many frames of the film can be read."""
    import av

    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))
