"""Adds a cover to an mp4 file that is complete.

FFmpeg can write a cover too, but then a fragmented mp4 gets an empty video track beside it (FFmpeg 8.0, movenc.c).
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from livedream.formats.mp4_boxes import Box, outermost_boxes

JPEG, PNG = 13, 14
"""The types of a `data` box (QuickTime File Format, "Well-known data types")."""
KINDS = {"mjpeg": JPEG, "png": PNG}
"""The types by FFmpeg's name of the codec."""


def add_cover(path: Path, image: bytes, kind: int) -> bool:
    """Add a cover to the complete mp4 at `path`, and return whether that was possible.

    It is possible where the index (moov) is the last box. A new index is appended before the old one is made void, so
    the video has a complete index whenever the process is killed.

    Args:
        path: The mp4 file.
        image: An encoded JPEG or PNG.
        kind: `JPEG` or `PNG`.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("r+b", buffering=0) as file:
        index = index_at_end(file)
        if index is None:
            return False
        start, moov = index
        updated = _with_cover(moov, _box(b"covr", _box(b"data", struct.pack(">II", kind, 0), image)))
        end = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(updated)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:  # the disk is full: the video is complete without a cover
            os.ftruncate(file.fileno(), end)
            raise
        file.seek(start + 4)
        file.write(b"free")
    return True


def index_at_end(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return the offset of the moov box of an mp4, and the box; None unless it is last and has a 32-bit size."""
    length = file.seek(0, os.SEEK_END)
    for box in outermost_boxes(file):
        if box.name == b"moov" and box.end == length:
            file.seek(box.start)
            moov = file.read(box.end - box.start)
            return (box.start, moov) if moov.startswith(struct.pack(">I", len(moov))) else None
    return None


def _with_cover(moov: bytes, cover: bytes) -> bytes:
    """Return a moov box with the box `cover` added to its metadata, moov/udta/meta/ilst."""
    path = [Box(b"moov", 0, 8, len(moov))]
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


def _boxes(data: bytes, outer: Box) -> Iterator[Box]:
    offset = outer.content + (4 if outer.name == b"meta" else 0)  # a full box: version and flags come first
    while offset + 8 <= outer.end:
        size, name = struct.unpack_from(">I4s", data, offset)
        if size < 8 or offset + size > outer.end:
            return
        yield Box(name, offset, offset + 8, offset + size)
        offset += size


def _inserted(data: bytes, path: list[Box], addition: bytes) -> bytes:
    """Return `data` with `addition` at the end of the last box of `path`; the size of every box of it grows."""
    updated = bytearray(data)
    for box in path:
        struct.pack_into(">I", updated, box.start, box.end - box.start + len(addition))
    updated[path[-1].end : path[-1].end] = addition
    return bytes(updated)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content
