"""JPEG to pages and from them: what is accepted is checked before it is decoded."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from livedream.errors import ArgumentError
from livedream.studio.media.jpeg import decode, encode, jpeg_size


def photograph(width: int = 64, height: int = 48) -> np.ndarray:
    """Smooth colours, which JPEG keeps."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3, y * 4, np.full_like(x, 90)], axis=2).clip(0, 255).astype(np.uint8)


def by_pillow(pixels: np.ndarray, **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", **options)
    return data.getvalue()


def with_size(data: bytes, width: int, height: int) -> bytes:
    """Write another size into the header of a baseline JPEG."""
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def test_what_is_encoded_is_what_pillow_reads() -> None:
    pixels = photograph()
    read = np.asarray(Image.open(io.BytesIO(encode(pixels))))
    assert read.shape == pixels.shape
    assert np.abs(read.astype(int) - pixels).mean() < 3


def test_what_pillow_writes_is_decoded() -> None:
    pixels = photograph()
    assert np.abs(decode(by_pillow(pixels, quality=95)).astype(int) - pixels).mean() < 2


def test_grey_pictures_become_rgb() -> None:
    data = io.BytesIO()
    Image.fromarray(np.full((8, 16), 77, np.uint8)).save(data, "JPEG")
    assert (decode(data.getvalue()) == 77).all()
    assert decode(data.getvalue()).shape == (8, 16, 3)


@pytest.mark.parametrize("size", [(50000, 50000), (1921, 8), (8, 1921), (1920, 1081), (0, 8)])
def test_a_size_too_large_is_refused_before_anything_is_decoded(size, monkeypatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    data = with_size(encode(photograph()), *size)
    assert jpeg_size(data) == size
    with pytest.raises(ArgumentError, match=f"{size[0]}x{size[1]}"):
        decode(data)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"2\.1 MB"):
        decode(encode(photograph()) + bytes(2_100_000))


def test_a_progressive_one_is_refused() -> None:
    with pytest.raises(ArgumentError, match="not a baseline JPEG"):
        decode(by_pillow(photograph(), progressive=True))


def test_many_scans_are_refused() -> None:
    with pytest.raises(ArgumentError, match="too many scans"):
        decode(encode(photograph()) + b"\xff\xda" * 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff\xff\xff\xff\xff",
        b"\xff\xd8\xff\xe0\x00\x00" * 9,
        b"GIF89a" + bytes(40),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ArgumentError, match="not a"):
        decode(data)


def test_a_damaged_one_is_refused_or_decoded_but_nothing_else_happens() -> None:
    whole = bytearray(encode(photograph()))
    random = np.random.default_rng(5)
    refused = 0
    for cut in random.integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[cut] ^= int(random.integers(1, 256))
        for data in (bytes(damaged), bytes(whole[:cut])):
            try:
                decode(data)
            except ArgumentError:
                refused += 1
    assert refused >= 40  # all that are cut off, and some more
