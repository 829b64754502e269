"""Streams over the network, received by other programs on this machine."""

import contextlib
import itertools
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink import network_stream
from livedream.sink.network_stream import NetworkSink
from livedream.sink.open import ADDRESSES, open_sink
from livedream.sink.stream_formats import STREAM_FORMATS
from livedream.stream_info import StreamInfo
from livedream.urls import STREAMS, redact
from tests.films import UPRIGHT, corners, ffprobe, quarters, read_film

LIVE = StreamInfo(live=True, rate=Fraction(30))
LISTEN = {"rtmp": ["-listen", "1"], "rtsp": ["-rtsp_flags", "listen"]}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_stream, "PAUSES", (0.05,))


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def receiver(address: str, target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg, which waits for a stream at `address` and keeps it."""
    kept = ["-c", "copy", "-flush_packets", "1", "-f", "mpegts", str(target)]
    command = ["ffmpeg", "-y", "-v", "error", *LISTEN[address.partition(":")[0]], "-i", address, *kept]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.kill()


class Camera:
    """Writes frames into a sink, of four colours, 30 of them a second by their times and more by the clock."""

    def __init__(self, sink: NetworkSink) -> None:
        self.sink = sink
        self.index = 0
        self.slowest = 0.0

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it did not come to that; {self.sink.notice}"
            began = time.monotonic()
            self.sink.write(Frame(quarters((160, 120)), Fraction(self.index, 30), self.index))
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.index += 1
            time.sleep(0.005)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_udp_plays_what_is_sent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, (tmp_path / "got.ts").open("wb") as got:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(0.2)
        sink = open_sink(f"udp://127.0.0.1:{ear.getsockname()[1]}", LIVE)
        with sink:
            for index in range(70):
                sink.write(Frame(quarters((160, 120)), Fraction(100) + Fraction(index, 30), index))
            sink.end()
        with contextlib.suppress(TimeoutError):
            while True:
                got.write(ear.recv(65536))
    shown_frames = read_film(tmp_path / "got.ts")
    assert len(shown_frames) == 70
    times = [time - shown_frames[0][0] for time, _ in shown_frames]
    assert times == pytest.approx([Fraction(index, 30) for index in range(70)], abs=1e-4)
    assert all(corners(pixels) == UPRIGHT for _, pixels in shown_frames)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("address", ["rtmp://127.0.0.1:{}/live/key", "rtsp://127.0.0.1:{}/live"])
def test_reconnects_to_servers_that_start_late_or_disappear(
    address: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(network_stream, "SERVER_TIMEOUT", 0.0)  # one second then: these servers answer at once
    address = address.format(port)
    sink = open_sink(address, LIVE)
    assert isinstance(sink, NetworkSink)
    with sink:
        camera = Camera(sink)
        camera.until(lambda: "Connection refused" in (sink.notice or ""))
        assert (sink.notice or "").startswith(f"{redact(address)}: Connection refused, ")
        for number in range(2):
            with receiver(address, tmp_path / f"{number}.ts") as process:
                camera.until(lambda number=number: size(tmp_path / f"{number}.ts") > 20_000 and sink.notice is None)  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
                camera.until(lambda: sink.notice is not None)
        assert camera.slowest < 0.5
    assert [record.getMessage().split(": ")[1] for record in caplog.records if "reconnected, " in record.getMessage()]
    for number in range(2):
        path = tmp_path / f"{number}.ts"
        (stream,) = ffprobe(path, "v", "stream=codec_name,has_b_frames")[:1]
        assert (stream["codec_name"], stream["has_b_frames"]) == ("h264", 0)
        packets = ffprobe(path, "v", "packet=pts_time,flags")
        assert packets[0]["flags"].startswith("K")
        keys = [float(packet["pts_time"]) for packet in packets if packet["flags"].startswith("K")]
        assert max(after - before for before, after in itertools.pairwise(keys)) < 1.1
        assert corners(read_film(path)[0][1]) == UPRIGHT


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("address", ["rtmp://127.0.0.1:{}/live/key", "rtsp://127.0.0.1:{}/live"])
def test_a_server_that_hangs_does_not_block(
    address: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = address.partition(":")[0]
    quick = STREAM_FORMATS[kind].options.replace("5000000", "500000")
    quick_format = STREAM_FORMATS[kind]._replace(options=quick)
    monkeypatch.setattr(network_stream, "STREAM_FORMATS", {**STREAM_FORMATS, kind: quick_format})
    address = address.format(port)
    sink = NetworkSink(address, LIVE)
    camera = Camera(sink)
    with receiver(address, tmp_path / "got.ts") as process:
        camera.until(lambda: size(tmp_path / "got.ts") > 10_000)
        process.send_signal(signal.SIGSTOP)
        for _ in range(200):
            camera.until(lambda index=camera.index: camera.index > index)  # type: ignore[misc]
        began = time.monotonic()
        sink.close()
        assert time.monotonic() - began < 5
    assert camera.slowest < 0.5


@pytest.mark.parametrize("speed", [Fraction(1), Fraction(1, 3)])
def test_a_film_is_sent_at_its_own_speed(speed: Fraction) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        with NetworkSink(f"udp://127.0.0.1:{ear.getsockname()[1]}", StreamInfo(rate=Fraction(30))) as sink:
            assert not sink.live
            sink.speed = speed
            began = time.monotonic()
            for index in range(10):
                sink.write(Frame(quarters(), Fraction(index, 30), index))
            assert time.monotonic() - began == pytest.approx(9 / 30 / speed, abs=0.1)


def test_a_video_that_no_server_receives_is_an_error(port: int) -> None:
    with NetworkSink(f"rtmp://127.0.0.1:{port}/live/dream", StreamInfo(rate=Fraction(30))) as sink:
        Camera(sink).until(lambda: sink.notice is not None)
        with pytest.raises(SinkError, match=r"refused, \d+ frames lost"):
            sink.end()


def test_there_is_a_format_for_every_address_and_urls_knows_them_all() -> None:
    assert tuple(STREAM_FORMATS) == ADDRESSES
    assert set(ADDRESSES) <= set(STREAMS)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("http://host/", "cannot send to http://"),
        ("udp://127.0.0.1", "udp://127.0.0.1 names no host and port"),
        ("udp://127.0.0.1:port", "names no host and port"),
        ("rtmp:///live/key", "names no host and port"),
    ],
)
def test_invalid_addresses_are_refused(address: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        open_sink(address)


def test_an_unsupported_protocol_is_an_error_before_the_first_frame() -> None:
    """The wheels of PyAV have no srt. Where it is built in, the sink opens."""
    try:
        open_sink("srt://127.0.0.1:5000").close()
    except SinkError as error:
        assert "does not support srt://" in str(error)
        assert "udp://" in error.hint
