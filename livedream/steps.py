"""How far something is that takes many steps: a still, pictures from noise, a download."""

from collections.abc import Callable, Sequence
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


class Parts:
    """Several things, one after the other, as parts of a whole.

    weights: how much work each of them is, compared with the others. on_step: called with how far the whole is.
    """

    def __init__(self, weights: Sequence[float], on_step: OnStep) -> None:
        self._weights = weights
        self._on_step = on_step

    def of(self, number: int, task: str) -> OnStep:
        """Return what part `number`, from 0, is to call; its steps are counted by themselves, its share is of all."""
        before, whole = sum(self._weights[:number]), sum(self._weights) or 1.0

        def on_step(report: StepReport) -> None:
            if report.total:
                share = (before + report.share * self._weights[number]) / whole
                report = report._replace(task=task, share=share)
            self._on_step(report)

        return on_step
