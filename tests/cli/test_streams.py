"""Standard streams that are closed, full, gone or slow: the film is dreamt all the same, and the exit code is true."""

import errno
import os
import pty
import subprocess
import sys
import threading
import time

import pytest

from livedream.cli.streams import LastingStream
from tests.conftest import count_frames, write_clip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors as Linux has them, and /dev/full")

SMALL = ["--working-height", "32", "--octaves", "1", "--strength", "0"]
LIVEDREAM = [sys.executable, "-m", "livedream"]


def run_in_shell(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `command`, in which "$@" is livedream with the arguments, and read what it prints."""
    words = ["bash", "-c", command, "bash", *LIVEDREAM, *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("streams") / "film.mp4", frames=6)


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_film_needs_no_standard_streams(streams, film, tmp_path):
    """And nothing that is printed gets into it: without care the film would be descriptor 1, or 2."""
    out = tmp_path / "out.mkv"
    done = run_in_shell(f'"$@" {streams}', "run", str(film), "--to", str(out), "-vv", *SMALL)
    assert done.returncode == 0
    assert count_frames(out) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv"]
    assert out.read_bytes()[:4] == b"\x1aE\xdf\xa3"  # the head of Matroska, not a word of ours


def test_an_error_has_its_exit_code_though_nobody_hears_it():
    assert run_in_shell('"$@" >&- 2>&-', "run", "nothing.mp4").returncode == 1
    done = run_in_shell('"$@" >&-', "run", "nothing.mp4", "--to", "-")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: standard output is closed")
    assert run_in_shell('"$@" >/dev/full 2>/dev/full', "run", "--stesp", "3").returncode == 2


def test_a_result_that_is_lost_is_a_failure():
    done = run_in_shell('"$@" >/dev/full', "presets")
    assert done.returncode == 1
    assert done.stderr == (
        "error: standard output cannot be written: No space left on device\n"
        "hint: free some disk space, or choose another place\n"
    )
    assert run_in_shell('"$@" --help >/dev/full').returncode == 1


class Terminal:
    """A stream to a terminal that is closed at its other end, or a pipe that somebody reads late."""

    def __init__(self, descriptor: int) -> None:
        self.file = open(descriptor, "w")  # noqa: SIM115
        self.stream = LastingStream(self.file)


def test_a_terminal_that_goes_away():
    ours, theirs = pty.openpty()
    terminal = Terminal(theirs)
    terminal.stream.write("hello\n")
    assert os.read(ours, 100) == b"hello\r\n"
    os.close(ours)
    terminal.stream.write("nobody hears this\n")
    assert terminal.stream.failure is not None and terminal.stream.failure.errno == errno.EIO
    terminal.stream.write("nor this\n")
    terminal.file.write("what a library prints past it\n")
    terminal.file.close()  # nor does Python fail at the end


def test_a_pipe_that_does_not_block_loses_nothing():
    """0.2 MB through a pipe of 64 kB whose reader is late."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    terminal = Terminal(writer)
    text = "".join(f"line {number}\n" for number in range(20_000))
    got = []

    def read_late():
        time.sleep(0.2)
        while data := os.read(reader, 4096):
            got.append(data)

    thread = threading.Thread(target=read_late)
    thread.start()
    terminal.stream.write(text)
    terminal.file.close()
    thread.join()
    os.close(reader)
    assert terminal.stream.failure is None
    assert b"".join(got).decode() == text


def test_a_pipe_that_nobody_reads_is_given_up(monkeypatch):
    from livedream.cli import streams

    monkeypatch.setattr(streams, "MAX_BLOCKED_SECONDS", 0.1)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    terminal = Terminal(writer)
    terminal.stream.write("x" * 200_000)
    assert isinstance(terminal.stream.failure, BlockingIOError)
    terminal.file.close()
    os.close(reader)


def test_what_the_encoding_lacks_is_escaped(tmp_path):
    with (tmp_path / "text").open("w", encoding="ascii") as file:
        LastingStream(file).write("f\xfclm \udcfc\n")
    assert (tmp_path / "text").read_text() == "f\\xfclm \\udcfc\n"
