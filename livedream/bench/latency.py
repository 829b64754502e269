"""How old frames are when they are shown, live: read back from their pixels."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livedream.bench.timestamped_camera import AgeSink, StampedCamera
from livedream.dream.dreamer import Dreamer
from livedream.pipeline.meter import Report, percentile
from livedream.pipeline.run import run

LIVE_RATE = 30
_WARMING_SECONDS = 1.0
"""The first second fills caches and wakes threads; whoever starts before a show has that behind him."""
_MOST_STEPS = 20
_SLOW = 2.5
"""Frames of the camera in which a dreamer that is too slow for it dreams one."""


class Age(NamedTuple):
    age_ms: dict[str, float]
    """p50, p95 and max."""
    tenths_ms: tuple[float, float]
    """Median of the first tenth of the frames, and of the last."""
    dropped: int
    """Frames that came to no sink, wherever they were lost."""


class SlowAge(NamedTuple):
    """Of a dreamer that is slower than its camera; milliseconds."""

    p95: float
    allowed: float
    """Two of its frames and a step."""
    frame: float
    """From one dreamt frame to the next, median."""
    steps: int
    """At each frame: what made it slow."""


def measure_age(dreamer: Dreamer, pictures: Sequence[np.ndarray], seconds: float) -> Age:
    """Show `pictures` to `dreamer` as a camera of LIVE_RATE frames per second does, for `seconds`."""
    sink, report = _watch(dreamer, pictures, seconds)
    ages = _warmed(sink)
    tenth = max(1, len(ages) // 10)
    return Age(
        {"p50": percentile(ages, 50), "p95": percentile(ages, 95), "max": max(ages)},
        (statistics.median(ages[:tenth]), statistics.median(ages[-tenth:])),
        report.dropped + sum(sink.dropped for sink in report.sinks),
    )


def measure_slow_age(dreamer: Dreamer, pictures: Sequence[np.ndarray], seconds: float, fps: float) -> SlowAge | None:
    """As measure_age, with so many steps that `dreamer`, which dreams `fps` frames a second, is too slow.

    None where even the most steps do not make it that slow.
    """
    settings = dreamer.settings
    steps = min(_MOST_STEPS, max(settings.steps, math.ceil(_SLOW * settings.steps * fps / LIVE_RATE)))
    # Each step so much smaller, for a dream no deeper than usual: one that is turns bits of the stamp around.
    dreamer.settings = settings.replace(steps=steps, step_size=settings.step_size * settings.steps / steps)
    try:
        sink, report = _watch(dreamer, pictures, seconds)
    finally:
        dreamer.settings = settings
    gaps = [later - earlier for earlier, later in zip(sink.arrived, sink.arrived[1:], strict=False)]
    frame = statistics.median(gaps) * 1e3 if gaps else 0.0
    if frame < 1.1e3 / LIVE_RATE:
        return None
    step = report.stages["ascent"][0] * 1e3 / steps
    return SlowAge(percentile(_warmed(sink), 95), 2 * frame + step, frame, steps)


def _watch(dreamer: Dreamer, pictures: Sequence[np.ndarray], seconds: float) -> tuple[AgeSink, Report]:
    dreamer.reset()
    dreamer.prepare((pictures[0].shape[1], pictures[0].shape[0]))
    sink = AgeSink()
    with StampedCamera(pictures, LIVE_RATE, seconds) as camera:
        return sink, run(camera, dreamer, [sink])


def _warmed(sink: AgeSink) -> list[float]:
    """Return the ages in milliseconds, without those of the first second unless there are no others."""
    warm = min(sink.arrived[0] + _WARMING_SECONDS, sink.arrived[-1])
    return [age * 1e3 for arrived, age in zip(sink.arrived, sink.ages, strict=True) if arrived >= warm]
