"""Live latency: the age of frames when they reach the sink, read back from their pixels."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livedream.bench.timestamped_camera import LatencySink, StampedCamera
from livedream.dream.dreamer import Dreamer
from livedream.pipeline.meter import Report, percentile
from livedream.pipeline.run import run

LIVE_RATE = 30
"""Frames per second of the camera."""
_WARM_UP_SECONDS = 1.0
"""The first second fills caches and wakes threads; before a show that has happened already."""
_MAX_STEPS = 20
_SLOWDOWN = 2.5
"""Time of one frame in the overloaded measurement, in frames of the camera."""


class Latency(NamedTuple):
    age_ms: dict[str, float]
    """Age of frames at the sink in milliseconds: p50, p95 and max."""
    tenths_ms: tuple[float, float]
    """Median of the first tenth of the frames and of the last: it shows whether latency grows."""
    dropped: int
    """Frames that did not reach the sink, wherever they were dropped."""


class OverloadLatency(NamedTuple):
    """Latency of a dreamer that is slower than its camera; milliseconds."""

    p95: float
    allowed: float
    """The limit of p95: two frames of that dreamer and one step."""
    frame: float
    """Median time from one dreamt frame to the next."""
    steps: int
    """Steps per frame that made the dreamer slow."""


def measure_latency(dreamer: Dreamer, images: Sequence[np.ndarray], seconds: float) -> Latency:
    """Measure latency behind a synthetic camera of LIVE_RATE frames per second.

    Args:
        dreamer: the dreamer to measure.
        images: what the camera shows in turn, uint8 RGB (h, w, 3), large enough for a stamp.
        seconds: duration.
    """
    sink, report = _run_live(dreamer, images, seconds)
    ages = _ages_after_warm_up(sink)
    tenth = max(1, len(ages) // 10)
    return Latency(
        {"p50": percentile(ages, 50), "p95": percentile(ages, 95), "max": max(ages)},
        (statistics.median(ages[:tenth]), statistics.median(ages[-tenth:])),
        report.dropped + sum(sink.dropped for sink in report.sinks),
    )


def measure_overload_latency(
    dreamer: Dreamer, images: Sequence[np.ndarray], seconds: float, fps: float
) -> OverloadLatency | None:
    """Measure latency as `measure_latency` does, with enough steps to make the dreamer slower than the camera.

    Args:
        dreamer: the dreamer to measure; it gets its settings back.
        images: what the camera shows in turn, uint8 RGB (h, w, 3).
        seconds: duration.
        fps: frames per second that the dreamer reaches with its own settings.

    Returns:
        The latency; None if the dreamer keeps up even with the largest number of steps.
    """
    settings = dreamer.settings
    steps = min(_MAX_STEPS, max(settings.steps, math.ceil(_SLOWDOWN * settings.steps * fps / LIVE_RATE)))
    # Smaller steps make a dream of the usual strength: a stronger one inverts bits of the stamp.
    dreamer.settings = settings.replace(steps=steps, step_size=settings.step_size * settings.steps / steps)
    try:
        sink, report = _run_live(dreamer, images, seconds)
    finally:
        dreamer.settings = settings
    intervals = [later - earlier for earlier, later in zip(sink.arrivals, sink.arrivals[1:], strict=False)]
    frame = statistics.median(intervals) * 1e3 if intervals else 0.0
    if frame < 1.1e3 / LIVE_RATE:
        return None
    step = report.stages["ascent"][0] * 1e3 / steps
    return OverloadLatency(percentile(_ages_after_warm_up(sink), 95), 2 * frame + step, frame, steps)


def _run_live(dreamer: Dreamer, images: Sequence[np.ndarray], seconds: float) -> tuple[LatencySink, Report]:
    dreamer.reset()
    dreamer.prepare((images[0].shape[1], images[0].shape[0]))
    sink = LatencySink()
    with StampedCamera(images, LIVE_RATE, seconds) as camera:
        return sink, run(camera, dreamer, [sink])


def _ages_after_warm_up(sink: LatencySink) -> list[float]:
    """Return the ages in milliseconds, without those of the first second unless there are no others."""
    warm = min(sink.arrivals[0] + _WARM_UP_SECONDS, sink.arrivals[-1])
    return [age * 1e3 for arrival, age in zip(sink.arrivals, sink.ages, strict=True) if arrival >= warm]
