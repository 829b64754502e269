"""The boxes of an mp4 or mov file (ISO/IEC 14496-12, 4.2)."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple


class Box(NamedTuple):
    """Where a box is, in bytes from the beginning of what it lies in."""

    name: bytes
    start: int
    content: int
    """Where what follows its header begins."""
    end: int


def outermost_boxes(file: BinaryIO) -> Iterator[Box]:
    """Yield the boxes of a file, in order, up to the first whose size cannot be right.

    The file may be moved in between. A box that the end of the file cuts off ends behind it.
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
