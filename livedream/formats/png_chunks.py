"""The chunks of a PNG file (PNG third edition, 5.3)."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""How every PNG begins."""
_LARGEST = 2**31
"""Bytes of a chunk at most."""


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk as it stands in a file."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def chunks_in(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield name and content of the chunks of a PNG, of the last one what there is, and whether its checksum fits."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        (size,), name = struct.unpack_from(">I", data, place), data[place + 4 : place + 8]
        body, check = data[place + 8 : place + 8 + size], data[place + 8 + size : place + 12 + size]
        yield name, body, check == struct.pack(">I", zlib.crc32(name + body))
        place += 12 + size


def read_chunks(file: BinaryIO, wanted: tuple[bytes, ...] | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the chunks of a PNG, one at a time; checksums are not looked at.

    wanted: the names of those to read; the others are passed over. Raises SyntaxError for a size that no chunk has.
    """
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        if size > _LARGEST:
            raise SyntaxError("chunk size out of range: the file is damaged")
        if wanted is None or name in wanted:
            yield name, file.read(size)
            file.seek(4, 1)
        else:
            file.seek(size + 4, 1)
