"""Which picture of a frame a window shows: the dream, what it is dreamt of, or half of each."""

from collections.abc import Callable

import numpy as np

from livedream.frame import Frame


def dream(frame: Frame) -> np.ndarray:
    return frame.pixels


def source(frame: Frame) -> np.ndarray:
    return frame.pixels if frame.source is None else frame.source


def split(frame: Frame) -> np.ndarray:
    """The left half of the source, the right half of the dream, a white line between them."""
    left = source(frame)
    if left.shape != frame.pixels.shape:
        return frame.pixels
    middle = left.shape[1] // 2
    line = max(1, left.shape[1] // 640)
    picture = np.concatenate((left[:, :middle], frame.pixels[:, middle:]), axis=1)
    picture[:, middle : middle + line] = 255
    return picture


VIEWS: dict[str, Callable[[Frame], np.ndarray]] = {"dream": dream, "source": source, "split": split}
