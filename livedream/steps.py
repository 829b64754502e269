"""The progress of work in many steps: a still, pictures from noise, a download."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class StepReport(NamedTuple):
    """The current task, and how much of it is done."""

    task: str
    """`dreaming`, `downloading vgg16`."""
    done: float = 0
    total: float = 0
    """0 if unknown."""
    unit: str = "steps"
    share: float = 0.0
    """Of the work, from 0 to 1. A step at a large size counts more than a step at a small size."""


OnStep = Callable[[StepReport], None]
"""Called after each step, by the thread that works. An exception ends the work."""


class Parts:
    """Several tasks, one after the other, as parts of a whole.

    weights: the relative amount of work of each task. on_step: called with the progress of the whole.
    """

    def __init__(self, weights: Sequence[float], on_step: OnStep) -> None:
        self._weights = weights
        self._on_step = on_step

    def of(self, number: int, task: str) -> OnStep:
        """Return the callback of part `number`, from 0. Steps count within the part, the share within the whole."""
        before, whole = sum(self._weights[:number]), sum(self._weights) or 1.0

        def on_step(report: StepReport) -> None:
            if report.total:
                share = (before + report.share * self._weights[number]) / whole
                report = report._replace(task=task, share=share)
            self._on_step(report)

        return on_step
