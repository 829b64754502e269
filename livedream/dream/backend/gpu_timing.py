"""Durations of the stages of a frame on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from livedream.dream.compute.timing import StageTimes


class GpuTimer:
    """Measures GPU time with events between the launched operations, without waiting for the GPU."""

    def __init__(self) -> None:
        self._measured: list[tuple[StageTimes, str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def measure(self, stages: StageTimes, stage: str) -> Iterator[None]:
        """Context: the GPU time of what is launched inside is added to `stage` by `read`."""
        start, end = _event(), _event()
        start.record()
        yield
        end.record()
        self._measured.append((stages, stage, start, end))

    def read(self) -> None:
        """Add all measured durations to the stages. Any thread may call it; it waits for the last event."""
        for stages, stage, start, end in self._measured:
            end.synchronize()
            stages.add(stage, start.elapsed_time(end) / 1000)
        self._measured.clear()


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]  # untyped in torch's stubs
