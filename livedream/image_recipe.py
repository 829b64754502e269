"""The recipe inside a picture: as a text of its own in PNG, in JPEG, WebP and TIFF where other programs that generate
pictures leave their parameters.

JPEG and WebP have the Exif tag UserComment for it, which no gallery shows as a caption. In TIFF it is ImageDescription:
libtiff writes no Exif directory into a compressed file.
"""

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from livedream.image_file import open_frames
from livedream.recipe import TABLE

_ASCII = b"ASCII\0\0\0"
"""What a UserComment in ASCII begins with (Exif 3.0, 4.6.5)."""
LARGEST = 60_000
"""Bytes: all Exif data of a JPEG stand in one segment of 65533."""


def recipe_options(suffix: str, text: str, exif: Image.Exif | None = None) -> dict[str, Any]:
    """Return how Pillow is told to write `text` into a JPEG, WebP or TIFF.

    text: ASCII. exif: what else the file is to say, which the text is added to.
    """
    if suffix in (".tif", ".tiff"):
        return {"tiffinfo": {Base.ImageDescription: text}}
    exif = exif or Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = _ASCII + text.encode("ascii")
    return {"exif": exif}


def recipe_in(path: Path) -> str:
    """Return the recipe in a picture; "" or some other text when there is none. Raises SourceError."""
    with open_frames(path) as image:
        if TABLE in image.info:  # of a PNG
            return str(image.info[TABLE])
        exif = image.getexif()
        if image.format == "TIFF":
            return str(exif.get(Base.ImageDescription, ""))
        comment = exif.get_ifd(IFD.Exif).get(Base.UserComment, b"")
    return comment.removeprefix(_ASCII).decode("ascii", errors="replace") if isinstance(comment, bytes) else ""
