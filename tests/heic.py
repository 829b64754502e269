"""A HEIC as iPhones write it: a grid of HEVC tiles and a turn, built by hand (ISO/IEC 23008-12, 14496-12)."""

import io
import struct
from collections.abc import Sequence

import av
import numpy as np

TILE = 64
COLOURS = ((200, 40, 30), (30, 180, 60), (40, 60, 210), (235, 235, 235))
"""Of the tiles: upper left, upper right, lower left, lower right."""


def grid_heic(quarter_turns: int | None = None, color: bytes = b"") -> bytes:
    """Return a HEIC of 2x2 tiles.

    quarter_turns: how often it is to be turned counter-clockwise. color: what its `colr` box holds (nclx, prof).
    """
    tiles, config = zip(*(_tile(colour) for colour in COLOURS), strict=True)
    begin = _box("ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")
    offset = len(begin) + len(_meta(0, tiles, config[0], quarter_turns, color)) + 8
    return begin + _meta(offset, tiles, config[0], quarter_turns, color) + _box("mdat", *tiles)


def _tile(colour: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """Return an HEVC picture of one colour, and how it is to be decoded (hvcC)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as film:
        options = {"x265-params": "log-level=none:keyint=1:bframes=0:colormatrix=bt709:range=full:info=0"}
        stream = film.add_stream("libx265", 1, options)
        stream.width = stream.height = TILE
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.codec_tag = "hvc1"
        picture = av.VideoFrame.from_ndarray(np.full((TILE, TILE, 3), colour, np.uint8), "rgb24")
        film.mux(stream.encode(picture.reformat(format="yuvj420p", dst_colorspace="ITU709", dst_color_range="JPEG")))
        film.mux(stream.encode(None))
    data = buffer.getvalue()
    config = _find(data, ["moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1", "hvcC"])
    return _find(data, ["mdat"])[8:], config


def _meta(offset: int, tiles: Sequence[bytes], config: bytes, quarter_turns: int | None, color: bytes) -> bytes:
    grid = struct.pack(">BBBBHH", 0, 0, 1, 1, 2 * TILE, 2 * TILE)
    sizes = (struct.pack(">II", side, side) for side in (TILE, 2 * TILE))
    properties = [config, *(_full("ispe", 0, 0, size) for size in sizes)]
    of_grid = [3]
    if quarter_turns is not None:
        properties.append(_box("irot", bytes([quarter_turns])))
        of_grid.append(4 | 0x80)
    if color:
        properties.append(_box("colr", color))
        of_grid.append(len(properties))
    items = b"".join(
        _full("infe", 2, int(item < 5), struct.pack(">HH4s", item, 0, b"hvc1" if item < 5 else b"grid"), b"\0")
        for item in range(1, 6)
    )
    places = struct.pack(">BBH", 0x44, 0, 5)
    for item, tile in enumerate(tiles, 1):
        places += struct.pack(">HHHH", item, 0, 0, 1) + struct.pack(">II", offset, len(tile))
        offset += len(tile)
    places += struct.pack(">HHHH", 5, 1, 0, 1) + struct.pack(">II", 0, len(grid))
    uses = struct.pack(">I", 5) + b"".join(struct.pack(">HB", item, 2) + bytes([0x81, 2]) for item in range(1, 5))
    uses += struct.pack(">HB", 5, len(of_grid)) + bytes(of_grid)
    return _full(
        "meta",
        0,
        0,
        _full("hdlr", 0, 0, b"\0" * 4, b"pict", b"\0" * 12, b"\0"),
        _full("pitm", 0, 0, struct.pack(">H", 5)),
        _full("iloc", 1, 0, places),
        _full("iinf", 0, 0, struct.pack(">H", 5), items),
        _full("iref", 0, 0, _box("dimg", struct.pack(">HH4H", 5, 4, 1, 2, 3, 4))),
        _box("iprp", _box("ipco", *properties), _full("ipma", 0, 0, uses)),
        _box("idat", grid),
    )


def _box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def _full(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _find(data: bytes, path: list[str], start: int = 0, end: int | None = None) -> bytes:
    end = len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        if kind.decode("latin-1") == path[0]:
            if len(path) == 1:
                return data[start : start + size]
            return _find(data, path[1:], start + {"stsd": 16, "hvc1": 8 + 78}.get(path[0], 8), start + size)
        start += size or end
    raise LookupError(path[0])
