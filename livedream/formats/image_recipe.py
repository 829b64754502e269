"""The recipe inside an image: in PNG a text chunk, in JPEG, WebP and TIFF the field that other image generators use.

In JPEG and WebP that is the Exif tag UserComment, which galleries do not show as a caption. In TIFF it is
ImageDescription, since libtiff writes no Exif directory into a compressed file.
"""

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from livedream.formats.image_file import open_frames
from livedream.recipe import TABLE

_ASCII = b"ASCII\0\0\0"
"""The prefix of a UserComment in ASCII (Exif 3.0, 4.6.5)."""
LARGEST = 60_000
"""Bytes: all Exif data of a JPEG must fit into one segment of 65533."""


def recipe_options(suffix: str, text: str, exif: Image.Exif | None = None) -> dict[str, Any]:
    """Return Pillow's options for writing `text` into a JPEG, WebP or TIFF.

    Args:
        suffix: of the file.
        text: ASCII.
        exif: other Exif data of the file, to which the text is added.
    """
    if suffix in (".tif", ".tiff"):
        return {"tiffinfo": {Base.ImageDescription: text}}
    exif = exif or Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = _ASCII + text.encode("ascii")
    return {"exif": exif}


def recipe_in(path: Path) -> str:
    """Return the recipe in an image; "" or another text if there is none. Raises SourceError."""
    with open_frames(path) as image:
        if TABLE in image.info:  # of a PNG
            return str(image.info[TABLE])
        exif = image.getexif()
        if image.format == "TIFF":
            return str(exif.get(Base.ImageDescription, ""))
        comment = exif.get_ifd(IFD.Exif).get(Base.UserComment, b"")
    return comment.removeprefix(_ASCII).decode("ascii", errors="replace") if isinstance(comment, bytes) else ""
