"""Pictures in all colour spaces are read as sRGB."""

import io
import logging
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from livedream.color.primaries import ADOBE_RGB, BT709, FOREIGN
from livedream.color.srgb import matrix_profile
from livedream.color.tone import map_tones
from livedream.image import read_image, read_mask, to_array
from tests.films import BLUE, GREEN, RED
from tests.heic import grid_heic

P3 = matrix_profile("Display P3", FOREIGN[12][1])
SWAPPED = matrix_profile("green is red", (BT709[1], BT709[0], BT709[2], BT709[3]))
ADOBE = matrix_profile("Adobe RGB", ADOBE_RGB, 563 / 256)
IN_P3: list[tuple[int, ...]] = [(218, 0, 4), (0, 183, 31), (34, 61, 218)]
"""What RED, GREEN and BLUE of Display P3 are in sRGB, by lcms, relative colorimetric."""
IN_ADOBE = [(233, 35, 23), (0, 181, 42), (21, 57, 215)]
EXACT: dict[str, Any] = {"quality": 100, "subsampling": 0}


def stripes() -> Image.Image:
    pixels = np.empty((16, 48, 3), np.uint8)
    pixels[:, :16], pixels[:, 16:32], pixels[:, 32:] = RED, GREEN, BLUE
    return Image.fromarray(pixels)


def colors(pixels: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(pixels[8, x].tolist()) for x in (8, 24, 40)]


