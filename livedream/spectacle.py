"""A dream of an image, step by step: to iterate over, or to play in a notebook."""

import base64
import io
from collections.abc import Callable, Iterator
from fractions import Fraction

from PIL import Image

from livedream.frame import Frame

_LARGEST = 512
"""The longer side in a notebook, in pixels. The notebook stores it: a hundred steps take some megabytes."""
_REST = 2000
"""Milliseconds for which the last frame is shown before the animation repeats."""


class Spectacle(Iterator[Frame]):
    """The frames of a dream, one after each step, computed on demand.

    A notebook dreams it from the beginning and plays it; this does not affect an iteration over it.
    """

    def __init__(self, begin: Callable[[], Iterator[Frame]], rate: Fraction) -> None:
        """begin: starts the dream and yields its frames. rate: of the animation, in frames per second."""
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
        images = []
        for frame in self._begin():
            image = Image.fromarray(frame.pixels)
            image.thumbnail((_LARGEST, _LARGEST))
            images.append(image)
        times = [round(1000 / self._rate)] * (len(images) - 1) + [_REST]
        buffer = io.BytesIO()
        images[0].save(buffer, "webp", save_all=True, append_images=images[1:], duration=times, loop=0, method=0)
        return buffer.getvalue()
