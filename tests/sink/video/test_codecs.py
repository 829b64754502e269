"""Every codec in every type of file, checked with ffprobe and PyAV.

A lost network drive is an error while writing, like the full disk here. Folders that are missing or not writable are
tested in tests/sink/test_sink.py; slow and failing encoders in tests/pipeline.
"""

import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream.errors import ArgumentError, SinkError
from livedream.formats.suffixes import CONTAINERS
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.sink.video import codecs
from livedream.sink.video.codecs import ENCODERS, Encoder, Encoding, find_encoders
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo
from tests.films import av, ffprobe, quarters, read_film

MS = Fraction(1, 1000)
EVERY = [(suffix, codec) for suffix, codecs in CONTAINERS.items() for codec in codecs]
YUV = {"pix_fmt": "yuv420p", "color_range": "tv", "color_space": "bt709"}
BT709 = {"color_transfer": "bt709", "color_primaries": "bt709"}
# What ffprobe, asked for CODED below, must say, and how far a flat colour may be off: some levels for the codec and for
# rounding in 8 bits of limited range, none without loss.
EXPECTED: dict[str, tuple[dict[str, str], int]] = {
    "h264": ({"codec_name": "h264"} | YUV | BT709, 4),
    "h265": ({"codec_name": "hevc"} | YUV | BT709, 4),
    "av1": ({"codec_name": "av1"} | YUV | BT709, 4),
    "vp9": ({"codec_name": "vp9"} | YUV | BT709, 4),
    "prores": ({"codec_name": "prores"} | YUV | BT709 | {"pix_fmt": "yuv422p10le"}, 4),
    "ffv1": ({"codec_name": "ffv1", "pix_fmt": "bgr0", "color_range": "pc", "color_space": "gbr"} | BT709, 0),
    "gif": ({"codec_name": "gif", "pix_fmt": "bgra"}, 0),  # four colours fit into a palette
}
CODED = "stream=codec_name,pix_fmt,color_range,color_space,color_transfer,color_primaries"


def write(path: Path, frames: list[Frame], codec: str = "auto", quality: int | None = None, **info: Any) -> Path:
    known = StreamInfo(**{"rate": Fraction(25), "time_base": MS, "length": len(frames), **info})
    with open_sink(path, known, encoding=Encoding(codec=codec, quality=quality), overwrite=True) as sink:
        for frame in frames:
            sink.write(frame)
        sink.end()
    return path


def flat(ticks: list[int], size: tuple[int, int] = (64, 48)) -> list[Frame]:
    return [Frame(quarters(size), tick * MS, index) for index, tick in enumerate(ticks)]


def noise(count: int, size: tuple[int, int] = (64, 48)) -> list[Frame]:
    """Frames at 25 a second that no codec can make small, and that are all different."""
    random = np.random.default_rng(0)
    pixels = [random.integers(0, 255, (size[1], size[0], 3), np.uint8) for _ in range(count)]
    return [Frame(picture, Fraction(index, 25), index) for index, picture in enumerate(pixels)]


def key_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as film:
        packets = [packet for packet in film.demux(video=0) if packet.pts is not None and packet.is_keyframe]
        return [Fraction(packet.pts or 0) * packet.time_base for packet in packets]


# Every codec in every kind of file -----------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_frames_times_duration_and_tags(suffix: str, codec: str, live: bool, tmp_path: Path) -> None:
    """30 frames at 25 per second: 1.2 s. The colours are tagged, and the first frame is a key frame."""
    film = write(tmp_path / f"film{suffix}", flat(list(range(0, 1200, 40))), codec, live=live)
    tags, tolerance = EXPECTED[codec]
    (video,) = ffprobe(film, "v", CODED)
    assert video == tags
    shown = read_film(film)
    assert [time for time, _ in shown] == [Fraction(index, 25) for index in range(30)]
    for _, pixels in shown:
        off = np.abs(pixels.astype(int) - quarters())
        assert max(off[4:20, 4:28].max(), off[28:44, 36:60].max()) <= tolerance
    with av.open(str(film)) as container:
        assert container.duration == 1_200_000
    keys = key_times(film)
    assert keys[0] == 0
    assert max((later - sooner for sooner, later in itertools.pairwise(keys)), default=0) <= 1


