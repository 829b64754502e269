"""Films and raw pictures on standard input."""

import os
import pty
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream.capture import stdin
from livedream.capture.decoding import tap
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.capture.stdin import StdinSource
from livedream.cli.main import main
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.pipeline import run
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.capture.watching import Watching, until
from tests.films import UPRIGHT, av, corners, ffprobe, quarters, write_film, write_subtitled

# What `ffmpeg -f yuv4mpegpipe` writes, by hand: three grey pictures of 4x2 (the format: man yuv4mpeg, mjpegtools).
Y4M = b"YUV4MPEG2 W4 H2 F30000:1001 Ip A1:1 C420jpeg\n" + b"".join(
    b"FRAME\n" + bytes([grey] * 8) + bytes([128] * 4) for grey in (16, 120, 235)
)


def piped(content: bytes, **options: object) -> StdinSource:
    """A source that reads `content` from a pipe; short enough to fit into one."""
    reading, writing = os.pipe()
    with open(writing, "wb") as end:  # noqa: PTH123 (a descriptor)
        end.write(content)
    with open(reading, "rb") as end:  # noqa: PTH123
        return StdinSource(descriptor=os.dup(end.fileno()), **options)  # type: ignore[arg-type]


def test_y4m_from_a_pipe(tmp_path: Path) -> None:
    with piped(Y4M) as source:
        assert (source.name, source.size, source.rate, source.live) == (
            "standard input", (4, 2), Fraction(30000, 1001), False
        )  # fmt: skip
        frames = list(source)
    assert [frame.time for frame in frames] == [Fraction(n * 1001, 30000) for n in range(3)]
    levels = [int(frame.pixels.mean()) for frame in frames]
    assert levels == sorted(levels)


def test_raw_frames_from_a_pipe() -> None:
    first, second = (np.random.default_rng(n).integers(0, 256, (6, 8, 3), np.uint8) for n in range(2))
    with piped(first.tobytes() + second.tobytes(), size=(8, 6), rate=Fraction(25)) as source:
        frames = list(source)
    assert [frame.time for frame in frames] == [0, Fraction(1, 25)]
    assert np.array_equal(frames[0].pixels, first)
    assert np.array_equal(frames[1].pixels, second)


def test_any_other_video_that_can_be_read_from_its_beginning(tmp_path: Path) -> None:
    content = write_film(tmp_path / "film.mkv", [0, 40, 80], options={"live": "1"}).read_bytes()
    with piped(content) as source:
        assert [corners(frame.pixels) for frame in source] == [UPRIGHT] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no data from standard input"),
        (b"Once upon a time there was a film.\n" * 100, "FFmpeg does not recognize the format of standard input"),
        (np.random.default_rng(0).bytes(5000), "FFmpeg does not recognize the format of standard input"),
    ],
)
def test_data_that_is_not_a_video_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        piped(content)


def write_into(fifo: Path, content: bytes) -> threading.Thread:
    """Write into a FIFO, as another program would."""
    writer = threading.Thread(target=fifo.write_bytes, args=(content,), name="livedream-test")
    writer.start()
    return writer


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as film:
        packets = [packet for packet in film.demux(audio=0) if packet.size]
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet)[-50:]) for packet in packets]


def into(target: Path, source: Source) -> int:
    with source, open_sink(target, StreamInfo.of(source)) as sink:
        report = run(source, lambda frame: frame, [sink])
    return report.dreamt


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo.mkv")
    return tmp_path / "fifo.mkv"


@pytest.mark.parametrize("kind", ["mkv", "ts", "flv"])
@pytest.mark.parametrize("sound_seconds", [0.5, 2.0, 4.0])
def test_a_fifo_is_a_film_with_its_sound(kind: str, sound_seconds: float, fifo: Path, tmp_path: Path) -> None:
    """It can be read once: the sound comes through the same hands, and is the same as that from a file."""
    film = write_film(
        tmp_path / f"film.{kind}", list(range(50)), time_base=Fraction(1, 25), sound="aac", sound_seconds=sound_seconds
    )
    writer = write_into(fifo, film.read_bytes())
    assert into(tmp_path / "of-stdin.mkv", open_source(fifo)) == 50
    writer.join(10)
    assert into(tmp_path / "of-file.mkv", open_source(film)) == 50
    assert sound_of(tmp_path / "of-stdin.mkv") == sound_of(tmp_path / "of-file.mkv") != []


def test_a_fifo_is_opened_once_whatever_else_is_looked_for_in_a_file(fifo: Path) -> None:
    """In HEVC it is asked whether it is Dolby Vision: of a file by a look into its header. No writer is left here."""
    film = write_film(fifo.with_name("film.mkv"), [0, 40, 80], codec="libx265")
    writer = write_into(fifo, film.read_bytes())
    with open_source(fifo) as source:
        writer.join(10)
        assert len(list(source)) == 3


def test_a_part_of_a_pipe(fifo: Path, tmp_path: Path) -> None:
    film = write_film(
        tmp_path / "film.mkv", list(range(100)), time_base=Fraction(1, 25), sound="aac", sound_seconds=4.0
    )
    part: dict[str, Any] = {"start": Fraction(5, 2), "end": Fraction(3)}
    writer = write_into(fifo, film.read_bytes())
    assert into(tmp_path / "of-stdin.mkv", open_source(fifo, **part)) in (12, 13)
    writer.join(10)
    into(tmp_path / "of-file.mkv", open_source(film, **part))
    assert sound_of(tmp_path / "of-stdin.mkv") == sound_of(tmp_path / "of-file.mkv") != []


