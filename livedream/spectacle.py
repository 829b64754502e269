"""A picture that is being dreamt, step by step, to iterate over or to be played in a notebook."""

import base64
import io
from collections.abc import Callable, Iterator
from fractions import Fraction

from PIL import Image

from livedream.frame import Frame

_LARGEST = 512
"""Pixels of the longer side in a notebook, which keeps what it shows: a hundred steps take some megabytes."""
_REST = 2000
"""Milliseconds for which the last picture stays before it begins again."""


class Spectacle(Iterator[Frame]):
    """The Frames of a dream, one after each step, computed when they are asked for.

    Shown by a notebook it is dreamt from its beginning, and plays; what iterates over it goes on where it was.
    """

    def __init__(self, begin: Callable[[], Iterator[Frame]], rate: Fraction) -> None:
        """begin: starts the dream and gives its frames. rate: at how many frames per second it plays."""
        self._begin = begin
        self._rate = rate
        self._frames: Iterator[Frame] | None = None

    def __next__(self) -> Frame:
        if self._frames is None:
            self._frames = self._begin()
        return next(self._frames)

    def _repr_html_(self) -> str:
        return (
            f'<img src="data:image/webp;base64,{base64.b64encode(self._webp()).decode()}" alt="a dream, step by step">'
        )

    def _webp(self) -> bytes:
        pictures = []
        for frame in self._begin():
            picture = Image.fromarray(frame.pixels)
            picture.thumbnail((_LARGEST, _LARGEST))
            pictures.append(picture)
        times = [round(1000 / self._rate)] * (len(pictures) - 1) + [_REST]
        buffer = io.BytesIO()
        pictures[0].save(buffer, "webp", save_all=True, append_images=pictures[1:], duration=times, loop=0, method=0)
        return buffer.getvalue()
