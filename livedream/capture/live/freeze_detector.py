"""A camera that shows one picture for ever: some drivers go on with the last one when it is unplugged."""

from collections.abc import Callable

import numpy as np

FROZEN_SECONDS = 1.5
"""For how long a picture may repeat. That of a sensor has noise: no two of them are the same."""
STEP = 15
"""Every so many lines and columns are compared."""


class FreezeDetector:
    """Notices when one picture comes again and again (opencv/opencv#5221, #14044).

    A picture that is still there when the camera has been opened anew is not complained of again: it is a still, as
    virtual cameras show them.

    clock: nanoseconds that never go back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._since = 0
        self._seen = b""
        self._forgiven = b""

    def look(self, pixels: np.ndarray) -> bool:
        """Take the next picture; return whether it is frozen. pixels: (height, width, 3)."""
        now = self._clock()
        seen = pixels[::STEP, ::STEP].tobytes()
        if seen != self._seen:
            self._seen, self._since = seen, now
            return False
        if seen == self._forgiven or now - self._since < FROZEN_SECONDS * 1e9:
            return False
        self._forgiven = seen
        return True
