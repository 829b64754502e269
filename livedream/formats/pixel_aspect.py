"""The pixel aspect of image files, width over height: reading and writing it.

PNG and JFIF have a unit of density that means "aspect only". FFmpeg, which writes nearly all such files, then stores
width:height (pngenc.c, mjpegenc_common.c), the inverse of a density; the same is done here. Densities per inch or metre
are real densities: pixels are narrower in the denser direction.
"""

import struct
from fractions import Fraction
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

from livedream.formats.png_chunks import SIGNATURE, chunk

SQUARE = Fraction(1)
NEARLY = Fraction(1, 100)
"""Rounded or wrong densities differ by this much; the smallest deviation in videos is 8 % (59:54)."""
LARGEST = 8
"""No real pixels are wider or higher than this ratio; files that state more are wrong."""
_GIF_BYTE = 12
"""Offset of the aspect in a GIF: a byte that is 0, or 64 times the aspect minus 15 (GIF89a, section 18)."""
_AFTER_HEAD = 33
"""The offset of the second chunk of a PNG."""


def read_aspect(image: Image.Image, head: bytes = b"") -> Fraction:
    """Return the width of a pixel over its height in an image that Pillow has opened; 1 if it is not stated.

    head: the first bytes of the file, since Pillow does not read the aspect of a GIF.
    """
    if image.format == "GIF":
        byte = head[_GIF_BYTE] if len(head) > _GIF_BYTE else 0
        return _plausible(byte + 15, 64) if byte else SQUARE
    info = image.info
    if "aspect" in info:  # PNG, unit 0
        return _plausible(*info["aspect"])
    if info.get("jfif_unit") == 0:
        return _plausible(*info.get("jfif_density", (1, 1)))
    if image.format == "TIFF":  # in any unit
        tags = image.tag_v2  # type: ignore[attr-defined]
        return _plausible(tags.get(Base.YResolution, 1), tags.get(Base.XResolution, 1))
    if image.format == "WEBP":  # only Exif has it; cameras write 72 and 72
        exif = image.getexif()
        return _plausible(exif.get(Base.YResolution, 1), exif.get(Base.XResolution, 1))
    across, down = info.get("dpi", (1, 1))
    return _plausible(down, across)


def _plausible(width: Any, height: Any) -> Fraction:
    """Return width over height, numbers of any kind; 1 for an implausible ratio."""
    try:
        ratio = Fraction(width) / Fraction(height)
    except (ArithmeticError, TypeError, ValueError):
        return SQUARE
    if abs(ratio - 1) < NEARLY or not Fraction(1, LARGEST) <= ratio <= LARGEST:
        return SQUARE
    return ratio.limit_denominator(1000)


def options_for(suffix: str, aspect: Fraction) -> dict[str, Any]:
    """Return Pillow's options for writing the pixel aspect to a file of this type; for PNG and JPEG see `stamped`."""
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
    """Return a PNG or JPEG written by Pillow with the pixel aspect inserted; other files unchanged."""
    if aspect == SQUARE:
        return data
    width, height = aspect.limit_denominator(1000).as_integer_ratio()
    if data.startswith(SIGNATURE):
        shape = chunk(b"pHYs", struct.pack(">IIB", width, height, 0))
        return data[:_AFTER_HEAD] + shape + data[_AFTER_HEAD:]
    if data[:2] == b"\xff\xd8" and data[6:11] == b"JFIF\0":
        return data[:13] + struct.pack(">BHH", 0, width, height) + data[18:]
    return data
