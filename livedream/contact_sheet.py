"""Pictures side by side on one sheet, each with a label."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 2


def tile(pixels: np.ndarray, size: tuple[int, int], label: str = "") -> np.ndarray:
    """Return the middle of `pixels`, RGB uint8 (h, w, 3), scaled to `size` (width, height), with its label."""
    width, height = size
    high, wide = pixels.shape[:2]
    across, down = min(wide, round(high * width / height)), min(high, round(wide * height / width))
    left, top = (wide - across) // 2, (high - down) // 2
    picture = Image.fromarray(pixels[top : top + down, left : left + across])
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if label:
        where, points = max(2, height // 40), max(10, round(height / 12))
        font = ImageFont.load_default(points)
        while len(label) > 1 and font.getlength(label) > width - 3 * where:
            if points > 8:
                points -= 1
                font = ImageFont.load_default(points)
            else:
                label = f"{label[:-2]}\N{HORIZONTAL ELLIPSIS}"
        ImageDraw.Draw(picture).text(
            (where, where), label, fill="white", font=font, stroke_width=2, stroke_fill="black"
        )
    return np.asarray(picture)


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return tiles of one size, RGB uint8, in rows from the left, on black."""
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    whole = np.zeros((len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            top, left = down * (height + _GAP), across * (width + _GAP)
            whole[top : top + height, left : left + width] = picture
    return whole


def in_rows(tiles: Sequence[np.ndarray], columns: int) -> list[Sequence[np.ndarray]]:
    """Return `tiles` as rows of `columns`."""
    return [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
