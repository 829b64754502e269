"""Frames from pictures: one, a folder of them, or a pattern."""

import glob
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np

from livedream.capture.source import PICTURES, Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.picture import read_picture

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
