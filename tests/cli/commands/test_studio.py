"""The command that opens the studio: its options, its errors, its link, its window. The page: tests/studio/."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from livedream.cli.main import main
from livedream.cli.tasks import studio as task
from tests.sink.x11 import press_close
from tests.studio.browser.command import INTERRUPTED, LIGHT, RunningStudio, started
from tests.studio.running import until

HELP = "livedream studio --help lists all options"
LASTING = "a-token-that-lasts"


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        ("--port 70000", 2, "invalid value for '--port': 70000 is not in the range 0<=x<=65535", HELP),
        ("--largest-upload 0", 2, "invalid value for '--largest-upload': 0 is not in the range 1<=x<=1000000", HELP),
        ("--preset fethers", 2, "unknown preset: fethers", "did you mean feathers"),
        ("--steps 99", 2, "steps must be a whole number from 1 to 20, got 99", "livedream run --help"),
        ("gopher://host/film", 2, "unsupported protocol: gopher://", "choose from"),
        ("nothing.mp4", 1, "no such file: nothing.mp4", "check the name"),
        ("--folder text", 1, "text: ", ""),
        ("--port BUSY", 1, "127.0.0.1:BUSY cannot be used: Address already in use", "choose another --port"),
        ("--host 203.0.113.7", 1, "203.0.113.7:0 cannot be used: ", ""),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    words: str, code: int, error: str, hint: str, tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        options = words.replace("BUSY", port).split()
        assert main(["studio", "--no-browser", "--folder", "files", "--port", "0", *options]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(f"error: {re.escape(error.replace('BUSY', port))}.*\nhint: {re.escape(hint)}.*\n", said.err)


def test_without_the_packages_it_says_how_to_install_them(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(task, "find_spec", lambda name: None if name in ("aiortc", "segno") else object())
    assert main(["studio"]) == 1
    said = "error: the studio needs aiortc, segno\nhint: pip install 'livedream[studio]'\n"
    assert capsys.readouterr() == ("", said)


def test_a_short_token_is_refused(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVEDREAM_STUDIO_TOKEN", "short-secret")
    assert main(["studio", "--no-browser", "--port", "0", "--folder", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: LIVEDREAM_STUDIO_TOKEN is too short\nhint: use at least 16 characters")
    assert "short-secret" not in out + err


def test_each_token_is_printed_once_and_only_as_a_link(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LIVEDREAM_STUDIO_TOKEN", LASTING)
    with started(tmp_path / "studio", *LIGHT, "-vv") as studio:
        first = studio.link
        with httpx.Client() as browser:
            assert browser.get(first).status_code == 200
            second = studio.next_link()
            assert browser.get(first).status_code == 401
            assert browser.get(f"{studio.url}/api/state").status_code == 200
            assert browser.get(f"{studio.url}/out", params={"token": LASTING}).status_code == 200
            assert browser.post(f"{studio.url}/api/links").status_code == 200
        studio.stop()
        tokens = [link.partition("token=")[2] for link in (first, second)]
        assert re.findall(r"token=(\S+)", studio.said) == tokens
        assert [studio.said.count(token) for token in tokens] == [1, 1]
        assert not any(token in studio.complaints for token in tokens)
        assert LASTING not in studio.said
        assert re.fullmatch(r"(loading PyTorch, .*\n)?((debug|info): .*\n)*stopped\n", studio.complaints)


def test_quiet_prints_nothing(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = ["-q", "--no-browser", "--port", str(port), "--folder", str(tmp_path), *LIGHT]
    quiet = subprocess.Popen(
        [sys.executable, "-m", "livedream", "studio", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def answers():
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers)
        quiet.send_signal(signal.SIGINT)
        assert quiet.communicate(timeout=60)[0] == b""
        assert quiet.returncode == INTERRUPTED
    finally:
        quiet.kill()
        quiet.communicate()


@pytest.mark.needs_display
def test_a_window_has_its_keys_and_may_be_closed(xvfb: str, tmp_path) -> None:
    with started(tmp_path / "studio", *LIGHT, "--window") as studio, program_of(studio) as program:

        def state():
            return program.get("/api/state").json()

        def windows():
            words = ["xdotool", "search", "--onlyvisible", "--name", "^livedream"]
            return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()

        until(lambda: state()["phase"] == "running")

        def stronger():  # again and again: Qt makes the window anew while it opens, and a key before the focus is lost
            for window in windows():
                subprocess.run(["xdotool", "windowfocus", window, "key", "0"], check=False, capture_output=True)
            return state()["settings"]["strength"] > 1

        until(stronger)
        (window,) = windows()
        press_close(xvfb, int(window))
        until(lambda: not windows())
        until(lambda: state()["phase"] == "running")
        before = program.get("/api/picture").content
        until(lambda: program.get("/api/picture").content != before)
        assert state()["settings"]["strength"] > 1


def program_of(studio: RunningStudio) -> httpx.Client:
    """Return a client that has exchanged the studio's link for a key."""
    answer = httpx.post(f"{studio.url}/api/session", json={"token": studio.link.partition("token=")[2]})
    return httpx.Client(base_url=studio.url, headers={"Authorization": f"Bearer {answer.json()['key']}"})
