"""The shape of the pixels of a picture file: width over height, as the file says, and how it is told in one.

PNG and JFIF have a unit of density that means "the shape only". FFmpeg, which makes nearly all such files, then writes
width:height (pngenc.c, mjpegenc_common.c), the inverse of a density; so it is read and written here. Densities per inch
or metre are what they are: the denser way has the narrower pixels.
"""

import struct
from fractions import Fraction
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

from livedream.png_chunks import SIGNATURE, chunk

SQUARE = Fraction(1)
NEARLY = Fraction(1, 100)
"""Densities rounded to whole numbers, or mistaken, differ by so much; the least that video has is 8 % (59:54)."""
LARGEST = 8
"""The pixels of nobody are wider, or higher; such files were written by mistake."""
_GIF_BYTE = 12
"""Where a GIF has its aspect: a byte that is 0, or 64 times the aspect less 15 (GIF89a, section 18)."""
_AFTER_HEAD = 33
"""Bytes of a PNG before the second chunk."""


def read_aspect(image: Image.Image, head: bytes = b"") -> Fraction:
    """Return the width of a pixel over its height in a picture that Pillow opened; 1 where it does not say.

    head: the first bytes of the file: Pillow leaves out what a GIF says.
    """
    if image.format == "GIF":
        byte = head[_GIF_BYTE] if len(head) > _GIF_BYTE else 0
        return _plausible(byte + 15, 64) if byte else SQUARE
    info = image.info
    if "aspect" in info:  # PNG, unit 0
        return _plausible(*info["aspect"])
    if info.get("jfif_unit") == 0:
        return _plausible(*info.get("jfif_density", (1, 1)))
    if image.format == "TIFF":  # in any unit, or none
        tags = image.tag_v2  # type: ignore[attr-defined]
        return _plausible(tags.get(Base.YResolution, 1), tags.get(Base.XResolution, 1))
    if image.format == "WEBP":  # no other place; cameras write 72 and 72
        exif = image.getexif()
        return _plausible(exif.get(Base.YResolution, 1), exif.get(Base.XResolution, 1))
    across, down = info.get("dpi", (1, 1))
    return _plausible(down, across)


def _plausible(width: Any, height: Any) -> Fraction:
    """Return width over height, numbers of any kind; 1 for what can only be a mistake."""
    try:
        ratio = Fraction(width) / Fraction(height)
    except (ArithmeticError, TypeError, ValueError):
        return SQUARE
    if abs(ratio - 1) < NEARLY or not Fraction(1, LARGEST) <= ratio <= LARGEST:
        return SQUARE
    return ratio.limit_denominator(1000)


def options_for(suffix: str, aspect: Fraction) -> dict[str, Any]:
    """Return how Pillow is told the shape of the pixels in a file of that kind; for PNG and JPEG see `stamped`."""
    if aspect == SQUARE:
        return {}
    width, height = aspect.limit_denominator(1000).as_integer_ratio()
    if suffix in (".tif", ".tiff"):
        return {"x_resolution": float(height), "y_resolution": float(width), "resolution_unit": 1}
    if suffix == ".webp":
        exif = Image.Exif()
        exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit] = float(height), float(width), 1
        return {"exif": exif}
    return {}


def stamped(data: bytes, aspect: Fraction) -> bytes:
    """Return the PNG or JPEG that Pillow has written with the shape of its pixels in it; other files as they are."""
    if aspect == SQUARE:
        return data
    width, height = aspect.limit_denominator(1000).as_integer_ratio()
    if data.startswith(SIGNATURE):
        shape = chunk(b"pHYs", struct.pack(">IIB", width, height, 0))
        return data[:_AFTER_HEAD] + shape + data[_AFTER_HEAD:]
    if data[:2] == b"\xff\xd8" and data[6:11] == b"JFIF\0":
        return data[:13] + struct.pack(">BHH", 0, width, height) + data[18:]
    return data
