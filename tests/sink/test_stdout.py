"""Frames on standard output, read by ffmpeg through a pipe."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (12, 90, 200), (128, 128, 128), (255, 255, 255)]


@contextmanager
def standard_output(target: int) -> Iterator[None]:
    """Redirect descriptor 1 to `target` inside the block."""
    before = os.dup(1)
    os.dup2(target, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


@pytest.fixture
def through(tmp_path: Path) -> Callable[..., bytes]:
    """Return a function that writes frames to standard output and returns what the command at the other end prints."""

    def run(command: list[str], frames: list[Frame], spec: str = "-", **info: object) -> bytes:
        read, write = os.pipe()
        with subprocess.Popen(command, stdin=read, stdout=subprocess.PIPE, cwd=tmp_path) as program:
            os.close(read)
            with standard_output(write):
                os.close(write)
                with open_sink(spec, StreamInfo(**info)) as sink:  # type: ignore[arg-type]
                    for frame in frames:
                        sink.write(frame)
                    sink.end()
                os.write(1, b"spoils nothing\n")  # a library that prints
            out, _ = program.communicate(timeout=30)
        assert program.returncode == 0
        return out

    return run


def ramp(count: int, times: list[int] | None = None, rate: int = 25) -> list[Frame]:
    """Return frames that get brighter; their `times` are in frames of `rate`."""
    times = times or list(range(count))
    return [
        Frame(np.full((4, 6, 3), 10 * (number + 1), np.uint8), Fraction(moment, rate), number)
        for number, moment in enumerate(times)
    ]


def levels(raw: bytes) -> list[int]:
    return [int(level) for level in np.frombuffer(raw, np.uint8).reshape(-1, 72)[:, 0]]


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(("size", "matrix"), [((720, 576), "bt601"), ((1280, 720), "bt709")])
def test_colours_are_those_that_players_show(size, matrix, through) -> None:
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    edges = np.linspace(0, width, len(COLOURS) + 1).astype(int)
    for colour, left, right in zip(COLOURS, edges[:-1], edges[1:], strict=True):
        pixels[:, left:right] = colour
    scale = f"scale=in_color_matrix={matrix}:flags=accurate_rnd+full_chroma_int"
    command = ["ffmpeg", "-v", "error", "-i", "-", "-vf", scale, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = through(command, [Frame(pixels, Fraction(0), 0)], rate=Fraction(25))
    shown = np.frombuffer(raw, np.uint8).reshape(height, width, 3).astype(int)
    for colour, left, right in zip(COLOURS, edges[:-1], edges[1:], strict=True):
        assert np.abs(shown[height // 2, (left + right) // 2] - colour).max() <= 2, colour


@pytest.mark.needs_ffmpeg
def test_ffprobe_finds_size_rate_shape_and_every_frame(through) -> None:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "-"]
    frames = [
        Frame(np.full((49, 65, 3), number, np.uint8), Fraction(1001 * number, 30000), number) for number in range(7)
    ]
    (found,) = json.loads(through(command, frames, rate=Fraction(30000, 1001), pixel_aspect=Fraction(16, 15)))[
        "streams"
    ]
    names = ("width", "height", "pix_fmt", "r_frame_rate", "nb_read_frames", "sample_aspect_ratio", "field_order")
    assert [found[name] for name in names] == [66, 50, "yuv420p", "30000/1001", "7", "16:15", "progressive"]
    assert (found["chroma_location"], found["color_range"]) == ("center", "tv")


def test_raw_rgb_is_the_pixels_and_nothing_else(through) -> None:
    frames = [
        Frame(pixels, Fraction(i, 25), i)
        for i, pixels in enumerate(np.arange(2 * 72, dtype=np.uint8).reshape(2, 4, 6, 3))
    ]
    assert through(["cat"], frames, "rgb24:-", rate=Fraction(25)) == bytes(range(144))


def test_frames_are_repeated_and_left_out_to_keep_the_rate(through, caplog) -> None:
    """25 frames per second of a video whose frames last 1, 3, 1/2, 1/2 and 2 of these."""
    moments: list[tuple[Fraction | int, Fraction | int]] = [
        (0, 1),
        (1, 3),
        (4, Fraction(1, 2)),
        (Fraction(9, 2), Fraction(1, 2)),
        (5, 2),
    ]
    frames = [
        Frame(np.full((4, 6, 3), 10 * (i + 1), np.uint8), at / Fraction(25), i, duration=lasts / Fraction(25))
        for i, (at, lasts) in enumerate(moments)
    ]
    # 4.5 is rounded to 4, which is taken.
    assert levels(through(["cat"], frames, "rgb24:-", rate=Fraction(25))) == [10, 20, 20, 20, 30, 50, 50]
    assert "3 frames repeated and 1 left out to keep 25 fps" in caplog.text


def test_still_images_follow_one_another(through) -> None:
    frames = [Frame(np.full((4, 6, 3), level, np.uint8), Fraction(0), 0) for level in (10, 20)]
    assert levels(through(["cat"], frames, "rgb24:-", stills=True)) == [10, 20]


def test_a_live_source_begins_at_its_first_frame_and_its_gaps_are_filled(through) -> None:
    assert levels(through(["cat"], ramp(3, [100, 101, 104]), "rgb24:-", rate=Fraction(25), live=True)) == [
        10,
        20,
        20,
        20,
        30,
    ]


def test_a_slow_reader_of_a_live_source_gets_no_repeated_frames() -> None:
    """It takes one frame and pauses, so that the pipe is full. The frames that it missed are not repeated."""
    read, write = os.pipe()
    pixels = np.zeros((1080, 1920, 3), np.uint8)  # more than a pipe holds
    with standard_output(write):
        os.close(write)
        with subprocess.Popen(["sh", "-c", "sleep 0.3; wc -c"], stdin=read, stdout=subprocess.PIPE) as reader:
            os.close(read)
            with open_sink("rgb24:-", StreamInfo(rate=Fraction(25), live=True)) as sink:
                sink.write(Frame(pixels, Fraction(0), 0))  # waits until the reader is ready
                sink.write(Frame(pixels, Fraction(1), 25))
            out, _ = reader.communicate(timeout=30)
    assert int(out) == 2 * pixels.size


def test_a_reader_that_leaves_ends_the_sink(caplog) -> None:
    read, write = os.pipe()
    with standard_output(write):
        os.close(write)
        with open_sink("-", StreamInfo(rate=Fraction(25))) as sink:
            os.close(read)
            assert not sink.finished
            for frame in ramp(3):
                sink.write(frame)
            sink.end()
            assert sink.finished
    assert caplog.text.count("the reader closed standard output after 0 frames") == 1


def test_a_terminal_is_refused() -> None:
    ours, theirs = os.openpty()
    try:
        with standard_output(theirs), pytest.raises(SinkError, match="standard output is a terminal") as caught:
            open_sink("-")
        assert "| ffmpeg" in caught.value.hint
    finally:
        os.close(ours)
        os.close(theirs)


def test_text_among_the_frames_is_refused() -> None:
    read, write = os.pipe()
    errors = os.dup(2)
    try:
        os.dup2(write, 2)
        with (
            standard_output(write),
            pytest.raises(SinkError, match="standard output and standard error are the same file"),
        ):
            open_sink("-")
    finally:
        os.dup2(errors, 2)
        for descriptor in (errors, read, write):
            os.close(descriptor)


def test_a_full_disk_is_an_error() -> None:
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123
        standard_output(full.fileno()),
        open_sink("-", StreamInfo(rate=Fraction(25))) as sink,
        pytest.raises(SinkError, match="No space left"),
    ):
        sink.write(ramp(1)[0])
