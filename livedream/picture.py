"""Pictures: read from files, taken from what people have, shown in a notebook."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageOps

from livedream.errors import SourceError
from livedream.srgb import eight_bits, to_srgb


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
        return _rgb(to_srgb(picture, "picture"))
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"a Dreamer takes a Frame, a numpy array or an image of Pillow's, got {type(picture).__name__}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ValueError(f"a picture must be RGB uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
    return np.asarray(picture)


def read_picture(path: Path) -> np.ndarray:
    """Return the picture at `path`, upright, as RGB uint8 (height, width, 3), transparency laid on white.

    Raises SourceError, naming it.
    """
    with _upright(path) as image:
        return _rgb(image)


def read_mask(path: Path) -> np.ndarray:
    """Return how much of a dream is to be seen where, by the picture at `path`: uint8 (height, width).

    255 where it is white, 0 where it is black or transparent. Raises SourceError, naming it.
    """
    with _upright(path) as image:
        if not _transparent(image):
            return np.array(Image.fromarray(_rgb(image)).convert("L"))
        image = image.convert("RGBA")
        return np.array(ImageChops.multiply(image.convert("RGB").convert("L"), image.getchannel("A")))


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield to_srgb(ImageOps.exif_transpose(image), str(path), image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SourceError(f"{path} is too large a picture", "make it smaller first") from error
    except FileNotFoundError as error:
        raise SourceError(
            f"no such picture: {path}", "check the name; relative names start in the current folder"
        ) from error
    except PermissionError as error:
        raise SourceError(f"no right to read {path}", "check the rights of the file") from error
    except (OSError, EOFError, SyntaxError, ValueError, struct.error) as error:  # what Pillow's readers raise
        raise SourceError(f"{path} is not a picture, or is damaged", "take it away, or save it again") from error


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would clip these to 0..255
        image = eight_bits(image)
    if _transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
