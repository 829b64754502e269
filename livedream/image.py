"""Pictures: read from files, taken from what people have, shown in a notebook."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageOps

from livedream.contact_sheet import in_rows, sheet, tile
from livedream.image_file import open_image, read_head
from livedream.pixel_aspect import read_aspect
from livedream.srgb import eight_bits, to_srgb

MOST_PIXELS = 1 << 26
"""Of guides and masks, which somebody else's recipe may name: 20 kB of PNG can have 178 million, and take gigabytes."""

_SHEET_WIDTH = 1000
"""Pixels of a sheet in a notebook."""


class Picture(np.ndarray):
    """An array like any other that shows itself in a notebook when it is RGB uint8, (height, width, 3).

    What is calculated from it is a plain array again.
    """

    def _repr_png_(self) -> bytes | None:
        if self.ndim != 3 or self.shape[2] != 3 or self.dtype != np.uint8 or 0 in self.shape:
            return None  # a row, or a channel: a notebook shows its numbers
        return encode_png(self)

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)


class Pictures(list[Picture]):
    """A list of pictures that shows itself in a notebook, as one sheet with a label on each."""

    def __init__(self, pictures: Iterable[Picture], labels: Iterable[str]) -> None:
        """labels: one for each picture."""
        super().__init__(pictures)
        self._labels = tuple(labels)

    def _repr_png_(self) -> bytes | None:
        if not self:
            return None
        height, width = self[0].shape[:2]
        labels = self._labels if len(self._labels) == len(self) else ("",) * len(self)
        tiles = [tile(picture, (width, height), label) for picture, label in zip(self, labels, strict=True)]
        return encode_png(sheet(in_rows(tiles, max(1, _SHEET_WIDTH // width))))


def encode_png(pixels: np.ndarray) -> bytes:
    """Return `pixels`, RGB uint8 (height, width, 3), as the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, "png")
    return buffer.getvalue()


def to_array(picture: np.ndarray | Image.Image) -> np.ndarray:
    """Return a picture as a plain array, RGB uint8 (height, width, 3). Images of Pillow's are laid on white.

    Raises TypeError for other things, ValueError for other arrays.
    """
    if isinstance(picture, Image.Image):
        return frame_to_array(picture, picture)
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"a Dreamer takes a Frame, a numpy array or an image of Pillow's, got {type(picture).__name__}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ValueError(f"a picture must be RGB uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
    return np.asarray(picture)


def frame_to_array(picture: Image.Image, opened: Image.Image) -> np.ndarray:
    """Return a frame of an animated picture as `to_array` does.

    opened: the picture as it came from the file, which says what the colours are.
    """
    return _rgb(to_srgb(picture, getattr(opened, "filename", "") or "picture", opened))


class Still(NamedTuple):
    """A picture from a file."""

    pixels: np.ndarray
    """RGB uint8 (height, width, 3)."""
    pixel_aspect: Fraction
    """Width of a pixel over its height."""


def read_still(path: Path, most_pixels: int | None = None) -> Still:
    """Return the picture at `path`, upright, transparency laid on white, with the shape of its pixels.


    most_pixels: how many it may have. Raises SourceError, naming it.
    """
    with open_image(path, most_pixels) as image:
        aspect = read_aspect(image, read_head(path))
        upright = _upright(image, path)
        return Still(_rgb(upright), 1 / aspect if _is_turned(image) else aspect)


def read_image(path: Path, most_pixels: int | None = None) -> np.ndarray:
    """Return the pixels of the picture at `path`: see `read_still`."""
    return read_still(path, most_pixels).pixels


def read_mask(path: Path) -> np.ndarray:
    """Return how much of a dream is to be seen where, by the picture at `path`: uint8 (height, width).

    255 where it is white, 0 where it is black or transparent. Raises SourceError, naming it.
    """
    with open_image(path, MOST_PIXELS) as opened:
        image = _shallow(_upright(opened, path))
        if not _transparent(image):
            return np.array(Image.fromarray(_rgb(image)).convert("L"))
        image = image.convert("RGBA")
        return np.array(ImageChops.multiply(image.convert("RGB").convert("L"), image.getchannel("A")))


def _upright(image: Image.Image, path: Path) -> Image.Image:
    """Return the picture upright and in sRGB."""
    upright = image if _keeps_its_turn(image) else ImageOps.exif_transpose(image)
    return to_srgb(upright, str(path), image)


def _is_turned(image: Image.Image) -> bool:
    """Return whether `_upright` exchanges width and height."""
    return not _keeps_its_turn(image) and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)


def _keeps_its_turn(image: Image.Image) -> bool:
    # JPEG XL is turned by its decoder; what Exif says comes on top only in a JPEG that was packed into one.
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _shallow(image: Image.Image) -> Image.Image:
    """Return a picture of modes I and F in 8 bits, with its transparent grey as alpha; others as they are."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    shallow = eight_bits(image)  # Pillow would clip to 0..255
    if isinstance(clear := image.info.get("transparency"), int):
        shallow.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)))
    return shallow


def _rgb(image: Image.Image) -> np.ndarray:
    image = _shallow(image)
    if _transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
