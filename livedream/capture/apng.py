"""The composed frames of an animated PNG (PNG third edition, 11.3.6).

Pillow 13 reads them too, but does not undo what a frame with the disposal "previous" has drawn.
"""

import io
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from livedream.formats.png_chunks import SIGNATURE, chunk, read_chunks

_BACKGROUND, _PREVIOUS = 1, 2
"""Disposal after a frame: clear its area, or restore what was there before."""
_OVER = 1
"""Blending: draw the frame over the canvas; otherwise it replaces its area."""


@dataclass(frozen=True, slots=True)
class _Control:
    """The control chunk of a frame (fcTL)."""

    size: tuple[int, int]
    place: tuple[int, int]
    duration: Fraction
    disposal: int
    blend: int

    @classmethod
    def read(cls, body: bytes) -> "_Control":
        width, height, left, top, delay, of, disposal, blend = struct.unpack(">IIIIHHBB", body[4:26])
        return cls((width, height), (left, top), Fraction(delay, of or 100), disposal, blend)


def durations_of(path: Path) -> list[Fraction]:
    """Return how many seconds each frame is shown."""
    with path.open("rb") as file:
        return [_Control.read(body).duration for name, body in read_chunks(file, wanted=(b"fcTL",)) if len(body) >= 26]


def composed(path: Path) -> Generator[Image.Image]:
    """Yield each frame as a new RGBA image, in the colour space of the file.

    Raises what Pillow raises for a damaged file.
    """
    with path.open("rb") as file:
        canvas: Image.Image | None = None
        for control, png in _frames(file):
            with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
                drawn = image.convert("RGBA")
            if canvas is None:
                canvas = Image.new("RGBA", _size(path))
            before = canvas.copy() if control.disposal == _PREVIOUS else None
            if control.blend == _OVER:
                canvas.alpha_composite(drawn, control.place)
            else:
                canvas.paste(drawn, control.place)
            yield canvas.copy()
            if before is not None:
                canvas = before
            elif control.disposal == _BACKGROUND:
                (left, top), (width, height) = control.place, drawn.size
                canvas.paste((0, 0, 0, 0), (left, top, left + width, top + height))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=("PNG",)) as image:
        return image.size


def _frames(file: BinaryIO) -> Iterator[tuple[_Control, bytes]]:
    """Yield each frame as a separate PNG file."""
    head: list[tuple[bytes, bytes]] = []
    control: _Control | None = None
    data: list[bytes] = []
    for name, body in read_chunks(file):
        if name in (b"fcTL", b"IEND"):
            if control is not None:
                yield control, _png(head, control, data)
            control, data = (_Control.read(body) if name == b"fcTL" else None), []
        elif name == b"IDAT" and control is not None:  # before the first fcTL it is no frame
            data.append(body)
        elif name == b"fdAT":
            data.append(body[4:])
        elif name in (b"IHDR", b"PLTE", b"tRNS"):
            head.append((name, body))
    if control is not None:  # the end is missing: yield what exists of the last frame
        yield control, _png(head, control, data)


def _png(head: list[tuple[bytes, bytes]], control: _Control, data: list[bytes]) -> bytes:
    chunks = [(name, struct.pack(">II", *control.size) + body[8:] if name == b"IHDR" else body) for name, body in head]
    chunks += [(b"IDAT", b"".join(data)), (b"IEND", b"")]
    return SIGNATURE + b"".join(chunk(name, body) for name, body in chunks)
