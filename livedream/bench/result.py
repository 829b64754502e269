"""What a benchmark found, as it stands in its JSON."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    """Rates are frames per second; None is what was not measured."""

    size: str
    """Of the frames: 1280x720."""
    source: str
    preset: str
    rounds: int
    frames: int
    """Of a round."""
    still: int
    """Frames of the still scene."""
    command: str
    """The same again."""
    date: str
    machine: str
    versions: dict[str, str]
    settings: dict[str, Any]
    description: str
    """What dreamt: see Dreamer."""

    fps: float = 0.0
    fps_encoded: float = 0.0
    fps_bare: float = 0.0
    fps_baseline: float | None = None
    step_ms: float = 0.0
    bound_ms: float = 0.0
    roofline: float = 0.0
    work: dict[str, float] = field(default_factory=dict)
    """Of a step, and the rates that make the bound: see Bound."""
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """Milliseconds, p50 and p95."""
    age_ms: dict[str, float] = field(default_factory=dict)
    """p50, p95 and max."""
    age_tenths_ms: tuple[float, float] = (0.0, 0.0)
    """The median of the first tenth of the frames, and of the last."""
    age_slow_ms: dict[str, float] | None = None
    """Of a dreamer slower than its camera: see SlowAge."""
    dropped: int = 0
    first_frame_s: float = 0.0
    """From the start of a process to the first dreamt frame at its sink."""
    peak_rss_mb: float = 0.0
    """Of that process, which does nothing else."""
    peak_vram_mb: float | None = None
    flicker: float | None = None
    flicker_source: float | None = None
    strength: float | None = None
    """The objective in the dream over that in the source."""
    drift: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """Of a still scene, clean and with noise: see Drift."""
    mask: dict[str, Any] | None = None
    """What the mask of the settings costs: see MaskCost; and `age_ms` without it, as above."""

    def numbers(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return dataclasses.asdict(self)
