"""Frames from the screen."""

import contextlib
import re
import time
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from livedream.capture.live.live_source import LiveSource
from livedream.capture.live.reader import Connection
from livedream.errors import ArgumentError, SourceError

Area = dict[str, int]
"""Left, top, width and height in pixels, as mss has them."""
RATE = Fraction(30)
SMALLEST = 16
"""Pixels of each side of a part of the screen."""

_SPEC = re.compile(
    r"screen(?::(?:(?P<number>\d{1,5})|"
    r"(?P<width>\d{1,5})x(?P<height>\d{1,5})\+(?P<left>\d{1,5})\+(?P<top>\d{1,5})))?",
    re.ASCII,
)


class ScreenSource(LiveSource):
    """What is on the screen, without the pointer, at a steady rate.

    spec: `screen` is the first monitor, `screen:2` the second; `screen:640x480+100+50` a part of the desktop: width,
        height, and its distances from the left and the top, in pixels.
    rate: pictures per second, 30 when None.

    Raises ArgumentError for another spec, SourceError when there is no such screen, or none to see.
    """

    def __init__(
        self, spec: str, *, rate: Fraction | int | None = None, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        found = _SPEC.fullmatch(spec)
        if not found:
            raise ArgumentError(f"{spec} is no screen", "name one: screen, screen:2 or screen:640x480+100+50")
        self._number = int(found["number"] or 1)
        self._part = {side: int(found[side]) for side in ("left", "top", "width", "height")} if found["width"] else None
        self._rate = Fraction(rate or RATE)
        super().__init__(spec, clock=clock)

    def _connect(self) -> Connection:
        return _Screen(self.name, self._number, self._part, self._rate)


class _Screen(Connection):
    def __init__(self, name: str, number: int, part: Area | None, rate: Fraction) -> None:
        import mss

        self._name = name
        # An AssertionError is what mss 10.2 raises once the X server has gone.
        self._faults = mss.ScreenShotError, AssertionError
        try:
            self._screens = mss.MSS()
        except mss.ScreenShotError as error:
            cure = "run it in the session of the desktop; Wayland shows no program the screen, log in to X11 (Xorg)"
            raise SourceError(f"{name}: there is no screen to see", cure) from error
        try:
            self._area = _area(name, self._screens.monitors, number, part)
            self.rate = rate
            self._due = time.monotonic()
            pixels = self.read()
        except BaseException:
            self.close()
            raise
        self.size = pixels.shape[1], pixels.shape[0]  # on a Retina display twice what was asked for

    def read(self) -> np.ndarray:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due + float(1 / (self.rate or RATE)), time.monotonic())
        try:
            shot = self._screens.grab(self._area)
        except self._faults as error:
            raise SourceError(f"{self._name} cannot be seen any more", "is the session still open?") from error
        blue_first = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        return cv2.cvtColor(blue_first, cv2.COLOR_BGRA2RGB)

    def close(self) -> None:
        with contextlib.suppress(*self._faults):  # a server that has gone cannot be left
            self._screens.close()


def _area(name: str, monitors: list[Area], number: int, part: Area | None) -> Area:
    """Return the part of the desktop that is meant; `monitors` begins with the whole desktop."""
    if part is None:
        if not 1 <= number < len(monitors):
            listed = "; ".join(
                f"screen:{place} ({area['width']}x{area['height']} at {area['left']},{area['top']})"
                for place, area in enumerate(monitors[1:], start=1)
            )
            raise SourceError(f"there is no {name}", f"choose one of these: {listed}")
        return monitors[number]
    whole = monitors[0]
    inside = part["left"] + part["width"] <= whole["width"] and part["top"] + part["height"] <= whole["height"]
    if not inside or min(part["width"], part["height"]) < SMALLEST:
        size = f"{whole['width']}x{whole['height']}"
        raise SourceError(f"{name} is no part of the desktop", f"it has {size}; at least {SMALLEST} pixels each way")
    return {**part, "left": whole["left"] + part["left"], "top": whole["top"] + part["top"]}
