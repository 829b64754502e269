"""How many threads convert the colors of one frame."""

import os

_LARGE = 1 << 20
"""Pixels. One of 1280x720 is converted in 0.4 ms by one thread, and in 0.6 by several."""
_THREADS = 4
_PROCESSORS = 2 * _THREADS
"""From which on the dream does not miss them."""


def conversion_threads(width: int, height: int) -> int:
    """Return how many threads libswscale should take for a frame; what it gives does not depend on it.

    On sixteen cores beside an H100, films of 1920x1080 were dreamt at 125 frames per second instead of 112.
    """
    return _THREADS if width * height >= _LARGE and (os.cpu_count() or 1) >= _PROCESSORS else 1