@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_first_line_names_the_encoder(suffix: str, codec: str, tmp_path: Path) -> None:
    (encoder, *_) = find_encoders(suffix, Encoding(codec=codec))
    with open_sink(tmp_path / f"film{suffix}", encoding=Encoding(codec=codec)) as sink:
        assert f"({encoder.name}" in sink.name


def test_without_a_choice_it_is_x264_at_18(tmp_path: Path) -> None:
    with open_sink(tmp_path / "film.mp4") as sink:
        assert sink.name.endswith("film.mp4 (libx264 veryfast crf 16)")


@pytest.mark.parametrize(
    ("suffix", "wanted"),
    [(".mp4", "libx264"), (".mov", "libx264"), (".mkv", "libx264"), (".webm", "libvpx-vp9"), (".gif", "gif")],
)
def test_the_name_of_the_file_chooses(suffix: str, wanted: str) -> None:
    assert find_encoders(suffix, Encoding())[0].name == wanted


@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_odd_sizes(suffix: str, codec: str, tmp_path: Path) -> None:
    """Odd sizes are padded to even ones if the codec subsamples the chroma, and not otherwise."""
    size = (63, 47)
    expected = size if codec in ("ffv1", "gif") else (64, 48)
    ((_, pixels), *_) = read_film(write(tmp_path / f"film{suffix}", flat([0, 40], size), codec))
    assert pixels.shape[1::-1] == expected


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (640, 3)])
def test_ffv1_keeps_every_level(size: tuple[int, int], tmp_path: Path) -> None:
    frames = noise(3, size)
    shown = read_film(write(tmp_path / "film.mkv", frames, "ffv1"))
    for frame, (_, pixels) in zip(frames, shown, strict=True):
        assert (pixels == frame.pixels).all()


@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_variable_times(suffix: str, codec: str, tmp_path: Path) -> None:
    """The first frame may have any time."""
    ticks = [40, 70, 130, 500, 540, 1500, 1530, 2600]
    shown = read_film(write(tmp_path / f"film{suffix}", flat(ticks), codec))
    begin = 40 if suffix == ".gif" else 0  # a GIF has no time before its first picture
    assert [time for time, _ in shown] == [(tick - begin) * MS for tick in ticks]


@pytest.mark.parametrize("codec", [codec for _, codec in EVERY if codec not in ("ffv1", "gif")])
def test_quality_is_one_scale(codec: str, tmp_path: Path) -> None:
    suffix = next(suffix for suffix, codecs in CONTAINERS.items() if codec in codecs)
    sizes = [write(tmp_path / f"{q}{suffix}", noise(5), codec, q).stat().st_size for q in (10, 60, 95)]
    assert sizes == sorted(set(sizes))


def test_apple_players_know_the_h265(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "film.mp4", flat([0, 40]), "h265"))) as film:
        assert film.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_few_frames(suffix: str, codec: str, count: int, tmp_path: Path) -> None:
    """x265 gives random decoding times to the packets of one or two frames."""
    ticks = list(range(0, 40 * count, 40))
    assert [time / MS for time, _ in read_film(write(tmp_path / f"film{suffix}", flat(ticks), codec))] == ticks


# GIF -----------------------------------------------------------------------------------------------------------------


