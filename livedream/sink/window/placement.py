"""Where a window appears, and how."""

from dataclasses import dataclass

from livedream.sink.window.monitors import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a window appears. What is not given is left to the system."""

    full_screen: bool = False
    monitor: int | None = None
    """The number of a monitor, from 1."""
    position: tuple[int, int] | None = None
    """(x, y) of the top left corner in pixels: on the monitor if there is one, else on the desktop."""
    title: str = "livedream"

    def corner(self, size: tuple[int, int], monitor: Monitor | None) -> tuple[int, int] | None:
        """Return where the top left corner of a window belongs, in pixels of the desktop; None for anywhere.

        Args:
            size: (width, height) of the window.
            monitor: the one with the number `self.monitor`, in whose middle it is without a position.
        """
        if monitor is None:
            return self.position
        if self.position is not None:
            return monitor.left + self.position[0], monitor.top + self.position[1]
        return monitor.left + (monitor.width - size[0]) // 2, monitor.top + (monitor.height - size[1]) // 2
