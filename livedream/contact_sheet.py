"""Arranges images in rows on one sheet, each with a label."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 2


def tile(pixels: np.ndarray, size: tuple[int, int], label: str = "") -> np.ndarray:
    """Return the middle of `pixels`, RGB uint8 (h, w, 3), scaled to `size` (width, height), with a label."""
    width, height = size
    source_height, source_width = pixels.shape[:2]
    crop_width, crop_height = (
        min(source_width, round(source_height * width / height)),
        min(source_height, round(source_width * height / width)),
    )
    left, top = (source_width - crop_width) // 2, (source_height - crop_height) // 2
    image = Image.fromarray(pixels[top : top + crop_height, left : left + crop_width])
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    if label:
        margin, font_size = max(2, height // 40), max(10, round(height / 12))
        font = ImageFont.load_default(font_size)
        while len(label) > 1 and font.getlength(label) > width - 3 * margin:
            if font_size > 8:
                font_size -= 1
                font = ImageFont.load_default(font_size)
            else:
                label = f"{label[:-2]}\N{HORIZONTAL ELLIPSIS}"
        ImageDraw.Draw(image).text(
            (margin, margin), label, fill="white", font=font, stroke_width=2, stroke_fill="black"
        )
    return np.asarray(image)


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return one image with tiles of equal size, RGB uint8, in left-aligned rows on black."""
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    result = np.zeros((len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), np.uint8)
    for row_number, row in enumerate(rows):
        for column, image in enumerate(row):
            top, left = row_number * (height + _GAP), column * (width + _GAP)
            result[top : top + height, left : left + width] = image
    return result


def in_rows(tiles: Sequence[np.ndarray], columns: int) -> list[Sequence[np.ndarray]]:
    """Return `tiles` as rows of `columns`."""
    return [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