def test_gif_shows_fifty_frames_a_second_at_most(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By hand: 60 a second, in hundredths 0 2 3 5 7 8 10 12 13 15; of those, two apart, 0 2 5 7 10 12 15."""
    frames = [Frame(quarters(), Fraction(index, 60), index) for index in range(10)]
    with caplog.at_level(logging.WARNING):
        shown = read_film(write(tmp_path / "film.gif", frames, rate=Fraction(60)))
    assert [time * 100 for time, _ in shown] == [0, 2, 5, 7, 10, 12, 15]
    assert "3 frames left out: a GIF has at most 50 frames per second" in caplog.text


def test_gif_has_a_palette_for_each_picture(tmp_path: Path) -> None:
    """192 greens, then 192 reds: no 256 colours do for both, and PSNR by hand of what one palette could do is 33."""
    ramp = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)
    for channel in (1, 0):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[..., channel] = ramp
        ((_, shown),) = read_film(write(tmp_path / "film.gif", [Frame(pixels, Fraction(0), 0)]))
        assert np.abs(shown.astype(int) - pixels).mean() < 1


# What does not go ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "text", "hint"),
    [
        ("a.mov", "vp9", ".mov cannot contain vp9", "choose from h264, h265, prores, or write vp9 into .mp4"),
        ("a.webm", "h264", ".webm cannot contain h264", "choose from vp9, av1, or write h264 into .mp4, .mov, .mkv"),
        ("a.gif", "h264", ".gif cannot contain h264", "choose from gif"),
        ("a.mp4", "gif", ".mp4 cannot contain gif", "write gif into .gif"),
        ("a.webm", "h264_nvenc", ".webm cannot contain h264_nvenc", "choose from vp9, av1"),
    ],
)
def test_wrong_pair(name: str, codec: str, text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        open_sink(tmp_path / name, encoding=Encoding(codec=codec))
    assert str(caught.value) == text
    assert hint in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codec", ["ffv1", "gif"])
def test_no_quality_where_there_is_none(codec: str) -> None:
    suffix = ".mkv" if codec == "ffv1" else ".gif"
    with pytest.raises(ArgumentError, match=f"the quality of {codec} is fixed"):
        find_encoders(suffix, Encoding(codec=codec, quality=50))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of the threads of a process")
def test_no_encoder_leaves_a_thread_real_time(tmp_path: Path) -> None:
    """SVT-AV1 does, as root: 99 of 99, for this thread and its own."""
    with open_sink(tmp_path / "film.mkv", StreamInfo(rate=Fraction(25)), encoding=Encoding(codec="av1")) as sink:
        for frame in noise(3, (64, 48)):
            sink.write(frame)
            threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
            assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
        sink.end()


def test_unknown_choices() -> None:
    with pytest.raises(ArgumentError, match="unknown codec: h266") as caught:
        Encoding(codec="h266")
    assert "h265" in caught.value.hint
    for quality in (-1, 101):
        with pytest.raises(ArgumentError, match=f"quality must be from 0 to 100, got {quality}"):
            Encoding(quality=quality)


@pytest.mark.parametrize("encoder", [encoder for encoder in ENCODERS if encoder.hardware], ids=lambda e: e.name)
def test_hardware_works_or_is_refused_before_the_first_frame(encoder: Encoder, tmp_path: Path) -> None:
    """On a machine with the hardware it writes a video; on others there is one line of error and no file."""
    path = tmp_path / ("film.mkv" if encoder.codec == "av1" else "film.mp4")
    try:
        sink = open_sink(path, StreamInfo(rate=Fraction(25)), encoding=Encoding(codec=encoder.name))
    except SinkError as error:
        assert encoder.name in str(error)
        assert "\n" not in str(error)
        assert error.hint.command_line == f"--codec {encoder.codec} needs no hardware encoder"
        assert list(tmp_path.iterdir()) == []
        return
    with sink:
        for frame in noise(10, (320, 240)):
            sink.write(frame)
        sink.end()
    assert len(read_film(path)) == 10


def test_encoder_that_pyav_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build without GPL has no libx264; the next encoder is used, and the first line names it."""
    absent, other = Encoder(name="libnothing", codec="h264"), Encoder(name="libx264", codec="h264")
    monkeypatch.setattr(codecs, "ENCODERS", (absent, other))
    assert choose_encoder(".mp4", Encoding()) == other
    monkeypatch.setattr(codecs, "ENCODERS", (absent,))
    with pytest.raises(SinkError, match="libnothing does not work here: this build of PyAV lacks it") as caught:
        choose_encoder(".mp4", Encoding())
    assert "codec" in caught.value.hint


# Killed, and the disk full -------------------------------------------------------------------------------------------

PROGRAM = """
    import resource, signal, sys
    from fractions import Fraction
    from pathlib import Path
    import numpy as np
    from livedream import Frame, SinkError
    from livedream.sink.video.codecs import Encoding
    from livedream.stream_info import StreamInfo
    from livedream.sink.video.video_sink import VideoSink

    path, codec = Path(sys.argv[1]), sys.argv[2]
    width, height, count, limit = map(int, sys.argv[3:])
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    noise = np.random.default_rng(0)
    try:
        with VideoSink(path, StreamInfo(rate=Fraction(25), length=count), encoding=Encoding(codec=codec)) as sink:
            for index in range(count):
                sink.write(Frame(noise.integers(0, 255, (height, width, 3), np.uint8), Fraction(index, 25), index))
            print("written", flush=True)
            sys.stdin.readline()
    except SinkError as error:
        print(error)
        print(error.hint)
"""


def playable(path: Path) -> int:
    """How many frames can be decoded before the first that cannot."""
    count = 0
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as film:
        for _ in film.decode(video=0):
            count += 1
    return count


@pytest.mark.parametrize(("suffix", "codec"), EVERY)
def test_killed_process_loses_two_seconds_at_most(suffix: str, codec: str, tmp_path: Path) -> None:
    """SIGKILL after 110 frames, 4.4 s; 50 frames are two seconds."""
    arguments = [str(tmp_path / f"film{suffix}"), codec, "64", "48", "110", "0"]
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert {path.name for path in tmp_path.iterdir()} == {f"film.part{suffix}", "film.part.lock"}
    assert playable(tmp_path / f"film.part{suffix}") >= 60


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "h264"), (".mov", "prores"), (".mkv", "ffv1"), (".mkv", "h265"), (".webm", "vp9"), (".gif", "gif")],
)
def test_full_disk_leaves_a_film_and_says_what_is_missing(
    suffix: str, codec: str, small_disk: tuple[Path, int]
) -> None:
    folder, limit = small_disk
    path = folder / f"film{suffix}"
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(path), codec, "128", "96", "400", str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
    said = done.stdout.splitlines()
    reason = "File too large" if limit else "No space left on device"
    assert said[0].startswith(f"{path}: {reason} after "), done
    assert " of 400 frames (" in said[0]
    if suffix == ".gif":  # without its end it is no GIF
        assert not path.exists()
        path = folder / "film.part.gif"
    assert said[1] == f"what was written is in {path}"
    assert done.stderr == (
        f"{folder / 'film.gif'} is not complete; what was written is in {path}\n" if suffix == ".gif" else ""
    )
    written = int(said[0].split(" after ")[1].split()[0])
    assert 10 <= written < 400
    assert playable(path) >= max(10, written - 60)


# What a target may not be --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", list(CONTAINERS))
def test_never_over_the_source_by_any_name(suffix: str, tmp_path: Path) -> None:
    """Covers the types of file that tests/sink/test_sink.py does not."""
    film = write(tmp_path / f"film{suffix}", flat([0, 40]))
    content = film.read_bytes()
    (tmp_path / f"soft{suffix}").symlink_to(film)
    (tmp_path / f"hard{suffix}").hardlink_to(film)
    for name in ("film", "soft", "hard"):
        with pytest.raises(ArgumentError, match="is what the frames are read from"):
            open_sink(tmp_path / f"{name}{suffix}", StreamInfo(path=film), overwrite=True)
    with pytest.raises(SinkError, match="exists already"):
        VideoSink(film)
    assert film.read_bytes() == content
