"""Films of which the shape changes in mid-stream."""

import logging
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from livedream.capture.video import VideoSource
from tests.films import write_film

pytestmark = pytest.mark.needs_ffmpeg


def part(path: Path, color: str, size: str, aspect: str = "1", *codec: str) -> bytes:
    """Return ten frames of one colour as an MPEG transport stream with B frames."""
    codec = codec or ("libx264", "-qp", "4", "-bf", "2")
    picture = f"color={color}:s={size}:r=25:d=0.4,setsar={aspect}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", "-c:v", *codec]
    subprocess.run([*command, str(path)], check=True)
    return path.read_bytes()


def lit(film: Path) -> list[tuple[int, int, int, int]]:
    """For each frame the columns and rows (from, to, from, to) that are not black."""
    boxes = []
    with VideoSource(film) as source:
        for frame in source:
            rows, columns = np.nonzero(frame.pixels.max(axis=2) > 100)
            boxes.append((int(columns.min()), int(columns.max()) + 1, int(rows.min()), int(rows.max()) + 1))
            assert frame.size == source.size
    return boxes


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_pixel_aspect_changes(codec: str, interlaced: bool, tmp_path: Path) -> None:
    """4:3 becomes 16:9 in as many pixels: 112 * (16 / 15) / (64 / 45) = 84 lines of 112."""
    options: tuple[str, ...] = (codec, "-qp" if codec == "libx264" else "-q:v", "2", "-bf", "2")
    options += ("-flags", "+ildct+ilme") if interlaced else ()
    first = part(tmp_path / "1.ts", "white", "144x112", "16/15", *options)
    second = part(tmp_path / "2.ts", "red", "144x112", "64/45", *options)
    film = tmp_path / "film.ts"
    film.write_bytes(first + second)
    assert lit(film) == [(0, 144, 0, 112)] * 10 + [(0, 144, 14, 98)] * 10


def test_upright_follows_landscape(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = tmp_path / "film.ts"
    film.write_bytes(part(tmp_path / "1.ts", "white", "64x48") + part(tmp_path / "2.ts", "red", "48x64"))
    with caplog.at_level(logging.INFO):
        assert lit(film) == [(0, 64, 0, 48)] * 10 + [(14, 50, 0, 48)] * 10  # 48 * 48 / 64 = 36 wide
    assert caplog.messages.count(f"{film}: frame of 48x64 letterboxed into 64x48") == 1


def test_size_and_pixel_aspect_change_together(tmp_path: Path) -> None:
    film = tmp_path / "film.ts"
    film.write_bytes(part(tmp_path / "1.ts", "white", "64x48", "4/3") + part(tmp_path / "2.ts", "red", "48x64"))
    assert lit(film) == [(0, 64, 0, 48)] * 10 + [(18, 45, 0, 48)] * 10  # 36 / (4 / 3) = 27 wide


def test_size_changes_in_a_file_of_one_header(tmp_path: Path) -> None:
    stream, film = tmp_path / "film.ts", tmp_path / "film.mkv"
    stream.write_bytes(part(tmp_path / "1.ts", "white", "64x48") + part(tmp_path / "2.ts", "red", "48x64"))
    subprocess.run(["ffmpeg", "-v", "error", "-i", stream, "-c", "copy", film], check=True)
    assert lit(film) == [(0, 64, 0, 48)] * 10 + [(14, 50, 0, 48)] * 10


def test_part_begins_with_the_shape_that_it_has(tmp_path: Path) -> None:
    film = tmp_path / "film.mpg"
    options = ("mpeg2video", "-q:v", "2", "-g", "5")
    part(tmp_path / "1.mpg", "white", "144x112", "64/45", *options)
    film.write_bytes((tmp_path / "1.mpg").read_bytes())
    with VideoSource(film, start=Fraction(1, 5)) as source:
        assert (source.size, source.pixel_aspect) == ((144, 112), Fraction(16, 9) / Fraction(144, 112))


def test_turn_changes(tmp_path: Path) -> None:
    """A quarter turn that the stream itself asks for, from the second half on (display orientation SEI)."""
    plain = write_film(tmp_path / "plain.h264", [0, 40], pixels=np.full((48, 64, 3), 255, np.uint8))
    turned = tmp_path / "turned.h264"
    rotate = ["-bsf:v", "h264_metadata=display_orientation=insert:rotate=90"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", plain, "-c", "copy", *rotate, turned], check=True)
    with av.open(str(turned)) as container:  # it stands in the key frame alone
        assert [picture.rotation % 180 for picture in container.decode(video=0)] == [90, 0]
    film = tmp_path / "film.h264"
    film.write_bytes(plain.read_bytes() + turned.read_bytes() + plain.read_bytes())
    assert lit(film) == [(0, 64, 0, 48)] * 2 + [(14, 50, 0, 48)] * 2 + [(0, 64, 0, 48)] * 2
