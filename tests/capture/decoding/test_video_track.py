"""Which video track is read. The tracks differ in size and colour, so that the frames tell which one it was."""

import logging
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.capture.video import VideoSource
from livedream.errors import SourceError
from tests.films import av

RED, BLUE = (200, 30, 30), (30, 30, 200)


def write_tracks(
    path: Path, *tracks: tuple[tuple[int, int], tuple[int, int, int], int, int], sound: bool = False
) -> Path:
    """Write a film with a track for each (size, colour, number of frames, disposition), 25 frames a second."""
    with av.open(str(path), "w") as film:
        streams = []
        for (width, height), _, _, disposition in tracks:
            stream = film.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.max_b_frames = 0
            stream.disposition = av.stream.Disposition(disposition)
            streams.append(stream)
        for number in range(max(count for _, _, count, _ in tracks)):
            for stream, ((width, height), colour, count, _) in zip(streams, tracks, strict=True):
                if number < count:
                    pixels = np.full((height, width, 3), colour, np.uint8)
                    picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    picture.pts, picture.time_base = number, Fraction(1, 25)
                    film.mux(stream.encode(picture))
        for stream in streams:
            film.mux(stream.encode())
    return path


def colour_of(pixels: np.ndarray) -> str:
    red, _, blue = pixels.reshape(-1, 3).mean(0)
    return "red" if red > blue else "blue"


def read(path: Path) -> tuple[tuple[int, int], str, int]:
    """The size, colour and number of the frames."""
    with VideoSource(path) as source:
        frames = list(source)
    return source.size, colour_of(frames[0].pixels), len(frames)


DEFAULT = 1


@pytest.mark.parametrize("kind", ["mkv", "mov"])
def test_the_default_track_is_taken_though_it_is_second_and_smaller(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_tracks(tmp_path / f"two.{kind}", ((128, 96), RED, 12, 0), ((64, 48), BLUE, 12, DEFAULT))
    assert read(film) == ((64, 48), "blue", 12)
    assert caplog.messages == [f"{film}: video track 2 of 2 (h264, 64x48) is used, the other one is ignored"]


def test_of_tracks_that_are_alike_the_one_with_most_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracks = [((64, 48), RED, 12, DEFAULT), ((128, 96), BLUE, 12, DEFAULT), ((96, 64), RED, 12, DEFAULT)]
    film = write_tracks(tmp_path / "three.mov", *tracks)
    assert read(film) == ((128, 96), "blue", 12)
    assert caplog.messages == [f"{film}: video track 2 of 3 (h264, 128x96) is used, the 2 others are ignored"]


@pytest.mark.parametrize("kind", ["mkv", "mov"])  # Matroska does not say how many frames a track has
def test_a_single_picture_beside_a_film_is_a_thumbnail(kind: str, tmp_path: Path) -> None:
    film = write_tracks(tmp_path / f"thumbnail.{kind}", ((256, 192), RED, 1, DEFAULT), ((64, 48), BLUE, 12, 0))
    assert read(film) == ((64, 48), "blue", 12)


def test_films_of_one_frame_each_are_films(tmp_path: Path) -> None:
    film = write_tracks(tmp_path / "single.mkv", ((64, 48), RED, 1, 0), ((128, 96), BLUE, 1, DEFAULT))
    assert read(film) == ((128, 96), "blue", 1)


def test_one_track_is_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(write_tracks(tmp_path / "one.mkv", ((64, 48), BLUE, 3, 0))) == ((64, 48), "blue", 3)
    assert caplog.messages == []


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("kind", ["m4a", "mka", "mp3", "flac"])
def test_a_cover_is_no_film(kind: str, tmp_path: Path) -> None:
    song = tmp_path / f"song.{kind}"
    inputs = ["-f", "lavfi", "-i", "sine=duration=0.2", "-f", "lavfi", "-i", "color=red:s=64x48:d=0.04"]
    how = ["-map", "0", "-map", "1", "-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]
    command = ["ffmpeg", "-v", "error", *inputs, *how, "-disposition:v", "attached_pic", str(song)]
    subprocess.run(command, check=True, timeout=30)
    with pytest.raises(SourceError, match="has sound but no video track"):
        VideoSource(song)


def _without_decoder(path: Path, track: int) -> Path:
    """Give a track of an mp4 the name of a codec that nobody knows."""
    content = bytearray(path.read_bytes())
    place = -1
    for _ in range(track + 1):
        place = content.index(b"avc1\0\0\0\0\0\0\0\1", place + 1)
    content[place : place + 4] = b"brvn"
    path.write_bytes(content)
    return path


def test_a_track_without_a_decoder_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_tracks(tmp_path / "raw.mov", ((128, 96), RED, 12, DEFAULT), ((64, 48), BLUE, 12, 0))
    assert read(_without_decoder(film, 0)) == ((64, 48), "blue", 12)
    [message] = caplog.messages
    assert message.startswith(f"{film}: video track 2 of 2 (h264, 64x48) is used, the other one is ignored")
    assert message.endswith("; there is no decoder for brvn")


def test_no_decoder_at_all(tmp_path: Path) -> None:
    film = _without_decoder(write_tracks(tmp_path / "raw.mov", ((64, 48), BLUE, 12, 0)), 0)
    with pytest.raises(SourceError, match=r"no decoder for its video track \(brvn\)"):
        VideoSource(film)


def test_when_nothing_of_the_best_track_can_be_decoded_the_next_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_tracks(tmp_path / "damaged.mov", ((128, 96), RED, 12, DEFAULT), ((64, 48), BLUE, 12, 0))
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as whole:
        for packet in whole.demux(video=0):
            if packet.size:
                content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    film.write_bytes(content)
    assert read(film) == ((64, 48), "blue", 12)
    assert any("no frame of video track 1 of 2 (h264, 128x96) can be decoded" in text for text in caplog.messages)


@pytest.mark.needs_ffmpeg
def test_the_best_of_several_programs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    film = tmp_path / "programs.ts"
    colours = ["-f", "lavfi", "-i", "color=red:s=64x48:r=25:d=1", "-f", "lavfi", "-i", "color=blue:s=128x96:r=25:d=1"]
    programs = ["-map", "0", "-map", "1", "-program", "st=0", "-program", "st=1", "-c:v", "mpeg2video"]
    subprocess.run(["ffmpeg", "-v", "error", *colours, *programs, str(film)], check=True, timeout=30)
    with open_source(str(film)) as source:
        assert source.size == (128, 96)
        assert sum(1 for _ in source) == 25
    assert "(mpeg2video, 128x96) is used, the other one is ignored" in caplog.text
