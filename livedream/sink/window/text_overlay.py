"""Text over a picture: drawn once when it changes, and laid over every frame."""

from collections.abc import Sequence

import cv2
import numpy as np

from livedream.printable import presentable

Rows = Sequence[Sequence[str]]
"""Lines of cells. Cells stand in columns; a line of one cell may be of any length and is broken where it must be."""

LINES_A_HEIGHT = 30
LINES_A_WIDTH = 40
"""A line of text is so many parts of the height or of the width of a picture high, whichever is less,"""
SMALLEST_LINE = 15
"""unless that is less than so many pixels."""
DARKEN = 0.3
"""What is left of the picture under the text."""
# OpenCV 4 draws Hershey's fonts of lines, and 5 a TrueType font in their place.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE_HEIGHT = 34
"""Of text of scale 1, in pixels."""


class TextOverlay:
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

    def draw(self, picture: np.ndarray, top: int = 0) -> int:
        """Lay the panel over a picture, which is changed, and return at which row it ends.

        Args:
            picture: uint8 BGR or RGB (h, w, 3). The size of the text depends on its size.
            top: the first row that is free.
        """
        if not self._rows:
            return top
        room = picture[top:]
        if not room.size:
            return top
        height, width = room.shape[:2]
        if self._text is None or self._size != (width, height):
            self._size = width, height
            self._text = _drawn(self._cells, width, height, _scale(*picture.shape[:2]))
        high, wide = self._text.shape[:2]
        first, left = ((height - high) // 2, (width - wide) // 2) if self._centred else (0, 0)
        ground = room[first : first + high, left : left + wide]
        cv2.addWeighted(ground, DARKEN, self._text, 1, 0, dst=ground)
        return top + first + high


def _scale(height: int, width: int) -> float:
    """Return the scale of the text over a picture of that size."""
    return max(min(height / LINES_A_HEIGHT, width / LINES_A_WIDTH), SMALLEST_LINE) / _LINE_HEIGHT


def _drawn(rows: Rows, width: int, height: int, scale: float) -> np.ndarray:
    """Return white text on black, no larger than `width` x `height`; smaller than `scale` where it would not fit."""
    lines, columns = _broken(rows, width, scale)
    for _ in range(4):  # widths are whole pixels, and there are fewer lines: they do not shrink quite as the scale does
        wanted = max(columns[-1] / width, (len(lines) + 1) * scale * _LINE_HEIGHT / height)
        if wanted <= 1:
            break
        scale /= wanted * 1.01
        lines, columns = _broken(rows, width, scale)
    line = scale * _LINE_HEIGHT
    high, wide = round(line * (len(lines) + 1)), columns[-1]
    picture = np.zeros((min(height, max(1, high)), min(width, max(1, wide)), 3), np.uint8)
    for number, row in enumerate(lines):
        for left, cell in zip(columns, row, strict=False):
            base = round(line * (number + 1.25))
            cv2.putText(picture, cell, (left, base), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _broken(rows: Rows, width: int, scale: float) -> tuple[list[Sequence[str]], list[int]]:
    """Return the rows, those of one cell broken into as many as fit into `width`, and their columns."""
    lines: list[Sequence[str]] = []
    for row in rows:
        lines += ((part,) for part in _parts(row[0], width - 2 * _margin(scale), scale)) if len(row) == 1 else (row,)
    return lines, _columns(lines, scale)


def _parts(text: str, width: int, scale: float) -> list[str]:
    """Return `text` in lines of at most `width` pixels, broken after a comma, between words, or anywhere."""
    parts: list[str] = []
    while (needed := _width(text, scale)) > width and len(text) > 1:
        fits = max(1, len(text) * max(1, width) // needed)
        while fits > 1 and _width(text[:fits], scale) > width:
            fits -= 1
        comma, space = text.rfind(", ", 0, fits + 1) + 1, text.rfind(" ", 0, fits + 1)
        end = comma if comma > fits // 2 else space if space > 0 else fits
        parts.append(text[:end])
        text = text[end:].lstrip()
    return [*parts, text]


def _columns(rows: Rows, scale: float) -> list[int]:
    """Return where each column begins, and at last where the widest row ends, with its margin."""
    margin = _margin(scale)
    many = max(map(len, rows))
    lefts = [margin]
    for column in range(many - 1):
        cells = [row[column] for row in rows if len(row) > column + 1]
        lefts.append(lefts[-1] + max(_width(cell, scale) for cell in cells) + 2 * margin)
    ends = [lefts[len(row) - 1] + _width(row[-1], scale) for row in rows if row]
    return [*lefts, max(ends, default=0) + margin]


def _margin(scale: float) -> int:
    return round(scale * _LINE_HEIGHT / 2)


def _width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, scale, 1)[0][0]
