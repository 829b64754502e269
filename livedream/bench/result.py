"""The result of a benchmark, as it is written to JSON."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    """Rates are in frames per second. None is what was not measured."""

    size: str
    """Size of the frames: WIDTHxHEIGHT."""
    source: str
    preset: str
    rounds: int
    frames: int
    """Number of frames per round."""
    still: int
    """Number of frames of the still scene."""
    command: str
    """The command line that repeats the measurement."""
    date: str
    """ISO 8601."""
    machine: str
    versions: dict[str, str]
    settings: dict[str, Any]
    description: str
    """Device, precision, network and objective: see Dreamer.description."""

    fps: float = 0.0
    """End to end into a null sink."""
    fps_encoded: float = 0.0
    """End to end into a video file."""
    fps_bare: float = 0.0
    """The dreamer alone."""
    fps_baseline: float | None = None
    """The plain dreamer alone: see Baseline."""
    step_ms: float = 0.0
    bound_ms: float = 0.0
    roofline: float = 0.0
    """Share of the bound that a step reaches: bound_ms / step_ms."""
    work: dict[str, float] = field(default_factory=dict)
    """The operations and memory traffic of a step, and the rates that the bound is made of: see StepBound."""
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """Milliseconds of each stage per frame: p50 and p95."""
    age_ms: dict[str, float] = field(default_factory=dict)
    """Age of live frames at the sink: p50, p95 and max."""
    age_tenths_ms: tuple[float, float] = (0.0, 0.0)
    """Median age of the first tenth of the frames, and of the last."""
    age_slow_ms: dict[str, float] | None = None
    """Age of frames of a dreamer that is slower than its camera: see OverloadLatency."""
    dropped: int = 0
    """Number of live frames that did not reach the sink."""
    first_frame_s: float = 0.0
    """Seconds from the start of a new process to the first dreamt frame at its sink."""
    peak_rss_mb: float = 0.0
    """Peak memory of that process."""
    peak_vram_mb: float | None = None
    """Peak GPU memory of that process; None on a CPU."""
    flicker: float | None = None
    flicker_source: float | None = None
    strength: float | None = None
    """Value of the objective in the dream, divided by that in the source."""
    drift: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """Drift of a still scene, "clean" and with "noise": see Drift."""
    mask: dict[str, Any] | None = None
    """Cost of the mask of the settings, see MaskCost, and `age_ms` without the mask, as above."""

    def numbers(self) -> dict[str, Any]:
        """Return all fields as plain values, for JSON."""
        return dataclasses.asdict(self)
