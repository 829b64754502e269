"""One run of the benchmark: everything that is compared is measured in turns, within the same minutes."""

import dataclasses
import datetime
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from livedream.bench.cold_start import run_fresh
from livedream.bench.latency import LIVE_RATE, measure_age, measure_slow_age
from livedream.bench.look import NOISE, still_scene
from livedream.bench.machine import machine, versions
from livedream.bench.result import Result
from livedream.bench.roofline import measure_bound
from livedream.bench.temporal_stability import SETTLED, drift, flicker
from livedream.bench.throughput import film, measure_speed, without_mask
from livedream.bench.timestamped_camera import SMALLEST
from livedream.capture.video import VideoSource
from livedream.dream.choice import network_for
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings

GROWING_FRAMES = 30
FLICKER_FRAMES = 30
"""How many frames at least are looked at for steadiness, after the dream has grown for GROWING_FRAMES."""
_SMALLEST_HEIGHT = 64
_SLOW_SECONDS = 10.0


@dataclass
class Plan:
    """What to measure."""

    settings: DreamSettings
    preset: str = "live"
    """Where the settings come from: to be written down."""
    command: str = ""
    """What measures the same again: to be written down."""
    source: str = "demo"
    size: tuple[int, int] = (1280, 720)
    """(width, height) of the frames."""
    rounds: int = 3
    frames: int = 120
    """Frames of a round."""
    live_seconds: float = 10.0
    still_frames: int = 1000
    """Frames of the still scene; 0 leaves drift out."""
    baseline: bool = True

    @property
    def parts(self) -> int:
        """How many things are measured, of a film that is long enough."""
        steady = self.frames >= GROWING_FRAMES + FLICKER_FRAMES
        return 5 + int(steady) + int(self.still_frames > 0) + int(self.settings.mask != "all")


def measure(plan: Plan, tell: Callable[[str], None]) -> Result:
    """Measure `plan`; `tell` hears what is measured next.

    Raises the errors of sources and dreamers, and ArgumentError for what is too little to measure.
    """
    _check(plan)
    with tempfile.TemporaryDirectory(prefix="livedream-bench-") as folder:
        clip = film(plan.source, plan.size, Path(folder))
        with VideoSource(clip) as source:
            frames = [frame for frame, _ in zip(source, range(plan.frames), strict=False)]
        # Before the fresh process: what is wrong with the settings is said here.
        dreamer = Dreamer(plan.settings)
        dreamer.prepare(plan.size)
        result = _blank(plan, dreamer)
        tell("a run in a fresh process")
        fresh = run_fresh(clip, len(frames), plan.settings)
        result.first_frame_s, result.peak_rss_mb, result.peak_vram_mb = fresh
        tell("speed")
        speed = measure_speed(dreamer, clip, frames, plan.rounds, Path(folder), plan.baseline)
    result.stages = speed.stages
    result.fps, result.fps_encoded, result.fps_bare = (speed.rates[way] for way in ("fps", "fps_encoded", "fps_bare"))
    result.fps_baseline = speed.rates.get("fps_baseline")
    tell("one step, against what the machine could do")
    ascent, compute = dreamer.engine.ascent, dreamer.engine.compute
    bound = run_in_fresh_thread(
        lambda: measure_bound(ascent, compute, network_for(plan.settings).name, dreamer.working_size)
    )
    result.step_ms, result.bound_ms, *_ = bound
    result.roofline = bound.roofline
    result.work = {name: value for name, value in bound._asdict().items() if name not in ("step_ms", "bound_ms")}
    tell(f"age of frames, live at {LIVE_RATE} fps for {plan.live_seconds:g} s")
    pictures = [frame.pixels for frame in frames]
    result.age_ms, result.age_tenths_ms, result.dropped = measure_age(dreamer, pictures, plan.live_seconds)
    if speed.mask is not None:
        tell("age of frames without the mask")
        with without_mask(dreamer):
            unmasked = measure_age(dreamer, pictures, plan.live_seconds)
        result.mask = {**speed.mask._asdict(), "age_ms": unmasked.age_ms}
    tell("age of frames, with a dreamer that is too slow")
    slow = measure_slow_age(dreamer, pictures, min(plan.live_seconds, _SLOW_SECONDS), result.fps_bare)
    result.age_slow_ms = slow and slow._asdict()
    if len(frames) >= GROWING_FRAMES + FLICKER_FRAMES:
        tell("steadiness")
        run_in_fresh_thread(lambda: _measure_steadiness(dreamer, frames, result))
    if plan.still_frames:
        tell(f"drift over {plan.still_frames} still frames, clean and with noise")
        run_in_fresh_thread(lambda: _measure_drift(plan, dreamer, pictures[0], result))
    return result


def _check(plan: Plan) -> None:
    if plan.size[0] < SMALLEST[0] or plan.size[1] < _SMALLEST_HEIGHT:
        raise ArgumentError(
            f"a benchmark needs frames of {SMALLEST[0]}x{_SMALLEST_HEIGHT} at least, got {plan.size[0]}x{plan.size[1]}",
            "choose a larger --size",
        )
    if 0 < plan.still_frames < SETTLED + 2:
        raise ArgumentError(
            f"drift needs {SETTLED + 2} still frames at least, got {plan.still_frames}", "or 0, to leave it out"
        )


def _blank(plan: Plan, dreamer: Dreamer) -> Result:
    return Result(
        size="{}x{}".format(*plan.size),
        source=plan.source,
        preset=plan.preset,
        rounds=plan.rounds,
        frames=plan.frames,
        still=plan.still_frames,
        command=plan.command,
        date=datetime.date.today().isoformat(),
        machine=machine(),
        versions=versions(),
        settings=dataclasses.asdict(plan.settings),
        description=dreamer.description,
    )


def _measure_steadiness(dreamer: Dreamer, frames: Sequence[Frame], result: Result) -> None:
    dreamer.reset()
    dreams = [dreamer(frame).pixels for frame in frames][GROWING_FRAMES:]
    sources = [frame.pixels for frame in frames][GROWING_FRAMES:]
    found = flicker(dreams, sources)
    if found is not None:
        result.flicker, result.flicker_source = found
    seen = [statistics.fmean(dreamer.value(picture) for picture in pictures) for pictures in (dreams, sources)]
    result.strength = seen[0] / seen[1] if seen[1] else None


def _measure_drift(plan: Plan, dreamer: Dreamer, still: np.ndarray, result: Result) -> None:
    for name, sigma in (("clean", 0.0), ("noise", NOISE)):
        dreamer.reset()
        frames = islice(still_scene(still, sigma), plan.still_frames)
        found = drift(lambda pixels: dreamer(Frame(pixels, Fraction(0), 0)).pixels, frames)
        result.drift[name] = found._asdict()