def test_the_sound_of_a_pipe_goes_into_one_film(fifo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_film(tmp_path / "film.mkv", [0, 40, 80], sound="aac")
    writer = write_into(fifo, film.read_bytes())
    with (
        open_source(fifo) as source,
        open_sink(tmp_path / "1.mkv", StreamInfo.of(source)) as first,
        open_sink(tmp_path / "2.mkv", StreamInfo.of(source)) as second,
    ):
        run(source, lambda frame: frame, [first, second])
    writer.join(10)
    assert sound_of(tmp_path / "1.mkv") != []
    assert f"{tmp_path}/2.mkv has no sound: the sound of {fifo} can be kept in one video only" in caplog.messages


def test_a_fifo_into_which_nobody_writes_is_said(
    fifo: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stdin, "WAITING_SECONDS", 0.05)
    with ThreadPoolExecutor(1) as reader:
        opening = reader.submit(open_source, fifo)
        until(lambda: caplog.messages == [f"waiting for a program to write into {fifo}"])
        fifo.write_bytes(Y4M)
        with opening.result(10) as source:
            assert sum(1 for _ in source) == 3


def test_a_pipe_that_ends_early(tmp_path: Path) -> None:
    content = write_film(tmp_path / "film.mkv", list(range(50)), time_base=Fraction(1, 25), gop=5).read_bytes()
    with piped(content[: len(content) * 6 // 10]) as source:
        assert sum(1 for _ in source) < 50
        assert source.ended_early is not None
        assert source.ended_early.endswith(" of 2.0 s")


def test_an_mp4_with_its_index_at_the_end_does_not_go_through_a_pipe(fifo: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    film = write_film(tmp_path / "film.mp4", list(range(0, 2000, 40)), pixels=noise, gop=1)
    assert film.stat().st_size > 2 * stdin.BUFFER
    writer = write_into(fifo, film.read_bytes())
    with pytest.raises(SourceError, match="is not at its beginning, and a pipe cannot be rewound") as caught:
        open_source(fifo)
    assert "save it to a file first" in caught.value.hint
    writer.join(10)


def test_a_film_is_not_written_over_a_fifo(fifo: Path) -> None:
    with pytest.raises(SinkError, match="is a device, a pipe or a socket"):
        open_sink(fifo, overwrite=True)
    assert fifo.is_fifo()


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/random"])
def test_devices_that_are_no_cameras(name: str) -> None:
    with pytest.raises(SourceError, match="is not a camera"):
        open_source(name)


def test_a_socket_is_no_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may have a hundred bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("film.mkv")
        with pytest.raises(SourceError, match="is a socket, not a video"):
            open_source("film.mkv")


def test_size_without_rate() -> None:
    with pytest.raises(ArgumentError, match="raw frames need both size and rate"):
        StdinSource(size=(8, 6))


def test_a_terminal_is_no_film() -> None:
    ours, theirs = pty.openpty()
    try:
        with pytest.raises(SourceError, match="is a terminal"):
            StdinSource(descriptor=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_closing_does_not_wait_for_who_writes() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, Y4M + 500 * Y4M[-18:])  # FFmpeg wants two KiB before it is sure
        with StdinSource(descriptor=reading) as source, Watching(source) as watching:
            until(lambda: watching.count == 503)  # and now it waits for the next
            assert until(lambda: source.close() is None) < 1
            assert until(lambda: not watching.running) < 1
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.needs_ffmpeg
def test_the_command_reads_and_writes_pipes(tmp_path: Path) -> None:
    """A raw picture goes in by a real pipe, and comes out as it was: strength 0, lossless."""
    command = [sys.executable, "-m", "livedream", "run", "-", "--size", "64x48", "--rate", "10", "--strength", "0"]
    raw = quarters().tobytes() * 5
    done = subprocess.run(
        [*command, "--to", str(tmp_path / "out.mkv"), "--codec", "ffv1"], input=raw, capture_output=True, check=True
    )
    assert b"standard input 64x48, 10 fps -> " in done.stdout
    assert len(ffprobe(tmp_path / "out.mkv", "v", "packet=pts_time")) == 5


def test_size_is_not_for_films(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40])
    assert main(["run", str(film), "--size", "64x48", "--to", "null"]) == 2
    assert main(["run", "-", "--size", "64", "--to", "null"]) == 2
    assert main(["run", "-", "--rate", "0", "--to", "null"]) == 2
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")] == [
        "error: --size is for cameras and raw pictures",
        "error: invalid size '64': expected WIDTHxHEIGHT",
        "error: invalid rate '0'",
    ]


def test_a_fifo_without_sound_keeps_its_subtitles(fifo: Path, tmp_path: Path) -> None:
    writer = write_into(fifo, write_subtitled(tmp_path / "film.mkv").read_bytes())
    into(tmp_path / "out.mkv", open_source(fifo))
    writer.join(10)
    (text,) = ffprobe(tmp_path / "out.mkv", "s", "packet=pts_time,duration_time")
    assert (float(text["pts_time"]), float(text["duration_time"])) == pytest.approx((0.2, 0.5), abs=0.002)


def test_sound_that_is_more_than_can_wait_is_said_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Up to the next picture of a slow film all of the sound between the two waits."""
    monkeypatch.setattr(tap, "MOST_BYTES", 1000)
    with av.open(str(write_film(tmp_path / "film.mkv", [0, 1000], sound="aac"))) as film:
        waiting = tap.Tap("a pipe", film, Fraction(-1))
        for packet in film.demux(audio=0):
            waiting.put(packet)
    (said,) = caplog.messages
    assert said.startswith("a pipe: part of the sound is lost: ")
