"""The real command, in a process of its own: neither password nor stream key reaches anything that it prints or writes.

See test_secrets.py for what is typed with a mistake in it, and tests/test_urls.py for what is shown of an address.
"""

import contextlib
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.capture.web_server import web_server
from tests.conftest import write_clip

PASSWORD, KEY = "PaSs7word", "K3y-9f2b-secret"
PROGRAM = Path(__file__).parent / "plain_run.py"
"""livedream with a dreamer that changes nothing."""
IMPATIENT = """
import sys
from livedream.capture.live import network_stream
from livedream.cli.main import main
network_stream.OPEN_SECONDS = 1.0
sys.exit(main(sys.argv[1:]))
"""
"""livedream that waits for one second instead of fifteen: nothing refuses what is sent to a port of UDP."""
ADDRESSES = [
    f"rtmp://user:{PASSWORD}@127.0.0.1:{{port}}/app/{KEY}",
    f"rtmps://user:{PASSWORD}@127.0.0.1:{{port}}/app/{KEY}?token={KEY}",
    f"rtsp://user:{PASSWORD}@127.0.0.1:{{port}}/live/{KEY}",
    f"srt://127.0.0.1:{{port}}?streamid={KEY}&passphrase={PASSWORD}",
    f"udp://user:{PASSWORD}@127.0.0.1:{{port}}?key={KEY}",
    f"http://user:{PASSWORD}@127.0.0.1:{{port}}/{KEY}/video.mjpg?token={KEY}",
    f"https://user:{PASSWORD}@127.0.0.1:{{port}}/{KEY}.mp4?token={PASSWORD}",
]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Everything that livedream keeps between runs lies below `tmp_path`."""
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CACHE", "STATE", "CONFIG")}
    return {**os.environ, **folders}


def run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL
    )


def assert_no_secret(folder: Path, *texts: str) -> None:
    """Look at what was printed, and at the name and content of every file that was written."""
    for text in texts:
        assert PASSWORD not in text and KEY not in text, text
    for path in folder.rglob("*"):
        assert PASSWORD not in path.name and KEY not in path.name
        content = path.read_bytes() if path.is_file() else b""
        assert PASSWORD.encode() not in content and KEY.encode() not in content, path


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.partition(":")[0])
def test_a_source_that_does_not_answer(
    address: str, free_port: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    address = address.format(port=free_port)
    program = ["-c", IMPATIENT] if address.startswith("udp") else ["-m", "livedream"]
    done = run([sys.executable, *program, "-vv", "run", address, "--to", "out.mp4"], tmp_path, environment)
    assert done.returncode == 1
    assert f"error: {address.partition(':')[0]}://127.0.0.1:{free_port}" in done.stderr.replace("...@", "")
    assert "Traceback" in done.stderr
    assert_no_secret(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.partition(":")[0])
def test_a_sink_that_does_not_answer(address: str, free_port: int, tmp_path: Path, environment: dict[str, str]) -> None:
    """The wheels of PyAV cannot send srt://, and nothing is sent to http://: these are refused."""
    arguments = ["run", "demo", "--duration", "1", "--to", address.format(port=free_port), "--to", "out.mp4"]
    done = run([sys.executable, str(PROGRAM), "nowhere", "-vv", *arguments], tmp_path, environment)
    assert "://" in done.stdout + done.stderr
    assert_no_secret(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize("options", [(), ("-vv",)])
def test_a_source_that_works(options: tuple[str, ...], tmp_path: Path, environment: dict[str, str]) -> None:
    """Its address is in the first line and in each recipe: of a video, of an image, and beside a folder of images."""
    served, written = tmp_path / "served", tmp_path / "written"
    served.mkdir()
    written.mkdir()
    write_clip(served / "film.mkv")
    with web_server(served, "ranges") as server:
        address = server.replace("://", f"://user:{PASSWORD}@") + f"/{KEY}/film.mkv?token={KEY}"
        command = [sys.executable, str(PROGRAM), "nowhere", *options, "run", address]
        sinks = ["--to", "out.mp4", "--to", "out.mkv", "--to", "out/", "--to", "null"]
        done = run([*command, *sinks], written, environment)
    assert done.returncode == 0, done.stderr
    assert "/.../film.mkv" in done.stdout + done.stderr
    assert (written / "out.mp4").exists() and (written / "out").is_dir()
    assert_no_secret(tmp_path, done.stdout, done.stderr)


def test_a_run_on_a_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    """The line that shows the progress, and the title that a program may give to its terminal."""
    served = tmp_path / "served"
    served.mkdir()
    write_clip(served / "film.mkv")
    terminal, inside = pty.openpty()
    shown = bytearray()
    with web_server(served, "ranges") as server:
        address = server.replace("://", f"://user:{PASSWORD}@") + f"/{KEY}/film.mkv?token={KEY}"
        command = [sys.executable, str(PROGRAM), "nowhere", "-v", "run", address, "--to", "out.mp4"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdin=inside, stdout=inside, stderr=inside
        ) as process:
            os.close(inside)
            with contextlib.suppress(OSError):  # EIO: the other end is closed
                while data := os.read(terminal, 65536):
                    shown += data
        os.close(terminal)
    assert process.returncode == 0, shown.decode()
    assert b"film.mkv" in shown
    assert_no_secret(tmp_path, shown.decode(errors="replace"))


@pytest.mark.parametrize("command", [["config"], ["doctor"], ["doctor", "--json"], ["run"]])
def test_addresses_in_the_environment(
    command: list[str], free_port: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment["LIVEDREAM_SOURCE"] = ADDRESSES[0].format(port=free_port)
    environment["LIVEDREAM_TO"] = ADDRESSES[3].format(port=free_port)
    done = run([sys.executable, "-m", "livedream", "-vv", *command], tmp_path, environment)
    assert done.stdout or done.stderr
    assert_no_secret(tmp_path, done.stdout, done.stderr)
