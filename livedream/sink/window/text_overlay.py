"""Draws text over frames. The text is rendered once when it changes, and blended with every frame."""

from collections.abc import Sequence

import cv2
import numpy as np

from livedream.printable import presentable

Rows = Sequence[Sequence[str]]
"""Lines of cells. The cells form columns. A line of a single cell may have any length and is wrapped."""

LINES_PER_HEIGHT = 30
LINES_PER_WIDTH = 40
"""A line is as high as the image divided by the first, or as its width divided by the second, whichever is less."""
SMALLEST_LINE = 15
"""The smallest height of a line, in pixels."""
DARKEN = 0.3
"""The share of the image that remains visible under the text."""
# OpenCV 4 draws the Hershey line fonts; OpenCV 5 draws a TrueType font instead.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE_HEIGHT = 34
"""The height of a line at scale 1, in pixels."""


class TextOverlay:
    """Rows of text on a darkened background."""

    def __init__(self, *, centred: bool = False) -> None:
        """centred: Whether the text is in the middle of the image, or else at the top left."""
        self._centred = centred
        self._rows: Rows = ()
        self._cells: Rows = ()
        self._size = (0, 0)
        self._text: np.ndarray | None = None

    @property
    def rows(self) -> Rows:
        """The text. An empty overlay is invisible."""
        return self._rows

    @rows.setter
    def rows(self, rows: Rows) -> None:
        if rows != self._rows:
            self._rows = rows
            self._cells = [[presentable(cell) for cell in row] for row in rows]
            self._text = None

    def draw(self, image: np.ndarray, top: int = 0) -> int:
        """Draw the overlay onto an image, in place, and return the first row below it.

        Args:
            image: uint8 BGR or RGB (h, w, 3). The size of the text depends on its size.
            top: The first row that is free.
        """
        if not self._rows:
            return top
        free = image[top:]
        if not free.size:
            return top
        height, width = free.shape[:2]
        if self._text is None or self._size != (width, height):
            self._size = width, height
            self._text = _rendered(self._cells, width, height, _scale(*image.shape[:2]))
        text_height, text_width = self._text.shape[:2]
        first, left = ((height - text_height) // 2, (width - text_width) // 2) if self._centred else (0, 0)
        background = free[first : first + text_height, left : left + text_width]
        cv2.addWeighted(background, DARKEN, self._text, 1, 0, dst=background)
        return top + first + text_height


def _scale(height: int, width: int) -> float:
    """Return the scale of the text for an image of that size."""
    return max(min(height / LINES_PER_HEIGHT, width / LINES_PER_WIDTH), SMALLEST_LINE) / _LINE_HEIGHT


def _rendered(rows: Rows, width: int, height: int, scale: float) -> np.ndarray:
    """Return white text on black, at most `width` x `height`; with a smaller scale if it would not fit."""
    lines, columns = _wrapped_rows(rows, width, scale)
    for _ in range(
        4
    ):  # the width does not shrink exactly with the scale: pixels are whole, and fewer lines are wrapped
        excess = max(columns[-1] / width, (len(lines) + 1) * scale * _LINE_HEIGHT / height)
        if excess <= 1:
            break
        scale /= excess * 1.01
        lines, columns = _wrapped_rows(rows, width, scale)
    line = scale * _LINE_HEIGHT
    text_height, text_width = round(line * (len(lines) + 1)), columns[-1]
    image = np.zeros((min(height, max(1, text_height)), min(width, max(1, text_width)), 3), np.uint8)
    for number, row in enumerate(lines):
        for left, cell in zip(columns, row, strict=False):
            base = round(line * (number + 1.25))
            cv2.putText(image, cell, (left, base), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def _wrapped_rows(rows: Rows, width: int, scale: float) -> tuple[list[Sequence[str]], list[int]]:
    """Return the rows, with single cells wrapped to `width`, and their columns."""
    lines: list[Sequence[str]] = []
    for row in rows:
        lines += ((part,) for part in _wrapped(row[0], width - 2 * _margin(scale), scale)) if len(row) == 1 else (row,)
    return lines, _columns(lines, scale)


def _wrapped(text: str, width: int, scale: float) -> list[str]:
    """Return `text` in lines of at most `width` pixels, wrapped after a comma, between words, or anywhere."""
    lines: list[str] = []
    while (needed := _width(text, scale)) > width and len(text) > 1:
        fits = max(1, len(text) * max(1, width) // needed)
        while fits > 1 and _width(text[:fits], scale) > width:
            fits -= 1
        comma, space = text.rfind(", ", 0, fits + 1) + 1, text.rfind(" ", 0, fits + 1)
        end = comma if comma > fits // 2 else space if space > 0 else fits
        lines.append(text[:end])
        text = text[end:].lstrip()
    return [*lines, text]


def _columns(rows: Rows, scale: float) -> list[int]:
    """Return the left edge of each column, and finally the right edge of the widest row with its margin."""
    margin = _margin(scale)
    column_count = max(map(len, rows))
    lefts = [margin]
    for column in range(column_count - 1):
        cells = [row[column] for row in rows if len(row) > column + 1]
        lefts.append(lefts[-1] + max(_width(cell, scale) for cell in cells) + 2 * margin)
    ends = [lefts[len(row) - 1] + _width(row[-1], scale) for row in rows if row]
    return [*lefts, max(ends, default=0) + margin]


def _margin(scale: float) -> int:
    return round(scale * _LINE_HEIGHT / 2)


def _width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, scale, 1)[0][0]
