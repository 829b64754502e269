"""How far something is that takes many steps: a still, pictures from noise, a download."""

from collections.abc import Callable
from typing import NamedTuple


class StepReport(NamedTuple):
    """What is being done, and how much of it is done."""

    task: str
    """`dreaming`, `downloading vgg16`."""
    done: float = 0
    total: float = 0
    """0 where nobody knows."""
    unit: str = "steps"
    share: float = 0.0
    """Of the work, from 0 to 1: a step at a large size weighs more than one at a small size."""


OnStep = Callable[[StepReport], None]
"""Called after each step, by the thread that does it. What it raises ends the work."""
