"""How long a GPU took for each stage of a frame."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from livedream.dream.stream.timing import StageTimes


class GpuTimer:
    """Takes the times at which a GPU passes marks between what is launched: nobody waits for it meanwhile."""

    def __init__(self) -> None:
        self._taken: list[tuple[StageTimes, str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def measure(self, stages: StageTimes, stage: str) -> Iterator[None]:
        """Measure what is launched inside, for `read` to add to `stage`."""
        began, ended = _mark(), _mark()
        began.record()
        yield
        ended.record()
        self._taken.append((stages, stage, began, ended))

    def read(self) -> None:
        """Add what was measured to the stages, on any thread. Waits for the last mark."""
        for stages, stage, began, ended in self._taken:
            ended.synchronize()
            stages.add(stage, began.elapsed_time(ended) / 1000)
        self._taken.clear()


def _mark() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]  # so in its stubs
