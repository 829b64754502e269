"""The monitors of the desktop."""

from typing import NamedTuple

from livedream.errors import SinkError
from livedream.hints import either


class Monitor(NamedTuple):
    """A part of the desktop, in pixels from its top left corner."""

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.left},{self.top}"

    def holds(self, x: int, y: int) -> bool:
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height


def monitors() -> list[Monitor]:
    """Return the monitors in the order of the source `screen:N`. Raises SinkError where they cannot be listed."""
    import mss

    try:
        with mss.MSS() as screens:
            desktop, *areas = screens.monitors
    except mss.ScreenShotError as error:
        hint = either("leave out --monitor", "leave out the monitor")
        raise SinkError("the monitors cannot be listed", hint) from error
    # An X server without the RandR extension reports no monitors.
    return [Monitor(*(area[side] for side in Monitor._fields)) for area in areas or [desktop]]


def monitor(number: int) -> Monitor:
    """Return one of the monitors, counted from 1. Raises SinkError, with a hint that lists them, if there is none."""
    available = monitors()
    if not 1 <= number <= len(available):
        listed = "; ".join(f"{place} ({area})" for place, area in enumerate(available, start=1))
        raise SinkError(f"there is no monitor {number}", f"choose one of these: {listed}")
    return available[number - 1]


def monitor_at(x: int, y: int) -> Monitor:
    """Return the monitor that shows this point of the desktop, the first one if none does. Raises SinkError."""
    available = monitors()
    return next((area for area in available if area.holds(x, y)), available[0])
