"""Frames from images: one, a folder of them, or a pattern."""

import glob
import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from livedream.capture.kind import is_image
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.formats.image_file import missing_reader, read_head
from livedream.formats.suffixes import IMAGE_SUFFIXES_IN
from livedream.frame import Frame
from livedream.image import Still, read_still
from livedream.names import is_half_written

log = logging.getLogger(__name__)

RATE = Fraction(25)
"""Images per second, when several are shown as a video."""


class ImagesSource(Source):
    """Images in the order of their names, `9.png` before `10.png`, upright and as RGB.

    Transparent images are composited on white; 16 bits are scaled to 8. Each image keeps its own size; if its pixel
    aspect differs from that of the first image, it is scaled to that. If one of several images cannot be read, this is
    logged, and the image is left out and counted in `lost`.

    Args:
        what: the path of an image or of a folder of images, or a pattern such as `photos/*.jpg`.
        rate: images per second, when several are shown as a video.

    Raises:
        SourceError: no image can be read.
    """

    live = False
    stills = True

    def __init__(self, what: str | PathLike[str], *, rate: Fraction | int | None = None) -> None:
        self.name = str(what)
        self._rate = Fraction(rate or RATE)
        self.time_base = 1 / self._rate
        self._paths = find_images(self.name)
        self.path = _place(self.name)
        self._next = 0
        self._closed = False
        self._logged: set[str] = set()
        self._first: Still | None = self._first_readable()
        self.pixel_aspect = self._first.pixel_aspect
        self.size = self._first.pixels.shape[1], self._first.pixels.shape[0]
        self.length = len(self._paths)
        self.rate = self._rate if self.length > 1 else None

    @property
    def files(self) -> Sequence[Path]:
        return self._paths

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._paths) and not self._closed:
            index = self._next
            self._next += 1
            still, self._first = self._first, None
            if still is None:
                still = self._read(self._paths[index])
            if still is not None:
                yield Frame(reshaped(still, self.pixel_aspect), index / self._rate, index)

    def close(self) -> None:
        self._closed = True
        self._first = None

    def _first_readable(self) -> Still:
        """Return the first image that can be read, and begin with it."""
        if len(self._paths) == 1:
            return read_still(self._paths[0])
        for path in self._paths:
            if (still := self._read(path)) is not None:
                return still
            self._next += 1
        raise SourceError(
            f"none of the {len(self._paths)} pictures in {self.name} can be read",
            "open one with another program to check",
        )

    def _read(self, path: Path) -> Still | None:
        """Return an image; None if it cannot be read, which is logged: once for each missing reader."""
        try:
            return read_still(path)
        except SourceError as error:
            self.lost += 1
            if (what := missing_reader(read_head(path))[0]) not in self._logged or not what:
                self._logged.add(what)
                log.warning("%s; it is left out; %s", error, error.hint)
            return None


def reshaped(still: Still, aspect: Fraction) -> np.ndarray:
    """Return the pixels of an image, scaled horizontally to the pixel aspect `aspect` if they have another one."""
    if still.pixel_aspect == aspect:
        return still.pixels
    height, width = still.pixels.shape[:2]
    wanted = max(1, round(width * still.pixel_aspect / aspect))
    return np.array(Image.fromarray(still.pixels).resize((wanted, height), Image.Resampling.LANCZOS))


def find_images(what: str) -> list[Path]:
    """Return the images that `what` names, sorted; at least one.

    Videos and animated images are left out, and, of several images, those that livedream has not finished writing.

    Raises:
        SourceError: there are none.
    """
    path = Path(what)
    if path.is_dir():
        try:
            paths = [entry for entry in path.iterdir() if _is_own_image(entry)]
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the permissions of the folder") from error
        if not paths:
            raise SourceError(f"no pictures in {path}", f"looked for {', '.join(IMAGE_SUFFIXES_IN)}")
    elif path.exists():
        return [path]
    else:
        names = glob.glob(what, recursive=True)  # noqa: PTH207 (Path.glob takes no pattern with a root)
        known = (*IMAGE_SUFFIXES_IN, path.suffix.lower())  # photos/* does not mean notes.txt
        paths = [Path(name) for name in names if Path(name).suffix.lower() in known]
        paths = [name for name in paths if name.is_file() and not name.name.startswith("._")]
        paths = [name for name in paths if not is_half_written(name)]
        if not paths:
            raise SourceError(f"no such picture: {what}", "check the name or the pattern")
    return sorted(paths, key=natural)


def _place(what: str) -> Path:
    """Return the file or folder that is read; for a pattern, the folder above its first wildcard."""
    path = Path(what)
    while not path.exists():
        path = path.parent
    return path


def _is_own_image(path: Path) -> bool:
    # macOS leaves ._name.jpg beside name.jpg on other file systems.
    if path.suffix.lower() not in IMAGE_SUFFIXES_IN or path.name.startswith("."):
        return False
    return path.is_file() and is_image(path) and not is_half_written(path)


def natural(path: Path) -> list[tuple[bool, int, str]]:
    """Return a sort key: by name, with numbers in numerical order."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
