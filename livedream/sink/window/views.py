"""What a window shows of a frame: the dream, its source, or half of each."""

from collections.abc import Callable

import numpy as np

from livedream.frame import Frame


def dream(frame: Frame) -> np.ndarray:
    return frame.pixels


def source(frame: Frame) -> np.ndarray:
    return frame.pixels if frame.source is None else frame.source


def split(frame: Frame) -> np.ndarray:
    """Return the left half of the source and the right half of the dream, with a white line between them."""
    left = source(frame)
    if left.shape != frame.pixels.shape:
        return frame.pixels
    middle = left.shape[1] // 2
    line = max(1, left.shape[1] // 640)
    image = np.concatenate((left[:, :middle], frame.pixels[:, middle:]), axis=1)
    image[:, middle : middle + line] = 255
    return image


VIEWS: dict[str, Callable[[Frame], np.ndarray]] = {"dream": dream, "source": source, "split": split}
