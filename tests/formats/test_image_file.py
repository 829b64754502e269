"""Picture files of all kinds, whole and damaged. The expected values are those of shared/cases, or written by hand."""

import io
import logging
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from livedream.capture.open import open_source
from livedream.errors import SourceError
from livedream.formats import image_file
from livedream.formats.suffixes import IMAGE_SUFFIXES_IN, IMAGE_SUFFIXES_OUT, SAVE_OPTIONS
from livedream.image import read_image, read_mask
from tests.films import quarters
from tests.heic import COLOURS, grid_heic


def photo(width: int = 128, height: int = 96) -> Image.Image:
    down, across = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([across * 2, down * 2, (across + down) % 256], -1).astype(np.uint8))


def encoded(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or photo()).save(buffer, kind, **options)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# Kinds ---------------------------------------------------------------------------------------------------------------


def quarters_of(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, line by line."""
    height, width = pixels.shape[:2]
    return [tuple(map(int, pixels[height * y // 4, width * x // 4])) for y in (1, 3) for x in (1, 3)]


@pytest.mark.parametrize(("turns", "order"), [(None, (0, 1, 2, 3)), (1, (1, 3, 0, 2))], ids=["as it is", "turned"])
def test_heic_of_an_iphone_is_the_whole_picture(turns: int | None, order: tuple[int, ...], tmp_path: Path) -> None:
    path = write(tmp_path / "photo.heic", grid_heic(turns))
    with open_source(path) as source:
        assert (source.stills, source.length, source.size) == (True, 1, (128, 128))
        (frame,) = source
    for seen, expected in zip(quarters_of(frame.pixels), (COLOURS[tile] for tile in order), strict=True):
        assert np.allclose(seen, expected, atol=3)


@pytest.mark.parametrize(
    ("name", "modules", "extra"),
    [("photo.heic", ("pi_heif", "pillow_heif"), "livedream[heic]"), ("photo.jxl", ("pillow_jxl",), "livedream[jxl]")],
)
def test_without_its_reader_one_line_says_what_to_install(
    name: str,
    modules: tuple[str, ...],
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heads = {"photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "photo.jxl": b"\xff\x0a"}
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    image_file._reads_heif.cache_clear()
    image_file._reads_jxl.cache_clear()
    try:
        path = write(tmp_path / name, heads[name] + bytes(99))
        with pytest.raises(SourceError) as caught:
            open_source(path)
        assert extra in caught.value.hint
        write(tmp_path / f"2{name}", path.read_bytes())
        write(tmp_path / "a.png", encoded("png"))
        with open_source(tmp_path) as source:  # said once for all of them, and the others go on
            assert len(list(source)) == 1
            assert source.lost == 2
        assert caplog.text.count(extra) == 1
    finally:
        image_file._reads_heif.cache_clear()
        image_file._reads_jxl.cache_clear()


@pytest.mark.parametrize(
    ("suffix", "kind", "tolerance"),
    [
        (".avif", "AVIF", 12), (".jfif", "JPEG", 6), (".jpe", "JPEG", 6), (".tga", "TGA", 0), (".jp2", "JPEG2000", 0),
        (".gif", "GIF", 0), (".qoi", "QOI", 0), (".pcx", "PCX", 0), (".dds", "DDS", 0), (".mpo", "MPO", 6),
        (".bmp", "BMP", 0), (".pnm", "PPM", 0),
    ],
)  # fmt: skip
def test_is_a_picture_alone_and_in_a_folder(suffix: str, kind: str, tolerance: int, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix.upper()}", encoded(kind, Image.fromarray(quarters())))
    for spec in (path, tmp_path):
        with open_source(spec) as source:
            assert source.stills
            (frame,) = source
            assert np.allclose(quarters_of(frame.pixels), quarters_of(quarters()), atol=tolerance)


def test_jpeg_xl(tmp_path: Path) -> None:
    plugin = pytest.importorskip("pillow_jxl")
    assert plugin
    path = write(tmp_path / "a.jxl", encoded("JXL", Image.fromarray(quarters()), lossless=True))
    assert np.array_equal(read_image(path), quarters())


def test_guides_and_masks_take_them_too(tmp_path: Path) -> None:
    white = Image.new("RGB", (8, 8), "white")
    path = write(tmp_path / "mask.avif", encoded("AVIF", white))
    assert read_mask(path).min() >= 254


def test_largest_of_the_sizes_of_an_icon(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ico", encoded("ICO", photo(64, 64), sizes=[(16, 16), (64, 64), (32, 32)]))
    assert read_image(path).shape == (64, 64, 3)


def test_what_it_is_counts_and_not_its_name(tmp_path: Path) -> None:
    for name, kind in (("a.png", "JPEG"), ("b.jpg", "PNG"), ("c.mp4", "PNG"), ("d.webp", "GIF"), ("e", "PNG")):
        with open_source(write(tmp_path / name, encoded(kind))) as source:
            assert source.stills, name
            assert source.size == (128, 96)


def test_pages_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pages = [Image.new("RGB", (64, 48), colour) for colour in ((200, 40, 30), (30, 180, 60), (40, 60, 210))]
    path = write(tmp_path / "pages.tif", encoded("TIFF", pages[0], save_all=True, append_images=pages[1:]))
    with open_source(path) as source:
        (frame,) = source
    assert tuple(frame.pixels[0, 0]) == (200, 40, 30)
    assert [record.getMessage() for record in caplog.records] == [f"{path} has 3 pages, only the first is used"]


def test_thumbnail_that_comes_first_in_a_tiff_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = bytearray(encoded("TIFF", photo(16, 12), save_all=True, append_images=[photo()], tiffinfo={254: 0}))
    tag = struct.pack("<HHII", 254, 4, 1, 0)  # NewSubfileType (TIFF 6.0): 1 is a smaller version of another page
    assert tag in data
    data[data.index(tag) + 8] = 1
    assert read_image(write(tmp_path / "a.tif", bytes(data))).shape == (96, 128, 3)
    assert not caplog.records


@pytest.mark.parametrize("name", ["photo.dng", "photo.tif"])
def test_camera_raw_is_refused_and_its_thumbnail_not_dreamt(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, encoded("TIFF", tiffinfo={50706: b"\1\4\0\0"}))
    with pytest.raises(SourceError, match="is a camera raw file"):
        open_source(path)


@pytest.mark.parametrize("text", ["<svg width='9' height='9'/>", "\ufeff<?xml version='1.0'?><svg/>"])
@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_drawing_is_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is an SVG drawing"):
        open_source(write(tmp_path / name, text.encode()))


def test_picture_that_only_ffmpeg_reads_is_no_film(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xbm", b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = { 0x0f };\n")
    with pytest.raises(SourceError, match="format that livedream does not read"):
        open_source(path)


def test_lists_of_suffixes() -> None:
    assert set(SAVE_OPTIONS) == set(IMAGE_SUFFIXES_OUT)
    assert set(IMAGE_SUFFIXES_OUT) <= set(IMAGE_SUFFIXES_IN)


# Damage --------------------------------------------------------------------------------------------------------------


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_that_only_lacks_its_end_mark(progressive: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = encoded("JPEG", quality=90, progressive=progressive)
    expected = np.asarray(Image.open(io.BytesIO(whole)))
    for missing in (1, 2):
        path = write(tmp_path / "a.jpg", whole[:-missing])
        assert np.array_equal(read_image(path), expected)
    assert warned(caplog) == [f"{path} lacks its end marker, the image is whole"] * 2


def test_rows_that_are_missing_from_a_jpeg_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows by hand: what is there is as in the whole picture, down to the block of 16 rows in which it ends."""
    whole = encoded("JPEG", Image.fromarray(skimage.data.chelsea()), quality=90)
    expected = np.asarray(Image.open(io.BytesIO(whole)))
    path = write(tmp_path / "a.jpg", cut(whole, 0.6))
    pixels = read_image(path)
    same = (pixels == expected).all(axis=(1, 2))
    there = int(np.argmin(same))
    assert there == 159  # looked at: 160, and chroma is blended with the row below
    (said,) = warned(caplog)
    missing = int(said.split(": ")[1].split()[0])
    assert said.endswith("of 300 rows are missing")
    assert abs(missing - (300 - there)) <= 1  # chroma is blended with the row below


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_detail_that_is_missing_from_a_progressive_jpeg_is_said(
    share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_image(write(tmp_path / "a.jpg", cut(encoded("JPEG", quality=90, progressive=True), share)))
    assert warned(caplog)[0].endswith("ends early: some detail is missing")


def test_rows_that_are_missing_from_a_png_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8))
    whole = encoded("PNG", chance)
    path = write(tmp_path / "a.png", cut(whole, 0.5))
    pixels = read_image(path)
    (said,) = warned(caplog)
    missing = int(said.split(": ")[1].split()[0])
    assert 28 <= missing <= 32  # noise cannot be packed: half of the file holds half of the rows
    assert np.array_equal(pixels[: 60 - missing], np.asarray(chance)[: 60 - missing])


