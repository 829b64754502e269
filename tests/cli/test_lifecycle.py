"""However a live run ends: a real process, the right exit code, a film that plays.

Here, and of all that concerns sinks and endings, the number of a row of the list of faults and inputs (video.md,
section 9) begins the name of each case. Where the rows are, or why they are not:

- 12 and 29, the source or the dreamer fails for good: here; reconnecting is the source's. 30, 50, 55 and the rates of
  the others: tests/pipeline/test_several.py and test_full_disk.py. 31: here under Qt; GTK, Cocoa and Win32 have no
  machine here. 32: by design, see tests/sink/window/test_window_sink.py and `Changes.add_sink`.
- 21, 22 and 54, a dreamer or an encoder that is slower or faster than the camera: tests/pipeline/test_live_policy.py
  and test_frame_queue.py (the newest wins, nobody polls). 33, and 21 over an hour: tests/pipeline/test_soak.py.
- 49: here. 56: tests/sink/test_network_stream.py. 57: tests/sink/test_late_recording.py and
  tests/pipeline/test_several.py.
- 58 to 61: tests/sink/test_virtual_camera.py, by back ends in pyvirtualcam's registry. A program that looks on, a
  reader that fixes the format by itself and OBS holding the device need the drivers.
- 62: the device is closed however the run ends, as all sinks are. What the viewer then sees, and what is seen after
  kill -9, is the driver's: v4l2loopback has a control `timeout` for it.
"""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_signals import wait_until
from tests.conftest import count_frames

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other signals")

PROGRAM = Path(__file__).with_name("plain_run.py")


@pytest.fixture(autouse=True)
def hangup_as_usual() -> Iterator[None]:
    """Under nohup, as some CI is run, children would inherit that a hang-up is ignored."""
    before = signal.signal(signal.SIGHUP, lambda number, frame: None)
    yield
    signal.signal(signal.SIGHUP, before)


def plain_run(
    where: str,
    *arguments: str,
    cwd: Path,
    meanwhile: Callable[["subprocess.Popen[str]"], object] = lambda process: None,
) -> "subprocess.CompletedProcess[str]":
    """Run `livedream run demo ARGUMENTS` by plain_run.py; `meanwhile` is called once take.mp4 has begun to grow."""
    command = [sys.executable, str(PROGRAM), where, "run", "demo", *arguments]
    part = cwd / "take.part.mp4"
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=cwd, text=True, **pipes) as process:
        try:
            wait_until(lambda: process.poll() is not None or (part.exists() and part.stat().st_size > 0))
            meanwhile(process)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def sends(*numbers: int) -> Callable[["subprocess.Popen[str]"], None]:
    def meanwhile(process: "subprocess.Popen[str]") -> None:
        for number in numbers:
            process.send_signal(number)

    return meanwhile


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        pytest.param([signal.SIGINT], 130, id="49-ctrl-c"),
        pytest.param([signal.SIGINT, signal.SIGINT], 130, id="49-ctrl-c-twice"),
        pytest.param([signal.SIGTERM], 143, id="49-sigterm"),
        pytest.param([signal.SIGHUP], 129, id="49-sighup"),
    ],
)
def test_asked_to_end(numbers: list[int], code: int, tmp_path: Path) -> None:
    done = plain_run("nowhere", "--to", "take.mp4", "--to", "null", cwd=tmp_path, meanwhile=sends(*numbers))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stopped: dreamt ")
    assert count_frames(tmp_path / "take.mp4") > 0
    assert not (tmp_path / "take.part.mp4").exists()


def test_during_start_up(tmp_path: Path) -> None:
    done = plain_run("start", "--to", "take.mp4", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "stopped: nothing was written")
    assert list(tmp_path.iterdir()) == []


def test_nohup_is_respected(tmp_path: Path) -> None:
    """The terminal goes, the run goes on; then it is asked to end."""

    def meanwhile(process: "subprocess.Popen[str]") -> None:
        process.send_signal(signal.SIGHUP)
        grown = (tmp_path / "take.part.mp4").stat().st_size
        wait_until(lambda: process.poll() is not None or (tmp_path / "take.part.mp4").stat().st_size > grown)
        process.send_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a child inherits it
    try:
        done = plain_run("nowhere", "--to", "take.mp4", cwd=tmp_path, meanwhile=meanwhile)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert done.returncode == 143, done.stderr


