"""The boxes of an mp4 or mov file (ISO/IEC 14496-12, 4.2)."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple


class Box(NamedTuple):
    """The position of a box, in bytes from the beginning of the file."""

    name: bytes
    start: int
    content: int
    """Where its content begins, after the header."""
    end: int


def outermost_boxes(file: BinaryIO) -> Iterator[Box]:
    """Yield the top-level boxes of a file, in order, up to the first with an invalid size.

    The caller may move the file position in between. A box that is cut off ends after the end of the file.
    """
    length = file.seek(0, os.SEEK_END)
    place = 0
    while place + 8 <= length:
        file.seek(place)
        header = file.read(16)
        (size,), start = struct.unpack_from(">I", header), 8
        if size == 1:
            size, start = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:  # up to the end of the file
            size = length - place
        yield Box(header[4:8], place, place + start, place + size)
        if size < start:
            return
        place += size
