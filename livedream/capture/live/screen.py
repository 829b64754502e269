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
"""Left, top, width and height in pixels, as in mss."""
RATE = Fraction(30)
SMALLEST = 16
"""The minimum width and height of a part of the screen, in pixels."""

_SPEC = re.compile(
    r"screen(?::(?:(?P<number>\d{1,5})|"
    r"(?P<width>\d{1,5})x(?P<height>\d{1,5})\+(?P<left>\d{1,5})\+(?P<top>\d{1,5})))?",
    re.ASCII,
)


class ScreenSource(LiveSource):
    """The content of the screen, without the pointer, at a constant rate.

    Args:
        spec: `screen` is the first monitor, `screen:2` the second; `screen:640x480+100+50` a part of the desktop:
            width, height, and its distances from the left and the top, in pixels.
        rate: frames per second, 30 if None.
        clock: a monotonic clock, in nanoseconds.

    Raises:
        ArgumentError: the spec is invalid.
        SourceError: there is no such screen, or no access to any.
    """

    def __init__(
        self, spec: str, *, rate: Fraction | int | None = None, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        match = _SPEC.fullmatch(spec)
        if not match:
            raise ArgumentError(f"invalid screen {spec!r}", "write screen, screen:2 or screen:640x480+100+50")
        self._number = int(match["number"] or 1)
        self._part = {side: int(match[side]) for side in ("left", "top", "width", "height")} if match["width"] else None
        self._rate = Fraction(rate or RATE)
        super().__init__(spec, clock=clock)

    def _connect(self) -> Connection:
        return _Screen(self.name, self._number, self._part, self._rate)


class _Screen(Connection):
    def __init__(self, name: str, number: int, part: Area | None, rate: Fraction) -> None:
        import mss

        self._name = name
        # mss 10.2 raises AssertionError once the X server has gone.
        self._faults = mss.ScreenShotError, AssertionError
        try:
            self._screens = mss.MSS()
        except mss.ScreenShotError as error:
            hint = "run it in the desktop session; Wayland does not let programs see the screen, log in to X11 (Xorg)"
            raise SourceError(f"{name}: no access to a screen", hint) from error
        try:
            self._area = _area(name, self._screens.monitors, number, part)
            self.rate = rate
            self._due = time.monotonic()
            pixels = self.read()
        except BaseException:
            self.close()
            raise
        self.size = pixels.shape[1], pixels.shape[0]  # on a Retina display twice the requested size

    def read(self) -> np.ndarray:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due + float(1 / (self.rate or RATE)), time.monotonic())
        try:
            shot = self._screens.grab(self._area)
        except self._faults as error:
            raise SourceError(f"{self._name} can no longer be captured", "is the session still open?") from error
        blue_first = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        return cv2.cvtColor(blue_first, cv2.COLOR_BGRA2RGB)

    def close(self) -> None:
        with contextlib.suppress(*self._faults):  # the server may have gone
            self._screens.close()


def _area(name: str, monitors: list[Area], number: int, part: Area | None) -> Area:
    """Return the area of the desktop to capture. monitors: the whole desktop, then each monitor."""
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
        raise SourceError(f"{name} is not a part of the desktop", f"it has {size}; at least {SMALLEST} pixels each way")
    return {**part, "left": whole["left"] + part["left"], "top": whole["top"] + part["top"]}
