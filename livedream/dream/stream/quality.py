"""Quality that a dreamer may give up to save time."""

from typing import NamedTuple

DEEPER = 2
"""Factor of the number of steps in a still scene, if the settings allow a deeper dream."""


class QualityScale(NamedTuple):
    """Factors of what the settings ask for; 1 is full quality. The settings themselves do not change."""

    height: float = 1.0
    """Factor of the working height. The time is proportional to its square."""
    steps: float = 1.0
    """Factor of the number of steps per frame, at least one step. Fewer steps are longer: the dream grows as fast."""
    flow: float = 1.0
    """Factor of the size of the flow map."""
    deeper: bool = True
    """Whether there is time for a deeper dream of a still scene, if the settings ask for it."""

    def steps_of(self, steps: int) -> int:
        """Return the number of steps per frame, where the settings ask for `steps`."""
        return max(1, round(steps * self.steps))
