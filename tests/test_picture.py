from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.errors import SourceError
from livedream.picture import read_mask


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
