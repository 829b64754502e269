"""Cameras on the network: real ones, in a process of their own, that are killed and come back."""

import base64
import functools
import gc
import http.server
import itertools
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from livedream.capture.live import network_stream
from livedream.capture.live.network_stream import NetworkSource
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.pipeline import Report, run
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.capture.cameras import NetworkCamera, RtspCamera, Sender, network_camera
from tests.capture.stamps import drift
from tests.capture.watching import Watching, until
from tests.films import read_film

LATE = 0.4
"""Seconds by which the recording's clock may be off after a loss, on two busy cores."""

STARTING = 1.5
"""Seconds that ffmpeg may take from being started to its first packet, on two busy cores."""


class Outage:
    """Kills the camera of a run once it has given 25 pictures, brings it back, and ends the run 25 pictures later."""

    def __init__(self, camera: NetworkCamera, source: NetworkSource, seconds: float) -> None:
        self.camera, self.source, self.seconds = camera, source, seconds
        self.killed = self.returned = self.resumed = 0.0
        self.captured = 0
        self.notices: list[tuple[float, str | None]] = []

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        self.notices.append((now, self.source.notice))
        if not self.killed and report.captured >= 25:
            self.camera.kill()
            self.killed, self.captured = now, report.captured
        elif self.killed and not self.returned and now >= self.killed + self.seconds:
            self.camera.start()
            self.returned, self.captured = time.monotonic(), report.captured
        elif self.returned and not self.resumed and report.captured > self.captured:
            self.resumed, self.captured = now, report.captured
        elif self.resumed and report.captured >= self.captured + 25:
            self.source.close()
        assert now < self.killed + self.seconds + 15 or not self.killed, "the stream did not resume"


def _handles() -> tuple[int, int]:
    """How many threads and open descriptors this process has; the kernel's word, not Python's."""
    gc.collect()  # the threads of an encoder last as long as PyAV's circle of references
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _survive(outages: int, seconds: float, folder: Path) -> None:
    camera = NetworkCamera("clock")
    camera.start()
    try:
        handles = []
        for number in range(outages):
            film = folder / f"take{number}.mp4"
            with open_source(camera.address) as source, open_sink(film, StreamInfo.of(source)) as sink:
                outage = Outage(camera, source, seconds)  # type: ignore[arg-type]
                run(source, lambda frame: frame, [sink], on_progress=outage)
            _check(outage, film)
            handles.append(_handles())
        assert len(set(handles[1:])) <= 1, (
            f"threads and descriptors after each: {handles}"
        )  # the first one loads codecs
    finally:
        camera.kill()


def _check(outage: Outage, film: Path) -> None:
    assert outage.resumed - outage.returned < 3
    lost = [text for when, text in outage.notices if outage.killed + 2 < when < outage.returned]
    assert all(text and "lost, reconnecting (try " in text for text in lost)
    assert outage.notices[-1][1] is None
    frames = read_film(film)
    assert drift(frames) < LATE, "the recording's clock is not that of the pictures"
    times = [time for time, _ in frames]
    longest = max(after - before for before, after in itertools.pairwise(times))
    assert outage.seconds - 0.5 < longest < outage.resumed - outage.killed + 0.5
    assert len(frames) >= 45


def test_a_stream_that_is_killed_and_returns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "livedream"):
        _survive(1, 1.0, tmp_path)
    first, last = [record.getMessage() for record in caplog.records]
    assert first.endswith("; reconnecting")
    assert " is back after " in last


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_stream_that_is_killed_for_five_seconds_twenty_times(tmp_path: Path) -> None:
    """scripts/test -m soak tests/capture/live/test_network_stream.py"""
    _survive(20, 5.0, tmp_path)


def test_hangs_up_and_comes_back(tmp_path: Path) -> None:
    """It hangs up after ten pictures, each time: the frames go on."""
    with network_camera(tmp_path, count=10) as address, NetworkSource(address) as source:
        assert source.size == (64, 48)
        indices = [frame.index for _, frame in zip(range(25), source, strict=False)]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize(
    ("path", "message"),
    [("closed", "requires a user name and a password"), ("text", "sends nothing that FFmpeg can read")],
)
def test_what_is_wrong_is_said(path: str, message: str) -> None:
    camera = NetworkCamera("clock")
    camera.start()
    try:
        with pytest.raises(SourceError, match=message) as caught:
            NetworkSource(camera.address.replace("video.mjpg", path))
        assert camera.address.replace("video.mjpg", "...") in str(caught.value)
    finally:
        camera.kill()


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_stream, "OPEN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceError, match="does not answer"):
        NetworkSource(f"http://127.0.0.1:{silent.getsockname()[1]}/video")


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp"])
def test_nobody_there(scheme: str) -> None:
    with pytest.raises(SourceError) as caught:
        NetworkSource(f"{scheme}://127.0.0.1:1/video")
    assert "refuses the connection: no program listens there" in str(caught.value)