def test_the_terminal_is_closed(tmp_path: Path) -> None:
    """A real one, in which a bar is drawn. What is printed after its end goes nowhere and fails nowhere."""
    terminal, inside = pty.openpty()
    command = [sys.executable, str(PROGRAM), "nowhere", "run", "demo", "--to", "take.mp4"]
    ends: dict[str, Any] = {"stdin": inside, "stdout": inside, "stderr": inside}
    part = tmp_path / "take.part.mp4"
    try:
        # setsid, and the terminal becomes its own: closing it sends the SIGHUP.
        process = subprocess.Popen(["setsid", "--ctty", "--wait", *command], cwd=tmp_path, **ends)
        try:
            os.close(inside)
            os.set_blocking(terminal, False)
            wait_until(lambda: _drained(terminal) and part.exists() and part.stat().st_size > 0)
            os.close(terminal)
            terminal = -1
            wait_until(lambda: (tmp_path / "take.mp4").exists(), seconds=30)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
    finally:
        if terminal >= 0:
            os.close(terminal)
    assert count_frames(tmp_path / "take.mp4") > 0


def _drained(terminal: int) -> bool:
    """Read what is shown, so that nobody waits for it to be read."""
    try:
        while os.read(terminal, 65536):
            pass
    except BlockingIOError:
        pass
    return True


@pytest.mark.parametrize("where", [pytest.param("source", id="12-source"), pytest.param("dreamer", id="29-dreamer")])
def test_an_error_in_any_thread_ends_it_and_the_film_plays(where: str, tmp_path: Path) -> None:
    done = plain_run(where, "--to", "take.mp4", "--to", "null", cwd=tmp_path)
    assert done.returncode == 1
    assert f"error: the {where} failed" in done.stderr
    assert 1 <= count_frames(tmp_path / "take.mp4") < 10


def test_a_sink_that_fails_is_said_at_once_and_in_the_end(tmp_path: Path) -> None:
    def meanwhile(process: "subprocess.Popen[str]") -> None:
        said.append(process.stderr.readline() if process.stderr else "")
        process.send_signal(signal.SIGTERM)

    said: list[str] = []
    done = plain_run("sink", "--to", "take.mp4", "--to", "null", cwd=tmp_path, meanwhile=meanwhile)
    assert said == ["warning: the sink failed; the run continues without it\n"]
    assert done.returncode == 143
    assert done.stderr.splitlines()[-1] == "error: the sink failed"
    assert count_frames(tmp_path / "take.mp4") > 0


def test_the_only_sink_that_fails_ends_it(tmp_path: Path) -> None:
    done = plain_run("sink", "--to", "null", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: the sink failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sink_that_never_comes_back_does_not_keep_the_process(number: int, tmp_path: Path) -> None:
    done = plain_run("stuck", "--to", "take.mp4", "--to", "null", cwd=tmp_path, meanwhile=sends(number))
    assert done.returncode == 128 + number, done.stderr
    assert "null hangs and was given up" in done.stderr
    assert count_frames(tmp_path / "take.mp4") > 0


@pytest.mark.needs_display
def test_closing_the_window_ends_it_well(tmp_path: Path, xvfb: str) -> None:
    def meanwhile(process: "subprocess.Popen[str]") -> None:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^livedream$"]
        window = subprocess.run(find, capture_output=True, text=True, check=True, timeout=30).stdout.split()[0]
        while not any(part.stat().st_size for part in tmp_path.glob("take*.mp4")):  # until then a preview is shown
            assert process.poll() is None, "it ended before it had dreamt a frame"
            time.sleep(0.05)
        while process.poll() is None:  # a key that comes before the window has the focus is lost
            subprocess.run(["xdotool", "key", "--window", window, "q"], check=False, capture_output=True)
            time.sleep(0.2)

    done = plain_run("nowhere", "--to", "take.mp4", "--to", "window", cwd=tmp_path, meanwhile=meanwhile)
    assert done.returncode == 0, done.stderr
    assert "; written: take.mp4" in done.stdout
    assert count_frames(tmp_path / "take.mp4") > 0
