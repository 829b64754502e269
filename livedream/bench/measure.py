"""One run of the benchmark. Everything that is compared is measured in turns, within the same minutes."""

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

from livedream.bench.cold_start import measure_cold_start
from livedream.bench.latency import LIVE_RATE, measure_latency, measure_overload_latency
from livedream.bench.look import NOISE, still_scene
from livedream.bench.machine import machine, versions
from livedream.bench.result import Result
from livedream.bench.roofline import measure_step_bound
from livedream.bench.temporal_stability import SETTLED, drift, flicker
from livedream.bench.throughput import Throughput, measure_throughput, video_of_size, without_mask
from livedream.bench.timestamped_camera import MIN_SIZE
from livedream.capture.video import VideoSource
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.dream.objective.network_choice import network_for
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.hints import option
from livedream.settings import DreamSettings

Announce = Callable[[str], None]
"""Called with a description of each part before it is measured."""

WARM_UP_FRAMES = 30
"""Frames in which the dream grows before flicker is measured."""
FLICKER_FRAMES = 30
"""Smallest number of frames after them from which flicker and strength are measured."""
_MIN_HEIGHT = 64
_OVERLOAD_SECONDS = 10.0


@dataclass
class Plan:
    """What to measure."""

    settings: DreamSettings
    preset: str = "live"
    """Name of the preset of the settings, to be stored."""
    command: str = ""
    """The command line that repeats the measurement, to be stored."""
    source: str = "demo"
    """"demo" or the path of a video."""
    size: tuple[int, int] = (1280, 720)
    """(width, height) of the frames."""
    rounds: int = 3
    frames: int = 120
    """Number of frames per round."""
    live_seconds: float = 10.0
    still_frames: int = 1000
    """Number of frames of the still scene; 0 leaves drift out."""
    baseline: bool = True
    """Whether to measure the plain dreamer too."""

    @property
    def parts(self) -> int:
        """Number of parts that are announced, for a video that is long enough."""
        flickers = self.frames >= WARM_UP_FRAMES + FLICKER_FRAMES
        return 5 + int(flickers) + int(self.still_frames > 0) + int(self.settings.mask != "all")


def measure(plan: Plan, announce: Announce) -> Result:
    """Measure everything in `plan`.

    Raises:
        ArgumentError: the frames are too small, or there are too few; also the errors of sources and dreamers.
    """
    _check(plan)
    with tempfile.TemporaryDirectory(prefix="livedream-bench-") as folder:
        video = video_of_size(plan.source, plan.size, Path(folder))
        with VideoSource(video) as source:
            frames = [frame for frame, _ in zip(source, range(plan.frames), strict=False)]
        # Before the cold start: wrong settings raise here.
        dreamer = Dreamer(plan.settings)
        dreamer.prepare(plan.size)
        result = _new_result(plan, dreamer)
        announce("a cold start in a new process")
        cold_start = measure_cold_start(video, len(frames), plan.settings)
        result.first_frame_s, result.peak_rss_mb, result.peak_vram_mb = cold_start
        announce("throughput")
        throughput = measure_throughput(dreamer, video, frames, plan.rounds, Path(folder), plan.baseline)
    result.stages = throughput.stages
    rates = throughput.rates
    result.fps, result.fps_encoded, result.fps_bare = rates["fps"], rates["fps_encoded"], rates["fps_bare"]
    result.fps_baseline = rates.get("fps_baseline")
    announce("one step against the roofline bound")
    _measure_step(dreamer, result)
    images = [frame.pixels for frame in frames]
    _measure_latencies(plan, dreamer, images, throughput, result, announce)
    if len(frames) >= WARM_UP_FRAMES + FLICKER_FRAMES:
        announce("flicker and strength")
        run_in_fresh_thread(lambda: _measure_flicker(dreamer, frames, result))
    if plan.still_frames:
        announce(f"drift over {plan.still_frames} still frames, clean and with noise")
        run_in_fresh_thread(lambda: _measure_drift(plan, dreamer, images[0], result))
    return result


def _check(plan: Plan) -> None:
    width, height = plan.size
    if width < MIN_SIZE[0] or height < _MIN_HEIGHT:
        raise ArgumentError(
            f"the frames are too small: expected at least {MIN_SIZE[0]}x{_MIN_HEIGHT}, got {width}x{height}",
            f"choose a larger {option('size')}",
        )
    if 0 < plan.still_frames < SETTLED + 2:
        raise ArgumentError(
            f"drift needs at least {SETTLED + 2} still frames, got {plan.still_frames}",
            "give a larger number, or 0 to leave drift out",
        )


def _new_result(plan: Plan, dreamer: Dreamer) -> Result:
    """Return a result without measurements."""
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


def _measure_step(dreamer: Dreamer, result: Result) -> None:
    ascent, compute = dreamer.engine.ascent, dreamer.engine.compute
    network = network_for(dreamer.settings).name
    width, height = dreamer.working_size
    bound = run_in_fresh_thread(lambda: measure_step_bound(ascent, compute, network, (height, width)))
    result.step_ms, result.bound_ms, *_ = bound
    result.roofline = bound.roofline
    result.work = {name: value for name, value in bound._asdict().items() if name not in ("step_ms", "bound_ms")}


def _measure_latencies(
    plan: Plan,
    dreamer: Dreamer,
    images: Sequence[np.ndarray],
    throughput: Throughput,
    result: Result,
    announce: Announce,
) -> None:
    announce(f"latency, live at {LIVE_RATE} fps for {plan.live_seconds:g} s")
    result.age_ms, result.age_tenths_ms, result.dropped = measure_latency(dreamer, images, plan.live_seconds)
    if throughput.mask is not None:
        announce("latency without the mask")
        with without_mask(dreamer):
            unmasked = measure_latency(dreamer, images, plan.live_seconds)
        result.mask = {**throughput.mask._asdict(), "age_ms": unmasked.age_ms}
    announce("latency of a dreamer that is slower than the camera")
    seconds = min(plan.live_seconds, _OVERLOAD_SECONDS)
    overload = measure_overload_latency(dreamer, images, seconds, result.fps_bare)
    result.age_slow_ms = overload and overload._asdict()


def _measure_flicker(dreamer: Dreamer, frames: Sequence[Frame], result: Result) -> None:
    dreamer.reset()
    dreams = [dreamer(frame).pixels for frame in frames][WARM_UP_FRAMES:]
    sources = [frame.pixels for frame in frames][WARM_UP_FRAMES:]
    flickers = flicker(dreams, sources)
    if flickers is not None:
        result.flicker, result.flicker_source = flickers
    dream_value, source_value = (
        statistics.fmean(dreamer.value(image) for image in images) for images in (dreams, sources)
    )
    result.strength = dream_value / source_value if source_value else None


def _measure_drift(plan: Plan, dreamer: Dreamer, still: np.ndarray, result: Result) -> None:
    for name, sigma in (("clean", 0.0), ("noise", NOISE)):
        dreamer.reset()
        frames = islice(still_scene(still, sigma), plan.still_frames)
        result.drift[name] = drift(lambda pixels: dreamer(Frame(pixels, Fraction(0), 0)).pixels, frames)._asdict()
