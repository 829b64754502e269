"""What can be saved of a picture whose end is missing.

Pillow can be told to take such files, but only for the whole process at once (`ImageFile.LOAD_TRUNCATED_IMAGES`), and
does not say how much is missing. Here the missing bytes are made up instead, twice and differently: the rows in which
the two pictures differ are those that are not in the file.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from livedream.png_chunks import SIGNATURE, chunk, chunks_in

_END = b"\xff\xd9" * 40000
"""End marks of a JPEG: more than the longest segment that may be cut off can swallow."""
_NOISE = b"\x2a\x95\x4b" * 2000
"""Unlike the zeros that a decoder takes after an end mark."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7 (PNG, section 8.2): x and y of the first pixel of each pass, and the steps."""
TORN = "is damaged: some of its pixels are wrong"
_SIP = 4096
"""Bytes that are unpacked at a time."""
_MOST = 2**31
"""Bytes of pixels that are made up at most."""


def rescue(data: bytes, open_image: Callable[[io.BytesIO], Image.Image]) -> tuple[Image.Image, str]:
    """Return the picture that the file `data` begins with, decoded, and what is wrong with it, as a predicate.

    open_image: opens a file with Pillow, without decoding it. Raises what Pillow raises when there is nothing to save.
    """
    if data.startswith(SIGNATURE):
        whole, loss = _complete_png(data)
        return _decode(whole, open_image), loss
    with open_image(io.BytesIO(data)) as image:
        kind, size, progressive = image.format, image.size, bool(image.info.get("progressive"))
    if kind in ("JPEG", "MPO"):
        return _rescue_jpeg(data, open_image, progressive)
    room = min(size[0] * size[1] * 8, _MOST)
    one, other = (_decode(data + bytes([filler]) * room, open_image) for filler in (0, 255))
    return one, _loss(int(_differs(one, other).sum()), size[1])


def is_torn(data: bytes) -> bool:
    """Return whether a checksum in a PNG says that its pixels are not those that were written. Pillow does not ask."""
    return any(name == b"IDAT" and not whole for name, _, whole in chunks_in(data))


def _rescue_jpeg(
    data: bytes, open_image: Callable[[io.BytesIO], Image.Image], progressive: bool
) -> tuple[Image.Image, str]:
    data = data.rstrip(b"\xff")  # half of a mark
    try:
        one = _decode(data + _END, open_image)
    except (OSError, SyntaxError, ValueError):  # it ends within a table: that is left out
        data = data[: _last_mark(data)]
        one = _decode(data + _END, open_image)
    try:
        differs = _differs(one, _decode(data + _NOISE + _END, open_image))
        rows = one.height - int(differs.argmax()) if differs.any() else 0  # where the noise ends, both are grey
    except (OSError, SyntaxError, ValueError):
        rows = one.height
    if progressive and (rows or not _has_all_scans(data)):
        return one, "ends early: some detail is missing"
    return one, _loss(rows, one.height)


def _decode(data: bytes, open_image: Callable[[io.BytesIO], Image.Image]) -> Image.Image:
    image = open_image(io.BytesIO(data))
    image.load()
    return image


def _differs(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Return which rows of two pictures differ."""
    differs = np.not_equal(np.asarray(one), np.asarray(other))
    return differs.reshape(len(differs), -1).any(axis=1)


def _loss(rows: int, height: int) -> str:
    return f"ends early: {rows} of {height} rows are missing" if rows else "lacks its end mark, the picture is whole"


def _has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a progressive JPEG bring each coefficient to its last bit (ITU-T T.81, G.1)."""
    exact: dict[int, set[int]] = {}
    for mark, body in _segments(data):
        if mark == 0xC2 and len(body) > 6:  # the frame: its components
            exact = {component: set() for component in body[6::3]}
        elif mark == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            for component in body[1 : 1 + 2 * body[0] : 2] if bits & 15 == 0 else ():
                exact.setdefault(component, set()).update(range(first, last + 1))
    return bool(exact) and all(len(coefficients) == 64 for coefficients in exact.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield mark and content of the segments of a JPEG."""
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        mark = data[place + 1]
        if mark in (0x00, 0xFF, *range(0xD0, 0xD8)):
            place += 1
            continue
        (size,) = struct.unpack_from(">H", data, place + 2)
        yield mark, data[place + 4 : place + 2 + size]
        place += 2 + size


def _last_mark(data: bytes) -> int:
    """Return where the last segment of a JPEG begins: a mark that neither stands for FF nor restarts the decoder."""
    place = len(data)
    while (place := data.rfind(b"\xff", 0, place)) >= 0:
        if place + 1 < len(data) and data[place + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return place
    return 0


def _complete_png(data: bytes) -> tuple[bytes, str]:
    """Return a PNG with all that can be read of `data`, and what is wrong with it."""
    head: list[tuple[bytes, bytes]] = []
    packed = bytearray()
    torn = False
    for name, body, whole in chunks_in(data):
        if name == b"IDAT":
            packed += body
            torn = torn or not whole
        elif packed:
            break
        elif whole:
            head.append((name, body))
    if not head or head[0][0] != b"IHDR" or len(head[0][1]) != 13:
        raise SyntaxError("no head")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head[0][1])
    bits = depth * _CHANNELS.get(colour, 1)
    rows = _row_bytes(width, height, bits, bool(interlaced))
    wanted = sum(rows)
    if not 0 < wanted <= _MOST:
        raise ValueError("no pixels, or too many")
    pixels = _unpacked(packed, wanted)
    if not pixels:
        raise SyntaxError("no pixels")
    chunks = [*head, (b"IDAT", zlib.compress(pixels.ljust(wanted, b"\0"), 1)), (b"IEND", b"")]
    png = SIGNATURE + b"".join(chunk(name, body) for name, body in chunks)
    if len(pixels) < wanted:
        return png, "ends early: some detail is missing" if interlaced else _loss(
            height - len(pixels) // rows[0], height
        )
    return png, TORN if torn else _loss(0, height)


def _row_bytes(width: int, height: int, bits: int, interlaced: bool) -> list[int]:
    """Return how many bytes each row of a PNG has, with the one that names its filter."""
    if not interlaced:
        return [1 + (width * bits + 7) // 8] * height
    rows = []
    for left, top, across, down in _PASSES:
        columns, lines = -(-(width - left) // across), -(-(height - top) // down)
        rows += [1 + (columns * bits + 7) // 8] * lines if columns > 0 else []
    return rows


def _unpacked(packed: bytearray, most: int) -> bytes:
    """Return what can be unpacked, `most` bytes of it at most."""
    unpacker = zlib.decompressobj()
    out = bytearray()
    sip = _SIP
    place = 0
    while place < len(packed) and len(out) < most:
        before = unpacker.copy()
        try:
            out += unpacker.decompress(packed[place : place + sip], most - len(out))
        except zlib.error:
            if sip == 1:  # damaged from here on
                break
            unpacker, sip = before, 1  # nothing came out of all of this sip: up to the error byte by byte
            continue
        place += sip
    return bytes(out)
