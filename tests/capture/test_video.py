"""Films: times, colours, orientation, damage. The expected values are the ones the film was made with, or ffmpeg's."""

import itertools
import logging
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.video import VideoSource
from livedream.errors import SourceError
from livedream.frame import Frame
from tests.films import UPRIGHT, av, corners, ffmpeg_pixels, ffprobe, quarters, write_film

MakeClip = Callable[..., Path]


def read(path: Path) -> list[Frame]:
    with VideoSource(path) as source:
        return list(source)


def message(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        VideoSource(path)
    assert "\n" not in str(caught.value) + caught.value.hint
    assert str(path) in str(caught.value)
    return str(caught.value)


# What it says of itself ----------------------------------------------------------------------------------------------


def test_rate_and_times_are_exact(tmp_path: Path) -> None:
    film = write_film(
        tmp_path / "ntsc.mp4", [1001 * n for n in range(40)], time_base=Fraction(1, 30000), rate=Fraction(30000, 1001)
    )
    with VideoSource(film) as source:
        assert source.rate == Fraction(30000, 1001)
        assert source.length == 40
        assert source.sound is None
        assert source.path == film
        assert [frame.time for frame in source] == [Fraction(1001 * n, 30000) for n in range(40)]


def test_variable_rate_keeps_every_time(tmp_path: Path) -> None:
    ticks = [0, 33, 66, 133, 500, 501, 1500]
    assert [frame.time for frame in read(write_film(tmp_path / "vfr.mp4", ticks))] == [Fraction(n, 1000) for n in ticks]


def test_demo_clip() -> None:
    """ffprobe: 132 frames of 1280x720 at 25 a second, time base 1/12800, with AAC."""
    from livedream.capture.demo import demo_clip

    with VideoSource(demo_clip) as source:
        assert (source.size, source.rate, source.length) == ((1280, 720), 25, 132)
        assert source.time_base == Fraction(1, 12800)
        assert source.sound == demo_clip
        assert (source.live, source.stills, source.pixel_aspect) == (False, False, 1)


def test_length_is_estimated_where_the_file_does_not_count(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", list(range(0, 2000, 40)))
    with VideoSource(film) as source:
        assert source.length == 50


@pytest.mark.needs_ffmpeg
def test_clock_begins_at_zero_where_the_file_does_not(tmp_path: Path) -> None:
    """As recordings of a broadcast; ffprobe says where they begin."""
    ticks = [3600 * n for n in range(10)]
    options = {"output_ts_offset": "1.4"}
    film = write_film(tmp_path / "film.ts", ticks, time_base=Fraction(1, 90000), sound="aac", options=options)
    starts = [Fraction(stream["start_pts"], 90000) for stream in ffprobe(film, "", "stream=start_pts")]
    with VideoSource(film) as source:
        assert source.start == min(starts) > 1
        assert next(iter(source)).time == starts[0] - min(starts)


def test_one_frame(tmp_path: Path) -> None:
    frames = read(write_film(tmp_path / "one.mp4", [0]))
    assert [(frame.time, frame.index) for frame in frames] == [(0, 0)]


@pytest.mark.parametrize("name", ["with space.mp4", "a:b.mp4", 'it\'s "quoted" %d.mp4', "tränen-映画.mp4", "-x.mp4"])
def test_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_film(tmp_path / "film.mp4", [0, 40]).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(Path(name))) == 2


# Colour and orientation ----------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "yuvj420p"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize("color_range", [1, 2], ids=["limited", "full"])
def test_colours_are_those_that_the_tags_mean(pix_fmt: str, matrix: int, color_range: int, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0], pix_fmt=pix_fmt, matrix=matrix, color_range=color_range)
    flat = np.s_[6:14, 8:20]  # at the borders of the colours it depends on how chroma is made larger
    pixels = read(film)[0].pixels[flat].astype(int)
    assert np.abs(pixels - ffmpeg_pixels(film, (64, 48))[flat]).max() <= 2
    if pix_fmt != "yuvj420p" or color_range == 2:  # J means full, whatever the tag says
        assert np.abs(pixels - quarters()[flat]).max() <= 4  # 8 bits of YUV are coarser than 8 of RGB


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_and_mirrored_films_stand_upright(degrees: int, mirrored: bool, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40], rotation=(degrees, mirrored, False), aspect=Fraction(4, 3))
    size = (64, 48) if degrees in (0, 180) else (48, 64)
    with VideoSource(film) as source:
        assert source.size == size
        assert source.pixel_aspect == (Fraction(4, 3) if degrees in (0, 180) else Fraction(3, 4))
        for frame in source:
            assert frame.pixels.flags.c_contiguous
            assert corners(frame.pixels) == corners(ffmpeg_pixels(film, size))


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (90, ["green", "white", "red", "blue"]),  # by hand: a quarter turn to the left brings green above left
        (180, ["white", "blue", "green", "red"]),
        (-90, ["blue", "red", "white", "green"]),
    ],
)
def test_turns_the_right_way(degrees: int, expected: list[str], tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0], rotation=(degrees, False, False))
    assert corners(read(film)[0].pixels) == expected


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0], aspect=Fraction(128, 117))
    with VideoSource(film) as source:
        assert source.pixel_aspect == Fraction(128, 117)


