"""Edits the header of a complete Matroska or WebM file.

This writes the end of its recipe, see `livedream.sink.video.embedded_recipe`, and the pixel aspect ratio. FFmpeg writes
the ratio from a field that PyAV does not expose (PyAV-Org/PyAV#1001). H.264 and H.265 streams state it exactly; the
others do not. For them room is reserved in the header, and filled in whole pixels when the file is closed.
"""

import mmap
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

ROOM = " " * 24
"""A suffix of the name of the track that reserves enough bytes for the display size."""
SUFFIXES = (".mkv", ".webm")
SILENT = ("vp9", "av1", "ffv1", "prores")
"""The codecs whose streams do not state the pixel aspect ratio, or only to FFmpeg."""
_HEAD = 1 << 20
"""How many bytes of the file are searched for its tracks."""

# Elements (RFC 9559, section 5)
_SEGMENT, _TRACKS, _TRACK, _CRC, _VOID = 0x18538067, 0x1654AE6B, 0xAE, 0xBF, 0xEC
_TAGS, _CLUSTER = 0x1254C367, 0x1F43B675
_TYPE, _NAME, _VIDEO, _WIDTH, _HEIGHT = 0x83, 0x536E, 0xE0, 0xB0, 0xBA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_VIDEO_TRACK = b"\1"


def write_aspect(path: Path, aspect: Fraction) -> None:
    """Write the display size into a file that has `ROOM`. No offset in it changes. A file without room stays as it is.

    Args:
        path: The file.
        aspect: The width of a pixel over its height.

    Raises:
        OSError: The file cannot be read or written.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        for offset, size in _tracks(head):
            changed = _with_aspect(head[offset : offset + size], aspect)
            if changed is not None:
                file.seek(offset)
                file.write(changed)


def replace_in_tags(path: Path, old: bytes, new: bytes) -> None:
    """Replace `old` by `new`, of the same length, in the tags, which come before the frames. Raises OSError."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for identity, start, end in _elements(data, 0, len(data)):
            if identity != _SEGMENT:
                continue
            for child, begin, stop in _elements(data, start, min(end, len(data))):
                if child == _CLUSTER:
                    return
                if child == _TAGS:
                    data[begin:stop] = _with_checksum(data[begin:stop].replace(old, new))


def _with_checksum(content: bytes) -> bytes:
    """Return the content of an element with its checksum, if it has one, updated (RFC 8794, 11.3.1)."""
    for identity, start, end in _elements(content, 0, len(content)):
        if identity == _CRC:
            return content[:start] + zlib.crc32(content[end:]).to_bytes(4, "little") + content[end:]
        break
    return content


def _tracks(head: bytes) -> Iterator[tuple[int, int]]:
    """Yield the offset and the length of the list of tracks."""
    for identity, start, end in _elements(head, 0, len(head)):
        if identity == _SEGMENT:
            for child, begin, stop in _elements(head, start, min(end, len(head))):
                if child == _TRACKS and stop <= len(head):
                    yield begin, stop - begin


def _with_aspect(tracks: bytes, aspect: Fraction) -> bytes | None:
    """Return the content of a list of tracks with the aspect ratio, of the same size; None when there is no room."""
    out = bytearray(tracks)
    changed_any = False
    for identity, start, end in _elements(tracks, 0, len(tracks)):
        if identity == _TRACK and (changed := _track_with_aspect(tracks[start:end], aspect)) is not None:
            out[start:end] = changed
            changed_any = True
    return _with_checksum(bytes(out)) if changed_any else None


def _track_with_aspect(track: bytes, aspect: Fraction) -> bytes | None:
    elements = {identity: track[start:end] for identity, start, end in _elements(track, 0, len(track))}
    name, room = elements.get(_NAME, b""), ROOM.encode()
    if elements.get(_TYPE) != _VIDEO_TRACK or not name.endswith(room) or _VIDEO not in elements:
        return None
    new = bytearray()
    for identity, start, end in _elements(track, 0, len(track)):
        body = track[start:end]
        if identity == _VIDEO:
            body = _video_with_aspect(body, aspect)
        elif identity == _NAME:
            body = name.removesuffix(room)
            if not body:
                continue
        new += _element(identity, body)
    spare = len(track) - len(new)
    if spare == 1 or not 0 <= spare < 129:
        return None
    return bytes(new) + (_element(_VOID, bytes(spare - 2)) if spare else b"")


def _video_with_aspect(video: bytes, aspect: Fraction) -> bytes:
    new = bytearray()
    sides = {}
    for identity, start, end in _elements(video, 0, len(video)):
        if identity in (_WIDTH, _HEIGHT):
            sides[identity] = int.from_bytes(video[start:end], "big")
        if identity not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT):
            new += _element(identity, video[start:end])
    display = {_DISPLAY_WIDTH: round(sides[_WIDTH] * aspect), _DISPLAY_HEIGHT: sides[_HEIGHT]}
    for identity, side in display.items():
        new += _element(identity, side.to_bytes((side.bit_length() + 7) // 8, "big"))
    return bytes(new)


def _elements(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the id, and the start and end of the content, of each element in `data` (RFC 8794, section 6)."""
    while start < end:
        length = 9 - data[start].bit_length()
        identity = int.from_bytes(data[start : start + length], "big")
        start += length
        if start >= end or not data[start]:
            return
        width = 9 - data[start].bit_length()
        size = int.from_bytes(data[start : start + width], "big") & ((1 << 7 * width) - 1)
        start += width
        # All ones: the size is unknown, so the element reaches to the end.
        stop = end if size == (1 << 7 * width) - 1 else start + size
        yield identity, start, stop
        start = stop


def _element(identity: int, body: bytes) -> bytes:
    size = len(body)
    length = size.to_bytes(1, "big") if size < 127 else (size | 0x4000).to_bytes(2, "big")
    head = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    return head + (bytes([length[0] | 0x80]) if size < 127 else length) + body
