"""Images: read from files, converted from arrays and Pillow images, shown in a notebook."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageOps

from livedream.color.srgb import eight_bits, to_srgb
from livedream.contact_sheet import in_rows, sheet, tile
from livedream.formats.image_file import open_image, read_head
from livedream.formats.pixel_aspect import read_aspect

MOST_PIXELS = 1 << 26
"""For guides and masks, which may come from another person's recipe: a PNG of 20 kB can decode to gigabytes."""

_SHEET_WIDTH = 1000
"""The width of a sheet in a notebook, in pixels."""


class Picture(np.ndarray):
    """An array that displays itself in a notebook if it is RGB uint8, (height, width, 3).

    The results of calculations with it are plain arrays.
    """

    def _repr_png_(self) -> bytes | None:
        if self.ndim != 3 or self.shape[2] != 3 or self.dtype != np.uint8 or 0 in self.shape:
            return None  # a row or a channel: the notebook shows its numbers
        return encode_png(self)

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)


class Pictures(list[Picture]):
    """A list of pictures that displays itself in a notebook as one contact sheet with labels."""

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
    """Return `pixels`, RGB uint8 (height, width, 3), encoded as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, "png")
    return buffer.getvalue()


def to_array(picture: np.ndarray | Image.Image) -> np.ndarray:
    """Return an image as a plain array, RGB uint8 (height, width, 3). Transparent Pillow images get a white background.

    Raises:
        TypeError: it is neither an array nor a Pillow image.
        ValueError: the array has another shape or type.
    """
    if isinstance(picture, Image.Image):
        return frame_to_array(picture, picture)
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"a Dreamer takes a Frame, a numpy array or an image of Pillow's, got {type(picture).__name__}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ValueError(f"a picture must be RGB uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
    return np.asarray(picture)


def frame_to_array(frame: Image.Image, opened: Image.Image) -> np.ndarray:
    """Return a frame of an animated image as `to_array` does.

    opened: the image as it came from the file, whose metadata describes the colours.
    """
    return _rgb(to_srgb(frame, getattr(opened, "filename", "") or "picture", opened))


class Still(NamedTuple):
    """An image from a file."""

    pixels: np.ndarray
    """RGB uint8 (height, width, 3)."""
    pixel_aspect: Fraction
    """Width of a pixel over its height."""


def read_still(path: Path, most_pixels: int | None = None) -> Still:
    """Read an image file: upright, in sRGB, with a white background if transparent.

    Args:
        path: of the file.
        most_pixels: the maximum number of pixels, None for Pillow's limit.

    Raises:
        SourceError: it cannot be read or is too large. The message contains the path.
    """
    with open_image(path, most_pixels) as image:
        aspect = read_aspect(image, read_head(path))
        upright = _upright(image, path)
        return Still(_rgb(upright), 1 / aspect if _is_turned(image) else aspect)


def read_image(path: Path, most_pixels: int | None = None) -> np.ndarray:
    """Return the pixels of the image at `path`, see `read_still`."""
    return read_still(path, most_pixels).pixels


def read_mask(path: Path) -> np.ndarray:
    """Read a mask that says where a dream shows: uint8 (height, width), 255 for white, 0 for black or transparent.

    Raises:
        SourceError: it cannot be read. The message contains the path.
    """
    with open_image(path, MOST_PIXELS) as opened:
        image = _to_8_bits(_upright(opened, path))
        if not _is_transparent(image):
            return np.array(Image.fromarray(_rgb(image)).convert("L"))
        image = image.convert("RGBA")
        return np.array(ImageChops.multiply(image.convert("RGB").convert("L"), image.getchannel("A")))


def _upright(image: Image.Image, path: Path) -> Image.Image:
    """Return the image upright and in sRGB."""
    upright = image if _is_turned_by_decoder(image) else ImageOps.exif_transpose(image)
    return to_srgb(upright, str(path), image)


def _is_turned(image: Image.Image) -> bool:
    """Return whether `_upright` exchanges width and height."""
    return not _is_turned_by_decoder(image) and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)


def _is_turned_by_decoder(image: Image.Image) -> bool:
    # The decoder of JPEG XL rotates the image; Exif applies only to a JPEG that was recompressed into one.
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Return an image of mode I or F in 8 bits, with its transparent grey as alpha; others unchanged."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    converted = eight_bits(image)  # Pillow would clip to 0..255
    if isinstance(clear := image.info.get("transparency"), int):
        converted.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)))
    return converted


def _rgb(image: Image.Image) -> np.ndarray:
    image = _to_8_bits(image)
    if _is_transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
