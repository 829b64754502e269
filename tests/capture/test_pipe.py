"""Films and raw pictures on standard input."""

import os
import pty
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.pipe import PipeSource
from livedream.cli.main import main
from livedream.errors import ArgumentError, SourceError
from tests.capture.watching import Watching, until
from tests.films import UPRIGHT, corners, ffprobe, quarters, write_film

# What `ffmpeg -f yuv4mpegpipe` writes, by hand: three grey pictures of 4x2 (the format: man yuv4mpeg, mjpegtools).
Y4M = b"YUV4MPEG2 W4 H2 F30000:1001 Ip A1:1 C420jpeg\n" + b"".join(
    b"FRAME\n" + bytes([grey] * 8) + bytes([128] * 4) for grey in (16, 120, 235)
)


def piped(content: bytes, **options: object) -> PipeSource:
    """A source that reads `content` from a pipe; short enough to fit into one."""
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:  # noqa: PTH123 (a descriptor)
        pipe.write(content)
    with open(reading, "rb") as end:  # noqa: PTH123
        return PipeSource(descriptor=os.dup(end.fileno()), **options)  # type: ignore[arg-type]


def test_47_y4m(tmp_path: Path) -> None:
    with piped(Y4M) as source:
        assert (source.name, source.size, source.rate, source.live) == (
            "standard input", (4, 2), Fraction(30000, 1001), False
        )  # fmt: skip
        frames = list(source)
    assert [frame.time for frame in frames] == [Fraction(n * 1001, 30000) for n in range(3)]
    levels = [int(frame.pixels.mean()) for frame in frames]
    assert levels == sorted(levels)


def test_47_raw_pictures() -> None:
    first, second = (np.random.default_rng(n).integers(0, 256, (6, 8, 3), np.uint8) for n in range(2))
    with piped(first.tobytes() + second.tobytes(), size=(8, 6), rate=Fraction(25)) as source:
        frames = list(source)
    assert [frame.time for frame in frames] == [0, Fraction(1, 25)]
    assert np.array_equal(frames[0].pixels, first)
    assert np.array_equal(frames[1].pixels, second)


def test_47_any_other_film_that_can_be_read_from_the_front(tmp_path: Path) -> None:
    content = write_film(tmp_path / "film.mkv", [0, 40, 80], options={"live": "1"}).read_bytes()
    with piped(content) as source:
        assert [corners(frame.pixels) for frame in source] == [UPRIGHT] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "nothing comes from standard input"),
        (b"Once upon a time there was a film.\n" * 100, "is no film that FFmpeg knows"),
        (np.random.default_rng(0).bytes(5000), "is no film that FFmpeg knows"),
    ],
)
def test_47_what_is_no_film(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        piped(content)


def test_size_without_rate() -> None:
    with pytest.raises(ArgumentError, match="raw pictures need their size and their rate"):
        PipeSource(size=(8, 6))


def test_a_terminal_is_no_film() -> None:
    ours, theirs = pty.openpty()
    try:
        with pytest.raises(SourceError, match="is a terminal"):
            PipeSource(descriptor=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_closing_does_not_wait_for_who_writes() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, Y4M + 500 * Y4M[-18:])  # FFmpeg wants two KiB before it is sure
        with PipeSource(descriptor=reading) as source, Watching(source) as watching:
            until(lambda: watching.count == 503)  # and now it waits for the next
            assert until(lambda: source.close() is None) < 1
            assert until(lambda: not watching.running) < 1
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.needs_ffmpeg
def test_47_the_whole_way_through_a_pipe(tmp_path: Path) -> None:
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
        "error: '64' is no size",
        "error: '0' is no rate",
    ]