def assert_near(found: list[tuple[int, ...]], wanted: list[tuple[int, ...]], tolerance: int = 2) -> None:
    assert np.abs(np.array(found) - np.array(wanted)).max() <= tolerance, found


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of version 4 for grey with this gamma."""
    text = "grey".encode("utf-16-be")
    words = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xIHxx", b"curv", 1, round(gamma * 256))
    table, data = struct.pack(">I", 4), b""
    for name, body in ((b"desc", words), (b"cprt", words), (b"wtpt", white), (b"kTRC", curve)):
        table += struct.pack(">4sII", name, 180 + len(data), len(body))
        data += body
    head = struct.pack(">I4xI4s4s4s12x4s28x3i", 180 + len(data), 0x04000000, b"mntr", b"GRAY", b"XYZ ", b"acsp", *WHITE)
    return head.ljust(128, b"\0") + table + data


WHITE = (63190, 65536, 54061)


def png_with(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """Write the stripes as a PNG with chunks before its pixels."""
    buffer = io.BytesIO()
    stripes().save(buffer, "png")
    extra = b""
    for kind, body in chunks:
        extra += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(buffer.getvalue()[:33] + extra + buffer.getvalue()[33:])
    return path


# Profiles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize(
    ("icc", "wanted"),
    [(P3, IN_P3), (ADOBE, IN_ADOBE), (SWAPPED, [(40, 200, 30), (180, 30, 60), (60, 40, 210)])],
    ids=["P3", "Adobe", "swapped"],
)
def test_profile_is_converted(icc: bytes, wanted: list[tuple[int, ...]], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    options: dict[str, dict[str, Any]] = {
        ".webp": {"lossless": True},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    stripes().save(path, icc_profile=icc, **options.get(suffix, EXACT))
    assert_near(colors(read_image(path)), wanted, 5 if suffix == ".avif" else 2)  # AVIF loses a little of its own


def test_conversion_is_said_once_for_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1.png", "2.png"):
        stripes().save(tmp_path / name, icc_profile=P3)
    with caplog.at_level(logging.WARNING):
        read_image(tmp_path / "1.png")
        read_image(tmp_path / "2.png")
    assert caplog.messages == [f"{tmp_path / '1.png'}: colours are converted from Display P3 to sRGB"]


def test_profile_of_srgb_changes_nothing_and_is_not_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, icc in enumerate(
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), matrix_profile("any name", BT709))
    ):
        stripes().save(tmp_path / f"{number}.png", icc_profile=icc)
        assert colors(read_image(tmp_path / f"{number}.png")) == [RED, GREEN, BLUE]
    assert caplog.messages == []


def test_palette_alpha_and_both(tmp_path: Path) -> None:
    stripes().quantize(8).save(tmp_path / "palette.png", icc_profile=P3)
    assert_near(colors(read_image(tmp_path / "palette.png")), IN_P3)
    half = stripes().convert("RGBA")
    half.putalpha(128)
    half.save(tmp_path / "alpha.png", icc_profile=P3)
    on_white = [tuple(round((color * 128 + 255 * 127) / 255) for color in one) for one in IN_P3]
    assert_near(colors(read_image(tmp_path / "alpha.png")), on_white)
    clear = stripes().quantize(8)
    index = clear.getpixel((40, 8))
    clear.save(tmp_path / "clear.png", icc_profile=P3, transparency=index)
    assert_near(colors(read_image(tmp_path / "clear.png")), [*IN_P3[:2], (255, 255, 255)])


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_with_a_profile(mode: str, tmp_path: Path) -> None:
    """100 of 255 in linear light is 168 in sRGB: 1.055 * (100 / 255) ** (1 / 2.4) - 0.055 = 0.659."""
    grey = np.full((16, 48), 100, np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / "grey.png", icc_profile=grey_profile(1))
    assert_near(colors(read_image(tmp_path / "grey.png")), [(168, 168, 168)] * 3, 1)
    assert abs(int(read_mask(tmp_path / "grey.png")[8, 8]) - 168) <= 1


def test_mask_with_a_profile_keeps_black_white_and_transparency(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (48, 16), (255, 255, 255, 255))
    mask.paste((0, 0, 0, 255), (0, 0, 16, 16))
    mask.paste((255, 255, 255, 0), (32, 0, 48, 16))
    mask.save(tmp_path / "mask.png", icc_profile=P3)
    assert read_mask(tmp_path / "mask.png")[8, [8, 24, 40]].tolist() == [0, 255, 0]


def test_lab_is_converted(tmp_path: Path) -> None:
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(stripes(), lab)
    assert converted is not None
    converted.save(tmp_path / "lab.tif")
    assert_near(colors(read_image(tmp_path / "lab.tif")), [RED, GREEN, BLUE])


@pytest.mark.parametrize(
    ("mode", "icc", "text"),
    [
        ("RGB", P3[:200], "is damaged and ignored"),
        ("RGB", b"junk" * 50, "is damaged and ignored"),
        ("RGB", P3[:128] + P3[:127:-1], "is damaged and ignored"),
        ("RGB", grey_profile(1), "(GRAY) does not match its pixels (RGB) and is ignored"),
        ("CMYK", P3, "(RGB) does not match its pixels (CMYK) and is ignored"),
    ],
)
def test_profile_of_no_use_is_said_and_ignored(
    mode: str, icc: bytes, text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "picture.jpg"
    stripes().convert(mode).save(path, icc_profile=icc, **EXACT)
    assert_near(colors(read_image(path)), [RED, GREEN, BLUE], 3)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{path}: its colour profile")
    assert caplog.messages[0].endswith(text)


def test_picture_of_pillow_is_converted_too() -> None:
    picture = stripes()
    picture.info["icc_profile"] = P3
    assert_near(colors(to_array(picture)), IN_P3)


def test_turned_picture_is_converted_and_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter turn to the right
    stripes().save(tmp_path / "turned.jpg", icc_profile=P3, exif=exif, **EXACT)
    pixels = read_image(tmp_path / "turned.jpg")
    assert pixels.shape == (48, 16, 3)
    assert_near([tuple(pixels[y, 8].tolist()) for y in (8, 24, 40)], IN_P3)


# Other descriptions --------------------------------------------------------------------------------------------------


def numbers(*values: float) -> bytes:
    return struct.pack(f">{len(values)}I", *(round(value * 100000) for value in values))


SRGB_PLACES = numbers(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_PLACES = numbers(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([(b"cICP", bytes((12, 13, 0, 1)))], IN_P3),
        ([(b"cICP", bytes((1, 13, 0, 1))), (b"gAMA", numbers(1))], [RED, GREEN, BLUE]),
        ([(b"gAMA", numbers(1 / 2.2)), (b"cHRM", P3_PLACES)], IN_P3),
        ([(b"gAMA", numbers(1 / 2.2)), (b"cHRM", SRGB_PLACES)], [RED, GREEN, BLUE]),
        ([(b"gAMA", numbers(1 / 2.2))], [RED, GREEN, BLUE]),
        # 200 of 255 in linear light: 1.055 * (200 / 255) ** (1 / 2.4) - 0.055 = 0.898
        ([(b"gAMA", numbers(1))], [(229, 110, 96), (96, 219, 133), (110, 133, 234)]),
        ([(b"sRGB", b"\0"), (b"gAMA", numbers(1))], [RED, GREEN, BLUE]),
        ([(b"gAMA", numbers(0))], [RED, GREEN, BLUE]),
        ([(b"cHRM", numbers(*[0.3] * 8))], [RED, GREEN, BLUE]),
        ([(b"cHRM", bytes(32))], [RED, GREEN, BLUE]),
    ],
)
def test_chunks_of_a_png(chunks: list[tuple[bytes, bytes]], wanted: list[tuple[int, ...]], tmp_path: Path) -> None:
    assert_near(colors(read_image(png_with(tmp_path / "picture.png", *chunks))), wanted)


@pytest.mark.parametrize(
    ("space", "index", "wanted"), [(2, None, IN_ADOBE), (0xFFFF, "R03", IN_ADOBE), (1, "R98", None)]
)
def test_adobe_rgb_of_a_camera(
    space: int, index: str | None, wanted: list[tuple[int, ...]] | None, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = space
    if index:
        exif.get_ifd(0x8769)[0xA005] = {1: index}
    stripes().save(tmp_path / "picture.jpg", exif=exif, **EXACT)
    assert_near(colors(read_image(tmp_path / "picture.jpg")), wanted or [RED, GREEN, BLUE])


def test_profile_in_a_jpeg_2000(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    stripes().save(buffer, "jpeg2000")
    old = buffer.getvalue()
    at, above = old.index(b"colr") - 4, old.index(b"jp2h") - 4
    size = int.from_bytes(old[at : at + 4], "big")
    box = struct.pack(">I4s3B", 11 + len(P3), b"colr", 2, 0, 0) + P3
    header = struct.pack(">I", int.from_bytes(old[above : above + 4], "big") - size + len(box))
    path = tmp_path / "picture.jp2"
    path.write_bytes(old[:above] + header + old[above + 4 : at] + box + old[at + size :])
    assert_near(colors(read_image(path)), IN_P3)


@pytest.mark.needs_ffmpeg
def test_numbers_of_an_avif(tmp_path: Path) -> None:
    stripes().resize((96, 64), Image.Resampling.NEAREST).save(tmp_path / "picture.png")
    tags = "setparams=color_primaries=smpte432:color_trc=iec61966-2-1:colorspace=bt709:range=pc"
    filters = f"scale=out_color_matrix=bt709:out_range=full,format=yuv444p,{tags}"
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "picture.png"), "-vf", filters, "-still-picture", "1"]
    subprocess.run([*command, "-c:v", "libaom-av1", "-crf", "4", str(tmp_path / "picture.avif")], check=True)
    pixels = read_image(tmp_path / "picture.avif")
    assert_near([tuple(pixels[32, x].tolist()) for x in (16, 48, 80)], IN_P3)


@pytest.mark.parametrize("color", [b"nclx" + struct.pack(">HHHB", 12, 13, 1, 0x80), b"prof" + P3], ids=["nclx", "prof"])
def test_colours_of_a_heic(color: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    (tmp_path / "picture.heic").write_bytes(grid_heic(color=color))
    pixels = read_image(tmp_path / "picture.heic")
    assert_near([tuple(pixels[y, x].tolist()) for y, x in ((32, 32), (32, 96), (96, 32))], IN_P3, 4)  # HEVC is lossy


def test_hdr_is_mapped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Zero, 25 and 203 cd/m2 of grey in PQ, then 1000: code 0, 96, 148 and 192 of 255 (SMPTE ST 2084)."""
    grey = np.repeat([[0, 96, 148, 192]], 8, axis=1).astype(np.uint8).repeat(8, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(buffer, "png")
    chunk = b"cICP" + bytes((9, 16, 0, 1))
    path = tmp_path / "picture.png"
    png = buffer.getvalue()
    path.write_bytes(png[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:])
    black, dark, white, light = read_image(path)[4, 4::8, 0].tolist()
    assert black == 0
    assert abs(dark - 99) <= 3  # 25 / 203 of white in sRGB: 1.055 * 0.123 ** (1 / 2.4) - 0.055 = 0.386
    assert 190 < white < 230  # the curve makes room for what is brighter
    assert light == 255
    assert caplog.messages == [f"{path}: HDR (PQ) is mapped to the range of an ordinary screen"]


def test_hlg_is_mapped() -> None:
    """Nominal white of HLG, 75 % of the signal, is 203 cd/m2 on a screen of 1000 (ITU-R BT.2408)."""
    hlg, pq = np.full((1, 1, 3), 191, np.uint8), np.full((1, 1, 3), 148, np.uint8)
    assert abs(int(map_tones(hlg, 9, 18)[0, 0, 0]) - int(map_tones(pq, 9, 16)[0, 0, 0])) <= 3
