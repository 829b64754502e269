"""Ctrl-C and SIGTERM: by a real signal to a real process, and the film can be watched."""

import signal
import subprocess
import sys
import time

import pytest

from livedream.cli.signals import Stopped, stopping
from tests.conftest import count_frames

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other signals")


def test_a_signal_comes_out_at_once():
    with pytest.raises(Stopped) as caught, stopping():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_a_signal_that_is_held_comes_out_when_asked_for():
    with stopping() as stop:
        stop.hold()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped) as caught:
            stop.check()
        stop.check()  # once told is enough
    assert caught.value.exit_code == 130


def test_the_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopping():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# A process that a shell has put in the background ignores Ctrl-C; this one must not.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from livedream.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_stopped_run_leaves_a_film(tmp_path):
    """The demo goes on for ever. Stopped once some of it is on disk; its part file grows from the first frame on.

    By other signals, and without a real dreamer: test_lifecycle.py.
    """
    typed = ["run", "demo", "--to", "out.mp4", "--working-height", "32", "--octaves", "1"]
    command = [sys.executable, "-c", PROGRAM, *typed]
    part = tmp_path / "out.part.mp4"
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or (part.exists() and part.stat().st_size > 0))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("stopped: dreamt ")
    assert err.endswith("; written: out.mp4\n")
    assert count_frames(tmp_path / "out.mp4") > 0
    assert not part.exists()


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
