"""Decodes the existing part of a truncated image.

Pillow has an option for such files, but only for the whole process (`ImageFile.LOAD_TRUNCATED_IMAGES`), and it does not
report how much is missing. Here the file is completed twice with different bytes: the rows in which the two decoded
images differ are the missing ones.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from livedream.formats.png_chunks import SIGNATURE, chunk, chunks_in

_END = b"\xff\xd9" * 40000
"""End markers of a JPEG: more than the longest truncated segment can absorb."""
_NOISE = b"\x2a\x95\x4b" * 2000
"""Differs from the zeros that a decoder assumes after an end marker."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7 (PNG, section 8.2): x and y of the first pixel of each pass, and the steps."""
TORN = "is damaged: some of its pixels are wrong"
_CHUNK = 4096
"""Bytes that are decompressed at a time."""
_MOST = 2**31
"""Bytes of pixels that are filled in at most."""


def rescue(data: bytes, open_image: Callable[[io.BytesIO], Image.Image]) -> tuple[Image.Image, str]:
    """Return the decoded image of the truncated file `data`, and its fault as a predicate, such as "ends early".

    Raises what Pillow raises if nothing can be decoded.

    Args:
        data: the content of the file.
        open_image: opens a file with Pillow, without decoding it.
    """
    if data.startswith(SIGNATURE):
        whole, loss = _complete_png(data)
        return _decode(whole, open_image), loss
    with open_image(io.BytesIO(data)) as image:
        format_name, size, progressive = image.format, image.size, bool(image.info.get("progressive"))
    if format_name in ("JPEG", "MPO"):
        return _rescue_jpeg(data, open_image, progressive)
    room = min(size[0] * size[1] * 8, _MOST)
    one, other = (_decode(data + bytes([filler]) * room, open_image) for filler in (0, 255))
    return one, _loss(int(_differs(one, other).sum()), size[1])


def is_torn(data: bytes) -> bool:
    """Return whether a checksum in a PNG shows that its pixels were altered. Pillow does not check it."""
    return any(name == b"IDAT" and not whole for name, _, whole in chunks_in(data))


def _rescue_jpeg(
    data: bytes, open_image: Callable[[io.BytesIO], Image.Image], progressive: bool
) -> tuple[Image.Image, str]:
    data = data.rstrip(b"\xff")  # half of a marker
    try:
        one = _decode(data + _END, open_image)
    except (OSError, SyntaxError, ValueError):  # it ends within a table: drop that
        data = data[: _last_marker(data)]
        one = _decode(data + _END, open_image)
    try:
        differs = _differs(one, _decode(data + _NOISE + _END, open_image))
        rows = one.height - int(differs.argmax()) if differs.any() else 0  # after the noise, both are grey
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
    """Return which rows of two images differ, as a boolean array."""
    differs = np.not_equal(np.asarray(one), np.asarray(other))
    return differs.reshape(len(differs), -1).any(axis=1)


def _loss(rows: int, height: int) -> str:
    return f"ends early: {rows} of {height} rows are missing" if rows else "lacks its end marker, the image is whole"


def _has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a progressive JPEG refine each coefficient to its last bit (ITU-T T.81, G.1)."""
    exact: dict[int, set[int]] = {}
    for marker, body in _segments(data):
        if marker == 0xC2 and len(body) > 6:  # the frame: its components
            exact = {component: set() for component in body[6::3]}
        elif marker == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            for component in body[1 : 1 + 2 * body[0] : 2] if bits & 15 == 0 else ():
                exact.setdefault(component, set()).update(range(first, last + 1))
    return bool(exact) and all(len(coefficients) == 64 for coefficients in exact.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of the segments of a JPEG."""
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker in (0x00, 0xFF, *range(0xD0, 0xD8)):
            place += 1
            continue
        (size,) = struct.unpack_from(">H", data, place + 2)
        yield marker, data[place + 4 : place + 2 + size]
        place += 2 + size


def _last_marker(data: bytes) -> int:
    """Return where the last segment of a JPEG begins, ignoring escaped FF bytes and restart markers."""
    place = len(data)
    while (place := data.rfind(b"\xff", 0, place)) >= 0:
        if place + 1 < len(data) and data[place + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return place
    return 0


def _complete_png(data: bytes) -> tuple[bytes, str]:
    """Return a valid PNG with everything that can be read from `data`, and its fault."""
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
        raise SyntaxError("no frame header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head[0][1])
    bits = depth * _CHANNELS.get(colour, 1)
    rows = _row_bytes(width, height, bits, bool(interlaced))
    wanted = sum(rows)
    if not 0 < wanted <= _MOST:
        raise ValueError("no pixels, or too many")
    pixels = _decompressed(packed, wanted)
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
    """Return the number of bytes of each row of a PNG, including the filter byte."""
    if not interlaced:
        return [1 + (width * bits + 7) // 8] * height
    rows = []
    for left, top, across, down in _PASSES:
        columns, lines = -(-(width - left) // across), -(-(height - top) // down)
        rows += [1 + (columns * bits + 7) // 8] * lines if columns > 0 else []
    return rows


def _decompressed(packed: bytearray, most: int) -> bytes:
    """Return what can be decompressed, at most `most` bytes."""
    unpacker = zlib.decompressobj()
    out = bytearray()
    step = _CHUNK
    place = 0
    while place < len(packed) and len(out) < most:
        before = unpacker.copy()
        try:
            out += unpacker.decompress(packed[place : place + step], most - len(out))
        except zlib.error:
            if step == 1:  # damaged from here on
                break
            unpacker, step = before, 1  # this chunk yields nothing: continue byte by byte up to the error
            continue
        place += step
    return bytes(out)
