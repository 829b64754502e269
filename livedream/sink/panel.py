"""Text over a picture: drawn once when it changes, and laid over every frame."""

from collections.abc import Sequence

import cv2
import numpy as np

from livedream.printable import presentable

Rows = Sequence[Sequence[str]]
"""Lines of cells. Cells stand in columns; the last one of a line may be of any length."""

LINES = 30
"""Lines of text that a picture is high,"""
SMALLEST_LINE = 15
"""unless they would be lower than so many pixels."""
DARKEN = 0.3
"""What is left of the picture under the text."""
# OpenCV 4 draws Hershey's fonts of lines, and 5 a TrueType font in their place.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE_HEIGHT = 34
"""Of text of scale 1, in pixels."""


class Panel:
    """Rows of text on a darkened ground."""

    def __init__(self, *, centred: bool = False) -> None:
        """centred: in the middle of the picture; otherwise at the top, on the left."""
        self._centred = centred
        self._rows: Rows = ()
        self._cells: Rows = ()
        self._size = (0, 0)
        self._text: np.ndarray | None = None

    @property
    def rows(self) -> Rows:
        """What it says. An empty panel is not seen."""
        return self._rows

    @rows.setter
    def rows(self, rows: Rows) -> None:
        if rows != self._rows:
            self._rows = rows
            self._cells = [[presentable(cell) for cell in row] for row in rows]
            self._text = None

    def draw(self, picture: np.ndarray) -> None:
        """Lay the panel over `picture`, BGR or RGB uint8 (h, w, 3), which is changed."""
        if not self._rows:
            return
        height, width = picture.shape[:2]
        if self._text is None or self._size != (width, height):
            self._size = width, height
            self._text = _drawn(self._cells, width, height)
        high, wide = self._text.shape[:2]
        top, left = ((height - high) // 2, (width - wide) // 2) if self._centred else (0, 0)
        ground = picture[top : top + high, left : left + wide]
        cv2.addWeighted(ground, DARKEN, self._text, 1, 0, dst=ground)


def _drawn(rows: Rows, width: int, height: int) -> np.ndarray:
    """Return white text on black, as large as it needs to be and no larger than `width` x `height`."""
    scale = max(height / LINES, SMALLEST_LINE) / _LINE_HEIGHT
    columns = _columns(rows, scale)
    for _ in range(3):  # widths are whole pixels: they do not shrink quite as the scale does
        wanted = max(columns[-1] / width, (len(rows) + 1) * scale * _LINE_HEIGHT / height)
        if wanted <= 1:
            break
        scale /= wanted * 1.01
        columns = _columns(rows, scale)
    line = scale * _LINE_HEIGHT
    high, wide = round(line * (len(rows) + 1)), columns[-1]
    picture = np.zeros((min(height, max(1, high)), min(width, max(1, wide)), 3), np.uint8)
    for number, row in enumerate(rows):
        for left, cell in zip(columns, row, strict=False):
            base = round(line * (number + 1.25))
            cv2.putText(picture, cell, (left, base), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _columns(rows: Rows, scale: float) -> list[int]:
    """Return where each column begins, and at last where the widest row ends, with its margin."""
    margin = round(scale * _LINE_HEIGHT / 2)
    many = max(map(len, rows))
    lefts = [margin]
    for column in range(many - 1):
        cells = [row[column] for row in rows if len(row) > column + 1]
        lefts.append(lefts[-1] + max(_width(cell, scale) for cell in cells) + 2 * margin)
    ends = [lefts[len(row) - 1] + _width(row[-1], scale) for row in rows if row]
    return [*lefts, max(ends, default=0) + margin]


def _width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, scale, 1)[0][0]