# Damage --------------------------------------------------------------------------------------------------------------


def test_damage_is_skipped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_film(tmp_path / "film.mp4", list(range(0, 4000, 40)), gop=10)
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as whole:
        packets = [packet for packet in whole.demux(video=0) if packet.size]
        for packet in packets[30:36]:
            content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    film.write_bytes(content)
    with VideoSource(film) as source, caplog.at_level(logging.WARNING):
        frames = list(source)
        assert source.damaged == 6
        assert source.filled == 8  # ffprobe -count_frames: 92
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(100)]
    assert caplog.text.count(f"{film}: 6 damaged packets were skipped, 8 lost frames repeat the one before") == 1


def test_frames_of_another_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    small = write_film(tmp_path / "small.h264", [0, 40], pixels=quarters((64, 48)))
    large = write_film(tmp_path / "large.h264", [0, 40], pixels=quarters((128, 96)))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = read(joined)
    assert [frame.size for frame in frames] == [(64, 48)] * 4
    assert corners(frames[-1].pixels) == UPRIGHT
    assert all(a.time < b.time for a, b in itertools.pairwise(frames))


def test_cut_off_mp4(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", list(range(0, 2000, 40)))
    content = film.read_bytes()
    film.write_bytes(content[: content.index(b"moov") - 4])
    assert message(film) == f"{film} is cut off: its index (moov) is missing"


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    assert message(tmp_path / "film.mp4") == f"{tmp_path}/film.mp4 is empty"


@pytest.mark.parametrize("name", ["film.mp4", "film.txt", "film.mkv"])
def test_text_is_not_a_film(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("Once upon a time there was a film.\n" * 100)
    assert "is not a video" in message(path) or "is a text" in message(path)


def test_sound_alone(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.m4a"), "w") as song:
        track = song.add_stream("aac", rate=48000)
        with av.open("sine=sample_rate=48000:duration=0.2", format="lavfi") as sine:
            for samples in sine.decode(audio=0):
                song.mux(track.encode(samples))
        song.mux(track.encode())
    assert message(tmp_path / "song.m4a").endswith("has sound but no video track")


def test_film_of_which_no_frame_can_be_decoded(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40, 80])
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as whole:
        for packet in whole.demux(video=0):
            if packet.size:
                content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    film.write_bytes(content)
    assert message(film).endswith("no frame can be decoded")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert message(tmp_path / "absent.mp4").startswith("no such file")
    assert message(tmp_path).endswith("is a folder")


def test_closing_from_another_thread_in_the_middle_of_decoding(make_clip: MakeClip) -> None:
    """A container closed under a decoder would end the process; done a hundred times it would show."""
    film = make_clip(frames=60)
    for _ in range(20):
        with VideoSource(film) as source:
            frames = iter(source)
            next(frames)
            closer = threading.Thread(target=source.close, name="livedream-closer")
            closer.start()
            rest = list(frames)
            closer.join()
            assert len(rest) < 60
