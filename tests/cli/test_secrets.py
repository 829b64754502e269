"""Whatever is typed, in no line on either stream stands a password or the key of a stream."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from livedream import open_source, urls
from livedream.cli import addresses
from livedream.cli.console import warnings_shown
from livedream.cli.main import main
from livedream.errors import ArgumentError, SourceError
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.network_stream import NetworkSink
from livedream.sink.open import open_sink

PASSWORD, KEY = "PaSs7word", "K3y-9f2b-secret"
NOWHERE = f"rtsp://u:{PASSWORD}@127.0.0.1:1/live"
RAW = f"rtsp://u:{PASSWORD}#x@127.0.0.1:1/1"
PUSH = f"rtmp://127.0.0.1:1/live/{KEY}"

TYPED = [
    ["run", NOWHERE],
    ["run", RAW],
    ["run", f"rtsp://u:{PASSWORD}/x@127.0.0.1:1/1"],
    ["run", f"rtsp://u:12?{PASSWORD}@127.0.0.1:1/1"],
    ["run", f"rtsp:/u:{PASSWORD}@127.0.0.1:1/1"],
    ["run", f"rtsp:u:{PASSWORD}@127.0.0.1:1/1"],
    ["run", f"u:{PASSWORD}@127.0.0.1:1/1"],
    ["run", f"u:{PASSWORD}@127.0.0.1"],
    ["run", f"xyz://u:{PASSWORD}@127.0.0.1:1/1"],
    ["run", f"rtsp://u:{PASSWORD}@[::1/1"],
    ["run", f"rtsp://u:{PASSWORD} x@127.0.0.1:1/1"],
    ["run", f"rtmp://127.0.0.1:1/live/{KEY}"],
    ["run", NOWHERE, RAW],
    ["run", "film.mp4", f"u:{PASSWORD}@127.0.0.1/x", "--to", "out/"],
    ["run", NOWHERE, "--start", "3"],
    ["run", RAW, "--watch"],
    ["run", "demo", "--to", PUSH, "--to", PUSH],
    ["run", "demo", "--to", f"rtmp:///live/{KEY}"],
    ["run", "demo", "--to", f"rtmp://[/live/{KEY}"],
    ["run", "demo", "--to", f"http://127.0.0.1/live/{KEY}?x={PASSWORD}"],
    ["run", "demo", "--to", f"u:{PASSWORD}@127.0.0.1:1/1"],
    ["run", "demo", "--to", f"rtmp:/u:{PASSWORD}@127.0.0.1:1/{KEY}"],
    ["run", "demo", "--to=" + f"rtmp:/u:{PASSWORD}@127.0.0.1:1/{KEY}"],
    ["run", "demo", "--weights", RAW, "--to", "x.mp4"],
    ["run", "demo", "--preset", NOWHERE, "--to", "x.mp4"],
    ["run", "demo", "--preset", f"{NOWHERE}.toml", "--to", "x.mp4"],
    ["run", "demo", "--preset", f"{NOWHERE}.png", "--to", "x.mp4"],
    ["run", "demo", "--layers", f"guide:{NOWHERE}.png@fire6", "--to", "x.mp4"],
    ["run", "demo", "--layers", f'guide:"{RAW}"@fire6', "--to", "x.mp4"],
    ["run", "demo", "--layers", f"fire6 + mask:{RAW}", "--to", "x.mp4"],
    ["run", "demo", "--layers", f"fire6 {NOWHERE}", "--to", "x.mp4"],
    ["run", "demo", "--model", NOWHERE, "--to", "x.mp4"],
    ["run", "demo", "--device", RAW, "--to", "x.mp4"],
    ["run", "demo", "--size", NOWHERE],
    ["run", "--source-file", NOWHERE],
    ["run", NOWHERE, "--no-such-option", RAW],
    ["zoom", NOWHERE],
    ["zoom", RAW, "--to", f"rtmp://127.0.0.1:1/{KEY}"],
    ["layers", NOWHERE],
    ["visualize", "fire6", "--weights", NOWHERE],
    ["bench", RAW],
    [NOWHERE],
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(urls, "_secrets", {})
    Path("film.mp4").write_bytes(b"no film")


@pytest.mark.parametrize("typed", [["run"], ["run", "demo", "-t", "1", "--to"]], ids=["source", "sink"])
def test_an_address_with_common_words_for_credentials_is_no_exception(
    typed: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*typed, "rtmp://user:password@127.0.0.1:1/app/KEY"]) == 1
    out, err = capfd.readouterr()
    assert "127.0.0.1:1/app/..." in err
    assert "user:" not in out + err and "password@" not in out + err and "KEY" not in out + err


def test_a_program_in_python_shows_no_secret_either() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(f"http://u:{PASSWORD}@127.0.0.1:1/{KEY}.m3u8")
    assert PASSWORD not in str(caught.value) and KEY not in str(caught.value)
    assert (
        urls.redact_text(f"cannot open http://u:{PASSWORD}@127.0.0.1:1/{KEY}.m3u8!")
        == "cannot open http://127.0.0.1:1/...!"
    )


@pytest.mark.parametrize("typed", TYPED, ids=range(len(TYPED)))
def test_errors_show_no_secret(typed: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(typed) in (1, 2)
    out, err = capfd.readouterr()
    assert "error: " in err and "Traceback" not in err
    assert PASSWORD not in out + err and KEY not in out + err
    assert not any(PASSWORD in name or KEY in name for name in os.listdir())  # noqa: PTH208


def test_a_stream_that_works_shows_no_key(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        port = ear.getsockname()[1]
        typed = [f"udp://u:{PASSWORD}@127.0.0.1:{port}?x={KEY}"]
        assert main(["run", "film.png", "--to", *typed]) == 1  # there is no such picture
    with NetworkSink(PUSH) as sink:
        assert sink.name == "rtmp://127.0.0.1:1/live/..."
    with open_sink(f"rtsp://h/live/{KEY}") as sink:
        assert sink.name == "rtsp://h/live/..."
    assert KEY not in "".join(capfd.readouterr())


def test_a_recipe_holds_no_secret() -> None:
    assert Recipe(settings=DreamSettings(), source=RAW).text().count("rtsp://127.0.0.1:1/1") == 1


def test_tracebacks_show_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings_shown() as remarks:
        remarks.louder(2)
        try:
            raise OSError(5, "broken", NOWHERE)
        except OSError:
            logging.getLogger("livedream.x").warning("%s has\nfailed", NOWHERE, exc_info=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == r"warning: rtsp://127.0.0.1:1/live has\nfailed"
    assert lines[1].startswith("Traceback") and lines[-1] == "OSError: [Errno 5] broken: 'rtsp://127.0.0.1:1/live'"


def test_names_cannot_forge_lines_or_move_the_cursor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b]0;owned\x07\rb\nerror: forged\u202egpj.mp4"
    Path(name).write_bytes(b"no film")
    assert main(["run", name, "--to", "x.mp4"]) == 1
    assert main(["run", name, "film.mp4", "--to", "out/"]) == 1
    assert main(["run", "demo", "--to", "x.mp4", "--preset", f"{name}.toml"]) == 2
    out, err = capfd.readouterr()
    for letter in "\x1b\x07\r\u202e":
        assert letter not in out + err
    lines = (out + err).splitlines()
    assert not any(line.startswith("error: forged") for line in lines)
    assert any(r"a\x1b]0;owned\x07\rb\nerror: forged\u202egpj.mp4" in line for line in lines)


# From a file or the environment -------------------------------------------------------------------------------------


def test_sources_and_sinks_come_from_files_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cameras").write_text(f"\ufeff{NOWHERE}\n\n  {RAW}  \n")
    monkeypatch.setenv("LIVEDREAM_SOURCE", "demo")
    monkeypatch.setenv("LIVEDREAM_TO", PUSH)
    assert addresses.sources_given((), "cameras") == (NOWHERE, RAW)
    assert addresses.sources_given((), None) == ("demo",)
    assert addresses.sources_given(("0",), None) == ("0",)  # what is typed comes first
    assert addresses.sinks_given((), None) == (PUSH,)
    assert addresses.sinks_given(("x.mp4",), None) == ("x.mp4",)
    assert addresses.sinks_given(("x.mp4",), "cameras") == ("x.mp4", NOWHERE, RAW)
    with pytest.raises(ArgumentError, match="SOURCE and --source-file cannot be combined"):
        addresses.sources_given(("0",), "cameras")
    monkeypatch.delenv("LIVEDREAM_SOURCE")
    assert addresses.sources_given((), None) == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\n \n", "contains no source or sink"), (b"\xff\xfe", "not UTF-8 text"), (None, "No such")],
)
def test_files_that_name_nothing_are_one_line(content: bytes | None, reason: str) -> None:
    if content is not None:
        Path("cameras").write_bytes(content)
    with pytest.raises(ArgumentError, match=reason):
        addresses.sources_given((), "cameras")


def test_the_command_takes_them(capfd: pytest.CaptureFixture[str]) -> None:
    Path("camera").write_text(RAW)
    Path("server").write_text(f"{PUSH}\n{PUSH}\n")
    assert main(["run", "--source-file", "camera"]) == 1
    assert main(["run", "demo", "--to-file", "server"]) == 2
    out, err = capfd.readouterr()
    assert "rtsp://127.0.0.1:1/1 refuses the connection: no program listens there" in err
    assert "rtmp://127.0.0.1:1/live/... is named twice" in err
    assert PASSWORD not in out + err and KEY not in out + err
    environment = {**os.environ, "LIVEDREAM_SOURCE": NOWHERE}
    command = [sys.executable, "-m", "livedream", "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "error: rtsp://127.0.0.1:1/live refuses the connection: no program listens there",
    )
