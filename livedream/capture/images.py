"""Frames from pictures: one, a folder of them, or a pattern."""

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
from livedream.frame import Frame
from livedream.image import Still, read_still
from livedream.image_file import missing_reader, read_head
from livedream.names import is_half_written
from livedream.suffixes import PICTURES_IN

log = logging.getLogger(__name__)

RATE = Fraction(25)
"""Pictures per second when several are shown as a film."""


class ImagesSource(Source):
    """Pictures in the order of their names, `9.png` before `10.png`, upright and as RGB.

    what: the path of a picture or of a folder of pictures, or a pattern such as `photos/*.jpg`. rate: pictures per
    second, when several are shown as a film.

    Transparency is laid on white, 16 bits are scaled to 8. Each picture keeps its own size; where the shape of its
    pixels differs from that of the first one, it is scaled to that. Of several pictures one that cannot be read is
    logged, left out and counted in `lost`. Raises SourceError when there is no picture that can be read.
    """

    live = False
    stills = True

    def __init__(self, what: str | PathLike[str], *, rate: Fraction | int | None = None) -> None:
        self.name = str(what)
        self._rate = Fraction(rate or RATE)
        self.time_base = 1 / self._rate
        self._pictures = find_images(self.name)
        self.path = _place(self.name)
        self._next = 0
        self._closed = False
        self._told: set[str] = set()
        self._first: Still | None = self._first_readable()
        self.pixel_aspect = self._first.pixel_aspect
        self.size = self._first.pixels.shape[1], self._first.pixels.shape[0]
        self.length = len(self._pictures)
        self.rate = self._rate if self.length > 1 else None

    @property
    def files(self) -> Sequence[Path]:
        return self._pictures

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._pictures) and not self._closed:
            index = self._next
            self._next += 1
            still, self._first = self._first, None
            if still is None:
                still = self._read(self._pictures[index])
            if still is not None:
                yield Frame(reshaped(still, self.pixel_aspect), index / self._rate, index)

    def close(self) -> None:
        self._closed = True
        self._first = None

    def _first_readable(self) -> Still:
        """Return the first picture that can be read, and begin with it."""
        if len(self._pictures) == 1:
            return read_still(self._pictures[0])
        for path in self._pictures:
            if (still := self._read(path)) is not None:
                return still
            self._next += 1
        raise SourceError(
            f"none of the {len(self._pictures)} pictures of {self.name} can be read",
            "open one with another program to check",
        )

    def _read(self, path: Path) -> Still | None:
        """Return a picture; None when it cannot be read, which is logged: of a missing reader once."""
        try:
            return read_still(path)
        except SourceError as error:
            self.lost += 1
            if (what := missing_reader(read_head(path))[0]) not in self._told or not what:
                self._told.add(what)
                log.warning("%s; it is left out; %s", error, error.hint)
            return None


def reshaped(still: Still, aspect: Fraction) -> np.ndarray:
    """Return the pixels of a picture, made wider or narrower where they have another shape than `aspect`."""
    if still.pixel_aspect == aspect:
        return still.pixels
    height, width = still.pixels.shape[:2]
    wanted = max(1, round(width * still.pixel_aspect / aspect))
    return np.array(Image.fromarray(still.pixels).resize((wanted, height), Image.Resampling.LANCZOS))


def find_images(what: str) -> list[Path]:
    """Return the pictures that `what` means, sorted; at least one.

    Films and animated pictures are left out, and of several pictures those that livedream has not written to their end.
    """
    path = Path(what)
    if path.is_dir():
        try:
            found = [entry for entry in path.iterdir() if _is_picture(entry)]
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the rights of the folder") from error
        if not found:
            raise SourceError(f"no pictures in {path}", f"looked for {', '.join(PICTURES_IN)}")
    elif path.exists():
        return [path]
    else:
        names = glob.glob(what, recursive=True)  # noqa: PTH207 (Path.glob takes no pattern with a root)
        known = (*PICTURES_IN, path.suffix.lower())  # photos/* means no notes.txt
        found = [Path(name) for name in names if Path(name).suffix.lower() in known]
        found = [name for name in found if name.is_file() and not name.name.startswith("._")]
        found = [name for name in found if not is_half_written(name)]
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
    if path.suffix.lower() not in PICTURES_IN or path.name.startswith("."):
        return False
    return path.is_file() and is_image(path) and not is_half_written(path)


def natural(path: Path) -> list[tuple[bool, int, str]]:
    """A key that sorts by name as people count."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
