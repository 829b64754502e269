"""The shape of pixels in picture files. 64:45 are the pixels of PAL 16:9; the values are by hand, or ffprobe's."""

import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.image_sequence import ImageSequenceSource
from livedream.capture.images import ImagesSource
from livedream.capture.open import open_source
from livedream.frame import Frame
from livedream.image import read_still
from livedream.sink.open import open_sink
from livedream.sink.window.canvas import Canvas
from livedream.sink.window.window_sink import square_size
from livedream.stream_info import StreamInfo

PAL = Fraction(64, 45)


def grey(path: Path, **options: object) -> Path:
    Image.new("RGB", (45, 30), "grey").save(path, **options)  # type: ignore[arg-type]
    return path


def frame(time: Fraction = Fraction(0), index: int = 0) -> Frame:
    return Frame(np.full((30, 45, 3), 128, np.uint8), time, index)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.tif", "a.webp"])
@pytest.mark.parametrize("aspect", [PAL, Fraction(8, 9), Fraction(1)], ids=str)
def test_what_is_written_is_read_again(name: str, aspect: Fraction, tmp_path: Path) -> None:
    with open_sink(tmp_path / name, StreamInfo(pixel_aspect=aspect)) as sink:
        sink.write(frame())
    assert read_still(tmp_path / name).pixel_aspect == aspect


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_ffmpeg_reads_what_we_write_and_we_what_it_writes(name: str, tmp_path: Path) -> None:
    with open_sink(tmp_path / name, StreamInfo(pixel_aspect=PAL)) as sink:
        sink.write(frame())
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=sample_aspect_ratio", "-of", "csv=p=0"]
    seen = subprocess.run([*command, tmp_path / name], capture_output=True, text=True, check=True).stdout
    assert seen.strip() == "64:45"
    theirs = tmp_path / f"theirs{name}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=720x576,setsar=64/45", "-frames:v", "1"]
    subprocess.run([*command, theirs], check=True)
    assert read_still(theirs).pixel_aspect == PAL


def test_densities_that_differ(tmp_path: Path) -> None:
    """A fax has 204 dots an inch across and 98 down: its pixels are twice as high as wide."""
    for name in ("a.tif", "a.png", "a.jpg", "a.bmp"):
        aspect = read_still(grey(tmp_path / name, dpi=(204, 98))).pixel_aspect
        assert float(aspect) == pytest.approx(98 / 204, rel=0.002)


@pytest.mark.parametrize("dpi", [(300, 300), (72, 72), (300, 301), (1, 600), (0, 72), (72, 0)], ids=str)
def test_densities_that_are_equal_or_nonsense_are_square(dpi: tuple[int, int], tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.bmp"):
        assert read_still(grey(tmp_path / name, dpi=dpi)).pixel_aspect == 1


def test_gif_of_one_frame(tmp_path: Path) -> None:
    path = grey(tmp_path / "a.gif")
    data = bytearray(path.read_bytes())
    data[12] = 76  # (76 + 15) / 64: what FFmpeg writes for 64:45
    path.write_bytes(data)
    assert read_still(path).pixel_aspect == Fraction(91, 64)


def test_turned_picture_has_its_pixels_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    path = grey(tmp_path / "a.jpg", exif=exif)
    data = path.read_bytes()
    place = data.index(b"JFIF\0") + 7
    path.write_bytes(data[:place] + struct.pack(">BHH", 0, 64, 45) + data[place + 5 :])
    still = read_still(path)
    assert still.pixels.shape == (45, 30, 3)
    assert still.pixel_aspect == 1 / PAL


@pytest.mark.needs_ffmpeg
def test_anamorphic_film_through_pictures_and_back(tmp_path: Path) -> None:
    """shared/cases/34_anamorphic.sh"""
    info = StreamInfo(pixel_aspect=PAL, rate=Fraction(25), time_base=Fraction(1, 25))
    with open_sink(f"{tmp_path}/fr/", info) as sink:
        for number in range(3):
            sink.write(frame(Fraction(number, 25), number))
        sink.end()
    with open_source(f"{tmp_path}/fr/%06d.png") as source:
        assert source.pixel_aspect == PAL
        with open_sink(tmp_path / "back.mp4", StreamInfo.of(source)) as sink:
            for shown in source:
                sink.write(shown)
            sink.end()
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=sample_aspect_ratio", "-of", "csv=p=0"]
    seen = subprocess.run([*command, tmp_path / "back.mp4"], capture_output=True, text=True, check=True).stdout
    assert seen.strip() == "64:45"


def test_gif_keeps_it(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.gif", StreamInfo(pixel_aspect=PAL, rate=Fraction(10))) as sink:
        for number in range(2):
            sink.write(frame(Fraction(number, 10), number))
        sink.end()
    with open_source(tmp_path / "a.gif") as source:
        assert source.pixel_aspect == Fraction(91, 64)


def test_pictures_of_other_shapes_among_others(tmp_path: Path) -> None:
    """Each is as wide and as high as it looks, in pixels of the shape that the first one has."""
    for number, aspect in enumerate((Fraction(1), Fraction(2), Fraction(1, 2))):
        with open_sink(tmp_path / f"{number}.png", StreamInfo(pixel_aspect=aspect)) as sink:
            sink.write(Frame(np.full((30, 40, 3), 200, np.uint8), Fraction(0), 0))
    with ImagesSource(tmp_path) as pictures:
        assert [shown.size for shown in pictures] == [(40, 30), (80, 30), (20, 30)]
    with ImageSequenceSource(f"{tmp_path}/%d.png", rate=5) as sequence:
        lit = []
        for shown in sequence:
            bright = shown.pixels[:, :, 0] > 100
            lit.append((shown.size, int(bright.any(axis=1).sum()), int(bright.any(axis=0).sum())))
    assert lit == [((40, 30), 30, 40), ((40, 30), 15, 40), ((40, 30), 30, 20)]


@pytest.mark.parametrize(
    ("aspect", "expected"),
    [(PAL, (1024, 576)), (Fraction(16, 15), (768, 576)), (Fraction(8, 9), (720, 648)), (Fraction(1), (720, 576))],
    ids=str,
)
def test_window_draws_them_in_their_shape(aspect: Fraction, expected: tuple[int, int]) -> None:
    assert square_size((720, 576), aspect) == expected
    drawn = Canvas().compose(np.full((576, 720, 3), 200, np.uint8), expected, aspect)
    assert drawn.shape[1::-1] == expected
    assert (drawn == 200).all()  # without a bar
