"""Where and how a window appears."""

from dataclasses import dataclass

from livedream.sink.window.monitors import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where and how a window appears. The system decides what is not given."""

    full_screen: bool = False
    monitor: int | None = None
    """The number of a monitor, from 1."""
    position: tuple[int, int] | None = None
    """(x, y) of the top left corner in pixels: on the monitor if there is one, else on the desktop."""
    title: str = "livedream"

    def corner(self, size: tuple[int, int], monitor: Monitor | None) -> tuple[int, int] | None:
        """Return the top left corner of a window, in pixels of the desktop; None to leave it to the system.

        Args:
            size: The (width, height) of the window.
            monitor: The monitor with the number `self.monitor`. Without a position the window is centred on it.
        """
        if monitor is None:
            return self.position
        if self.position is not None:
            return monitor.left + self.position[0], monitor.top + self.position[1]
        return monitor.left + (monitor.width - size[0]) // 2, monitor.top + (monitor.height - size[1]) // 2
