"""Frames from pictures: one, a folder of them, or a pattern."""

import glob
import re
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from livedream.capture.source import PICTURES, Source
from livedream.errors import SourceError
from livedream.frame import Frame

RATE = Fraction(25)
"""Pictures per second when several are shown as a film."""


class ImagesSource(Source):
    """Pictures in the order of their names, `9.png` before `10.png`, upright and as RGB.

    what: the path of a picture or of a folder of pictures, or a pattern such as `photos/*.jpg`.

    Transparency is laid on white, 16 bits are scaled to 8. Each picture keeps its own size. Raises SourceError when
    there is no picture, and when one cannot be read, named.
    """

    live = False
    stills = True
    time_base = 1 / RATE

    def __init__(self, what: str | PathLike[str]) -> None:
        self.name = str(what)
        self._pictures = find_pictures(self.name)
        self.path = _place(self.name)
        self._next = 0
        self._closed = False
        self._first: np.ndarray | None = read_picture(self._pictures[0])
        self.size = self._first.shape[1], self._first.shape[0]
        self.length = len(self._pictures)
        self.rate = RATE if self.length > 1 else None

    @property
    def files(self) -> Sequence[Path]:
        return self._pictures

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._pictures) and not self._closed:
            index = self._next
            self._next += 1
            pixels, self._first = self._first, None
            if pixels is None:
                pixels = read_picture(self._pictures[index])
            yield Frame(pixels, index / RATE, index)

    def close(self) -> None:
        self._closed = True
        self._first = None


def read_picture(path: Path) -> np.ndarray:
    """Return the picture at `path`, upright, as RGB uint8 (height, width, 3). Raises SourceError, naming it."""
    try:
        with Image.open(path) as image:
            return _rgb(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SourceError(f"{path} is too large a picture", "make it smaller first") from error
    except PermissionError as error:
        raise SourceError(f"no right to read {path}", "check the rights of the file") from error
    except (OSError, EOFError, SyntaxError, ValueError, struct.error) as error:  # what Pillow's readers raise
        raise SourceError(f"{path} is not a picture, or is damaged", "take it away, or save it again") from error


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would clip these to 0..255
        levels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        if image.mode != "F":
            levels = levels / 257  # 65535 becomes 255
        elif levels.max() <= 1:
            levels = levels * 255
        grey = levels.clip(0, 255).round().astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def find_pictures(what: str) -> list[Path]:
    """Return the pictures that `what` means, sorted; at least one."""
    path = Path(what)
    if path.is_dir():
        try:
            found = [entry for entry in path.iterdir() if _is_picture(entry)]
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the rights of the folder") from error
        if not found:
            raise SourceError(f"no pictures in {path}", f"looked for {', '.join(PICTURES)}")
    elif path.exists():
        return [path]
    else:
        names = glob.glob(what, recursive=True)  # noqa: PTH207 (Path.glob takes no pattern with a root)
        found = [Path(name) for name in names if Path(name).is_file()]
        if not found:
            raise SourceError(f"no such picture: {what}", "check the name or the pattern")
    return sorted(found, key=natural)


def _place(what: str) -> Path:
    """Return the file or folder that is read; of a pattern the folder above its first wildcard."""
    path = Path(what)
    while not path.exists():
        path = path.parent
    return path


def _is_picture(path: Path) -> bool:
    # macOS leaves ._name.jpg beside name.jpg on foreign disks.
    return path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file()


def natural(path: Path) -> list[tuple[bool, int, str]]:
    """A key that sorts by name as people count."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
