"""The shape of pixels in Matroska and WebM. The expected values are ffprobe's of what ffmpeg itself writes."""

import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.matroska import ROOM, write_aspect
from livedream.stream_info import StreamInfo
from tests.conftest import count_frames


def write(path: Path, codec: str, aspect: Fraction, size: tuple[int, int] = (90, 72)) -> None:
    info = StreamInfo(pixel_aspect=aspect, rate=Fraction(25), time_base=Fraction(1, 25))
    with open_sink(path, info, encoding=Encoding(codec=codec)) as sink:
        for number in range(3):
            sink.write(Frame(np.full((size[1], size[0], 3), 99, np.uint8), Fraction(number, 25), number))
        sink.end()


def probe(path: Path, entries: str) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.webm", codec) for codec in ("vp9", "av1")),
        *(("a.mkv", codec) for codec in ("ffv1", "vp9", "h264", "h265", "prores")),
    ],
)
@pytest.mark.parametrize(("aspect", "expected"), [(Fraction(64, 45), "64:45"), (Fraction(8, 9), "8:9")], ids=str)
def test_shape_of_pixels(name: str, codec: str, aspect: Fraction, expected: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(path, codec, aspect)
    assert probe(path, "stream=sample_aspect_ratio") == expected
    assert probe(path, "stream_tags=title") == ""
    assert count_frames(path) == 3
    with open_source(path) as source:
        assert source.pixel_aspect == aspect


@pytest.mark.needs_ffmpeg
def test_large_picture(tmp_path: Path) -> None:
    """720x576 of 64:45 is 1024x576: sizes of two bytes."""
    write(tmp_path / "a.webm", "vp9", Fraction(64, 45), (720, 576))
    assert probe(tmp_path / "a.webm", "stream=width,height,sample_aspect_ratio") == "720,576,64:45"


def test_square_pixels_leave_no_trace(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", "ffv1", Fraction(1))
    data = (tmp_path / "a.mkv").read_bytes()
    assert ROOM.encode() not in data
    write_aspect(tmp_path / "a.mkv", Fraction(2))  # no room: it stays as it is
    assert (tmp_path / "a.mkv").read_bytes() == data


def test_checksum_of_the_tracks(tmp_path: Path) -> None:
    """By hand: a file of nothing but a list with one track, with the checksum that FFmpeg writes by default."""

    def element(identity: bytes, body: bytes) -> bytes:
        return identity + bytes([0x80 | len(body)]) + body

    video = element(b"\xe0", element(b"\xb0", b"\x5a") + element(b"\xba", b"\x48") + element(b"\x54\xb2", b"\4"))
    track = element(b"\xae", element(b"\x83", b"\1") + element(b"\x53\x6e", b"main" + ROOM.encode()) + video)
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xbf", zlib.crc32(track).to_bytes(4, "little")) + track)
    path = tmp_path / "a.mkv"
    path.write_bytes(element(b"\x18\x53\x80\x67", tracks))
    write_aspect(path, Fraction(2))
    data = path.read_bytes()
    assert len(data) == len(element(b"\x18\x53\x80\x67", tracks))
    place = data.index(b"\xbf\x84") + 2
    assert data[place : place + 4] == zlib.crc32(data[place + 4 :]).to_bytes(4, "little")
    assert element(b"\x53\x6e", b"main") in data
    assert element(b"\x54\xb0", b"\xb4") + element(b"\x54\xba", b"\x48") in data  # 90 * 2 by 72
