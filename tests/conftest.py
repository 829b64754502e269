"""Fixtures for all tests: a clean environment, a separate display, clips, and a check for what a test leaves behind.

LIVEDREAM_REQUIRE_ALL=1 turns every skip into a failure, except those for lack of a GPU; LIVEDREAM_REQUIRE_CUDA=1 turns
those into failures.
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
    # The test processes share the processors; larger teams of threads would wait for one another. OpenMP reads this
    # variable when torch is loaded, here and in the programs that tests start.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

import livedream  # noqa: F401  loads cv2, which must be imported before av

REQUIRE_ALL = os.environ.get("LIVEDREAM_REQUIRE_ALL") == "1"
REQUIRE_CUDA = os.environ.get("LIVEDREAM_REQUIRE_CUDA") == "1"
PROGRAMS = {
    "needs_display": ("Xvfb", "xdotool", "display"),
    "needs_desktop": ("Xvfb", "xdotool", "openbox", "xrandr"),
    "needs_ffmpeg": ("ffmpeg", "ffprobe"),
}
"""The programs that each marker requires."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser of tests marked needs_browser: Playwright's own builds of browsers are not used."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run the long tests, which measure, one after the other; let xdist choose otherwise."""
    return 0 if "soak" in config.option.markexpr.replace("not soak", "") else None


# Requirements and skips ----------------------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, programs in PROGRAMS.items():
        missing = [program for program in programs if not shutil.which(program)]
        if item.get_closest_marker(marker) and missing:
            pytest.skip(f"{marker}: no {' and no '.join(missing)} here")
    if item.get_closest_marker("needs_browser") and not CHROMIUM:
        pytest.skip("needs_browser: no chromium and no google-chrome here")
    if item.get_closest_marker("needs_cuda") and not _cuda_available():
        pytest.skip("needs_cuda: no NVIDIA GPU here")


def _cuda_available() -> bool:
    import torch  # takes three seconds, so only when a test needs it

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
    """Hide the developer's settings, display and files from the tests.

    The cache lasts for the session, so that the dreamer measures this processor only once.
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
    """Suppress the line about a slow start: tests expect the error as the first line."""
    monkeypatch.setattr("livedream.cli.status_line.PLAIN_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail a test that leaves behind one of our threads, a child process or an open temporary file."""
    threads, children, scheduling = _threads(), _children(), _scheduling()
    yield
    folder = str(tmp_path_factory.getbasetemp())
    assert _scheduling() == scheduling, "the thread of the tests is scheduled in another way"
    assert _threads() <= threads, "threads left behind"
    assert _children() <= children, "child processes left behind"
    if _open_files(folder):
        gc.collect()  # a caught error refers to frames, which refer to files, in a cycle
    assert _open_files(folder) == [], "files left open"


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("livedream-")}


def _scheduling() -> int:
    """The scheduling policy of this thread; a real-time one would starve all others of the suite."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0


def _children() -> set[str]:
    """The process ids of our children; empty without /proc."""
    found: set[str] = set()
    for threads_children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(threads_children.read_text().split())
    return found


def _open_files(folder: str) -> list[str]:
    """The open files below `folder`; empty without /proc."""
    found = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # the descriptor that reads this folder
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(folder)]


# Fixtures ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def x_server(size: str) -> Iterator[str]:
    """Yield the name of a display with one screen of `size`, WIDTHxHEIGHT."""
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
    """A display for the session: Qt keeps its connection and ends the process when the server ends."""
    with x_server("1280x800") as display:
        yield display


@pytest.fixture
def xvfb(_x_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A display for windows, to which DISPLAY refers during the test. For tests marked needs_display."""
    monkeypatch.setenv("DISPLAY", _x_server)
    return _x_server


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return `write_clip` for names relative to tmp_path."""

    def make(name: str | Path = "clip.mp4", **options: Any) -> Path:
        return write_clip(tmp_path / name, **options)

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with 1 MB of space, and 0. Without permission to mount one: a folder, and a size limit in bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk_of("1m", folder) as mounted:
        yield folder, 0 if mounted else 1_000_000


@contextlib.contextmanager
def disk_of(size: str, folder: Path) -> Iterator[bool]:
    """Mount a disk of `size` on the folder; yield whether that was permitted."""
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
    """Write a video of a test pattern and return its path.

    size: (width, height). rate: frames per second. audio: whether to add a tone of the same length. codec: the name of
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
    """Return the number of frames of a video that can be decoded."""
    import av

    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))
