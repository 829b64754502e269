"""Pictures: order, orientation and kinds of pixel. The expected values are written by hand."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from livedream.capture.images import ImagesSource
from livedream.errors import SourceError
from livedream.image import read_image
from tests.films import UPRIGHT, corners, quarters


def save(path: Path, pixels: np.ndarray | None = None, **options: object) -> Path:
    Image.fromarray(quarters() if pixels is None else pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def test_one_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "one.png")
    with ImagesSource(path) as source:
        assert (source.size, source.rate, source.length, source.stills, source.path) == ((64, 48), None, 1, True, path)
        (frame,) = source
    assert np.array_equal(frame.pixels, quarters())
    assert (frame.time, frame.index) == (0, 0)


def test_folder_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for number, name in enumerate(["img1.png", "img2.PNG", "img10.png", "Z.png"]):
        save(tmp_path / name, np.full((2, 2, 3), number, np.uint8), format="png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._img1.png").write_text("macOS leaves such files")
    (tmp_path / "folder.png").mkdir()
    with ImagesSource(tmp_path) as source:
        assert (source.rate, source.length, source.path) == (25, 4, tmp_path)
        frames = list(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(4)]


def test_pattern(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a1.png", "b1.png", "deep/a2.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    for pattern, expected in (("a*.png", 1), ("[ab]1.png", 2), ("**/a*.png", 2), ("*1*", 2), ("*", 2)):
        with ImagesSource(str(tmp_path / pattern)) as source:
            assert source.length == expected
            assert source.path == tmp_path  # where no sink may write


def test_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    with ImagesSource(save(tmp_path / "what[1]*.png")) as source:
        assert source.length == 1


def test_each_keeps_its_size(tmp_path: Path) -> None:
    save(tmp_path / "1.png", quarters((30, 20)))
    save(tmp_path / "2.png", quarters((20, 30)))
    with ImagesSource(tmp_path) as source:
        assert source.size == (30, 20)
        assert [frame.size for frame in source] == [(30, 20), (20, 30)]


# What EXIF's eight orientations store of the upright picture (TIFF 6.0, tag 274), by numpy.
STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_stands_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(STORED[orientation](quarters()))
    path = save(tmp_path / "photo.jpg", stored, exif=exif, quality=95)
    with ImagesSource(path) as source:
        assert source.size == (64, 48)
        assert corners(next(iter(source)).pixels) == UPRIGHT


def pixel(path: Path) -> tuple[int, ...]:
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (2, 2, 3)
    return tuple(int(level) for level in pixels[0, 0])


def flat(mode: str, color: object) -> Image.Image:
    return Image.new(mode, (2, 2), color)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (flat("L", 77), (77, 77, 77)),
        (flat("1", 1), (255, 255, 255)),
        (flat("RGBA", (10, 20, 30, 255)), (10, 20, 30)),
        (flat("RGBA", (10, 20, 30, 0)), (255, 255, 255)),  # transparent: the white below
        (flat("LA", (100, 0)), (255, 255, 255)),
        (flat("RGB", (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE), (10, 20, 30)),
        (Image.fromarray(np.full((2, 2), 65535, np.uint16)), (255, 255, 255)),
        (Image.fromarray(np.full((2, 2), 257 * 100, np.uint16)), (100, 100, 100)),
    ],
    ids=["grey", "black and white", "opaque", "transparent", "grey transparent", "palette", "16 bits white", "16 bits"],
)
def test_every_kind_becomes_rgb(picture: Image.Image, expected: tuple[int, ...], tmp_path: Path) -> None:
    picture.save(tmp_path / "picture.png")
    assert pixel(tmp_path / "picture.png") == expected


def test_numbers_with_a_point(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "unit.tif")
    Image.fromarray(np.full((2, 2), 100.4, np.float32)).save(tmp_path / "levels.tif")
    assert pixel(tmp_path / "unit.tif") == (128, 128, 128)
    assert pixel(tmp_path / "levels.tif") == (100, 100, 100)


def test_transparent_color_of_a_palette(tmp_path: Path) -> None:
    picture = flat("RGB", (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    picture.save(tmp_path / "picture.png", transparency=picture.getpixel((0, 0)))
    assert pixel(tmp_path / "picture.png") == (255, 255, 255)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bits_of_colour(name: str, tmp_path: Path) -> None:
    """Written by OpenCV, which has blue first; 257 * n of 65535 is n of 255."""
    cv2.imwrite(str(tmp_path / name), np.full((2, 2, 3), (257 * 30, 257 * 20, 257 * 10), np.uint16))
    assert pixel(tmp_path / name) == (10, 20, 30)


def test_cmyk(tmp_path: Path) -> None:
    flat("CMYK", (0, 255, 255, 0)).save(tmp_path / "print.tif")
    assert pixel(tmp_path / "print.tif") == (255, 0, 0)


# Damage --------------------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        ImagesSource(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "head.jpg").write_bytes(save(tmp_path / "whole.jpg").read_bytes()[:100])
    (tmp_path / "head.png").write_bytes(save(tmp_path / "whole.png").read_bytes()[:30])
    for name in ("text.png", "head.jpg", "head.png"):
        assert refused(tmp_path / name).endswith("is not a picture, or is damaged")
    (tmp_path / "empty.jpg").touch()
    assert refused(tmp_path / "empty.jpg").endswith("is empty")


def test_broken_pictures_in_a_folder_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1.png", "3.png", "5.png"):
        (tmp_path / name).write_text("no picture")
    save(tmp_path / "2.png", np.full((2, 3, 3), 2, np.uint8))
    save(tmp_path / "4.png", np.full((2, 3, 3), 4, np.uint8))
    save(tmp_path / "6.png")
    with ImagesSource(tmp_path) as source:
        (tmp_path / "6.png").unlink()  # between listing and reading
        assert (source.size, source.length) == ((3, 2), 6)
        assert [(frame.index, int(frame.pixels[0, 0, 0])) for frame in source] == [(1, 2), (3, 4)]
        assert source.lost == 4
    for name in ("1.png", "3.png", "5.png", "6.png"):
        assert f"{tmp_path / name}" in caplog.text


def test_folder_without_one_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_text("no picture")
    (tmp_path / "2.jpg").touch()
    with pytest.raises(SourceError, match="none of the 2 pictures"):
        ImagesSource(tmp_path)


@pytest.mark.parametrize("limit", [100, 2000], ids=["error", "warning"])
def test_picture_that_would_fill_the_memory(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64*48 are 3072 pixels: more than 100 twice over, where Pillow refuses; than 2000 once, where it would warn."""
    path = save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    if limit == 100:
        assert refused(path).endswith("has too many pixels")
    else:
        assert np.array_equal(read_image(path), quarters())
