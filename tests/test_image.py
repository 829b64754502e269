import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.errors import SourceError
from livedream.image import read_image, read_mask


def test_mask_is_light_where_it_is_not_transparent(tmp_path: Path) -> None:
    pixels = np.array([[[255, 255, 255, 255], [255, 255, 255, 0], [0, 0, 0, 128], [255, 255, 255, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[255, 0, 0, 128]]


@pytest.mark.parametrize(("mode", "white"), [("1", 1), ("L", 255), ("I;16", 65535), ("P", 0)])
def test_mask_of_any_kind_of_picture(tmp_path: Path, mode: str, white: int) -> None:
    image = Image.new(mode, (2, 1), white)
    if mode == "P":
        image.putpalette([255, 255, 255])
    image.save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[255, 255]]


def test_missing_mask_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such picture: .*none\.png"):
        read_mask(tmp_path / "none.png")


def test_transparent_grey_of_16_bits(tmp_path: Path) -> None:
    """tRNS names one of 65536 greys: it is laid on white, and lets nothing through as a mask."""
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[30000, 30001]], np.uint16)).save(path)
    data = path.read_bytes()
    body = b"tRNS" + struct.pack(">H", 30000)
    path.write_bytes(data[:33] + struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body)) + data[33:])
    assert read_image(path)[0, :, 0].tolist() == [255, 117]
    assert read_mask(path).tolist() == [[0, 117]]