def test_png_with_a_wrong_checksum(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = bytearray(encoded("PNG", compress_level=0))
    whole[len(whole) // 2] ^= 1  # a bit of one pixel, stored as it is
    path = write(tmp_path / "a.png", bytes(whole))
    assert (read_image(path) != np.asarray(photo())).any(axis=2).sum() >= 1
    assert warned(caplog) == [f"{path} is damaged: some of its pixels are wrong"]


@pytest.mark.parametrize(("kind", "suffix"), [("BMP", ".bmp"), ("PPM", ".ppm"), ("TGA", ".tga")])
def test_half_of_a_picture_that_is_not_packed(
    kind: str, suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_image(write(tmp_path / f"a{suffix}", cut(encoded(kind), 0.5)))
    (said,) = warned(caplog)
    assert any(said.endswith(f"{rows} of 96 rows are missing") for rows in (48, 49))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000", "GIF"])
def test_half_of_a_picture_that_is_packed_is_one_line(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", cut(encoded(kind), 0.5))
    with pytest.raises(SourceError, match=r"a\.png is not a picture, or is damaged"):
        open_source(path)


def test_bomb(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(999)))
    with pytest.raises(SourceError, match="has too many pixels"):
        open_source(write(tmp_path / "a.png", data))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_fifo_called_like_a_picture_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for read in (read_image, read_mask):
        with pytest.raises(SourceError, match="not a regular file"):
            read(tmp_path / "a.png")


def test_nothing_is_changed_for_the_rest_of_the_process(tmp_path: Path) -> None:
    from PIL import ImageFile

    read_image(write(tmp_path / "a.jpg", cut(encoded("JPEG"), 0.7)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("seed", range(4))
def test_damage_by_chance_gives_a_picture_or_one_line(seed: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(seed)
    kinds = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "TGA", "JPEG2000", "QOI", "PPM", "ICO", "PCX", "DDS")
    suffixes = {"BMP": ".bmp", "TGA": ".tga", "ICO": ".ico", "PCX": ".pcx"}
    for kind in kinds:
        data = bytearray(cut(encoded(kind, photo(32, 24)), float(chance.uniform(0.2, 1))))
        for place in chance.integers(0, len(data), 5):
            data[place] = chance.integers(256)
        path = write(tmp_path / f"a{suffixes.get(kind, '.png')}", bytes(data))
        try:
            assert read_image(path).dtype == np.uint8
        except SourceError as error:
            assert str(path) in str(error)