def test_password_is_not_shown() -> None:
    with pytest.raises(SourceError) as caught:
        NetworkSource("rtsp://anna:secret@127.0.0.1:1/live?user=anna&password=secret")
    assert str(caught.value) == "rtsp://127.0.0.1:1/live refuses the connection: no program listens there"
    assert "secret" not in caught.value.hint


class _Doorman(socketserver.StreamRequestHandler):
    """Wants a password, over HTTP or RTSP, keeps what is said to it, and lets nobody in."""

    said: ClassVar[list[str]] = []

    def handle(self) -> None:
        while request := self.rfile.readline().decode():
            protocol, headers = request.split()[-1], {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            known = headers.get("authorization", "")
            if known.startswith("Basic "):
                self.said.append(base64.b64decode(known.removeprefix("Basic ")).decode())
            status = "404 Not Found" if known else "401 Unauthorized"
            sequence = f"CSeq: {headers['cseq']}\r\n" if "cseq" in headers else ""
            reply = f'{protocol} {status}\r\n{sequence}WWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
            self.wfile.write(reply.encode())


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
@pytest.mark.parametrize(
    ("typed", "password"),
    [
        ("a#b", "a#b"),
        ("a?b", "a?b"),
        ("a/b", "a/b"),
        ("a@b", "a@b"),
        ("a:b", "a:b"),
        ("#/?@!$&'()*+,;=", "#/?@!$&'()*+,;="),
        ("100%", "100%"),
        ("a%23b", "a#b"),  # escaped by who typed it
        ("käse", "käse"),
    ],
)
def test_a_password_of_any_signs_reaches_the_camera(scheme: str, typed: str, password: str) -> None:
    """FFmpeg ends the host at the first / # or ?, and took `user` for it."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Doorman) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="livedream-test")
        thread.start()
        _Doorman.said.clear()
        try:
            with pytest.raises(SourceError) as caught:
                NetworkSource(f"{scheme}://anna:{typed}@127.0.0.1:{server.server_address[1]}/live")
        finally:
            server.shutdown()
            thread.join()
    assert set(_Doorman.said) == {f"anna:{password}"}
    assert str(caught.value).startswith(
        f"{scheme}://127.0.0.1:{server.server_address[1]}/live has nothing at that path"
    )


def test_a_film_behind_an_address_is_no_camera(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    make_clip("film.mp4", frames=20)
    files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        thread = threading.Thread(target=server.serve_forever, name="livedream-test")
        thread.start()
        try:
            with pytest.raises(SourceError, match=r"film\.mp4 is a video, not live"):
                NetworkSource(f"http://127.0.0.1:{server.server_port}/film.mp4")
        finally:
            server.shutdown()
            thread.join()


def _opened_soon(address: str) -> Source:
    """Open what another process is about to serve."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return open_source(address)
        except SourceError:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_transport_stream_that_stops_and_comes_back(protocol: str) -> None:
    """Entered in the middle, where pictures have no key frame to stand on; then nothing comes, without a word."""
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{protocol}://127.0.0.1:{port}"
    with Sender(address + ("?listen=1" if protocol == "tcp" else "")) as sender, _opened_soon(address) as source:
        assert (source.size, source.rate, source.coding) == ((64, 48), 25, "h264")
        with Watching(source) as watching:
            until(lambda: watching.count > 10)
            sender.kill()
            assert until(lambda: source.notice) < 2
            until(lambda: source.notice and "lost" in source.notice)
            sender.start()
            count = watching.count
            assert until(lambda: watching.count > count) < 3 + STARTING
            assert source.notice is None


@pytest.mark.needs_ffmpeg
def test_rtsp_camera_that_goes_and_comes_back() -> None:
    with RtspCamera() as camera:
        with pytest.raises(SourceError, match="requires a user name and a password"):
            NetworkSource(camera.address.replace("secret", "wrong"))
        with open_source(camera.address) as source:
            assert (source.size, source.rate, source.coding) == ((64, 48), 25, "h264")
            assert source.name == camera.address.replace("anna:secret@", "")
            with Watching(source) as watching:
                until(lambda: watching.count > 10)
                camera.stop()
                assert until(lambda: source.notice) < 2
                assert source.notice == f"{source.name} lost, reconnecting (try 1)"
                camera.start()
                count = watching.count
                assert until(lambda: watching.count > count) < 3 + STARTING
