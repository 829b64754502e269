"""The cover of an mp4, put into it when it is complete.

FFmpeg can write it too, but then a fragmented mp4 gets an empty picture track beside it (FFmpeg 8.0, movenc.c).
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

JPEG, PNG = 13, 14
"""What a `data` box holds (QuickTime File Format, "Well-known data types")."""
KINDS = {"mjpeg": JPEG, "png": PNG}
"""By FFmpeg's name of the codec."""


class _Box(NamedTuple):
    """Where a box is in the bytes around it (ISO/IEC 14496-12, 4.2)."""

    name: bytes
    start: int
    content: int
    end: int


def add_cover(path: Path, picture: bytes, kind: int) -> bool:
    """Put a cover into the complete mp4 at `path`, and return whether that could be.

    It can where the index (moov) is the last box. A new index is appended before the old one is made void: whenever the
    process is killed, the film has one that is whole.

    picture: a JPEG or a PNG as its file holds it. kind: JPEG or PNG. Raises OSError.
    """
    with path.open("r+b") as file:
        found = _index(file)
        if found is None:
            return False
        start, moov = found
        renewed = _with_cover(moov, _box(b"covr", _box(b"data", struct.pack(">II", kind, 0), picture)))
        file.seek(0, os.SEEK_END)
        file.write(renewed)
        file.flush()
        os.fsync(file.fileno())
        file.seek(start + 4)
        file.write(b"free")
    return True


def _index(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return where the moov box of an mp4 begins, and that box; None unless it is the last one and in 32 bits."""
    end = file.seek(0, os.SEEK_END)
    place = 0
    while place + 8 <= end:
        file.seek(place)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        elif name == b"moov" and place + size == end:
            file.seek(place)
            return place, file.read(size)
        if size < 8:
            return None
        place += size
    return None


def _with_cover(moov: bytes, cover: bytes) -> bytes:
    """Return a moov box with the box `cover` in its list of metadata, moov/udta/meta/ilst."""
    path = [_Box(b"moov", 0, 8, len(moov))]
    for name in (b"udta", b"meta", b"ilst"):
        outer = path[-1]
        inner = next((box for box in _boxes(moov, outer) if box.name == name), None)
        if inner is None:
            break
        path.append(inner)
    else:
        return _inserted(moov, path, cover)
    handler = _box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    missing = _box(b"meta", bytes(4), handler, _box(b"ilst", cover))
    if path[-1].name == b"meta":
        missing = _box(b"ilst", cover)
    elif path[-1].name == b"moov":
        missing = _box(b"udta", missing)
    return _inserted(moov, path, missing)


def _boxes(data: bytes, outer: _Box) -> Iterator[_Box]:
    place = outer.content + (4 if outer.name == b"meta" else 0)  # a full box: version and flags come first
    while place + 8 <= outer.end:
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8 or place + size > outer.end:
            return
        yield _Box(name, place, place + 8, place + size)
        place += size


def _inserted(data: bytes, path: list[_Box], addition: bytes) -> bytes:
    """Return `data` with `addition` at the end of the last box of `path`; each of them becomes larger."""
    renewed = bytearray(data)
    for box in path:
        struct.pack_into(">I", renewed, box.start, box.end - box.start + len(addition))
    renewed[path[-1].end : path[-1].end] = addition
    return bytes(renewed)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content
