"""What a dreamer may leave out for want of time."""

from typing import NamedTuple

DEEPER = 2
"""How many times the steps a scene that stands still is dreamt in, where it may be dreamt deeper."""


class QualityScale(NamedTuple):
    """Shares of what is asked for, 1 for all of it. What is asked for stays in the settings."""

    height: float = 1.0
    """Of the working height: the time goes with its square."""
    steps: float = 1.0
    """Of the steps at each frame, one at least; the fewer are so much longer that the dream grows as fast."""
    flow: float = 1.0
    """Of the size of the map on which the motion is followed."""
    deeper: bool = True
    """Whether there is time to dream deeper while the scene stands still, if the settings ask for it."""

    def steps_of(self, steps: int) -> int:
        """Return how many of so many steps are left."""
        return max(1, round(steps * self.steps))
