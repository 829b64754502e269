"""One run of the benchmark: everything that is compared is measured in turns, within the same minutes."""

import dataclasses
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livedream import models
from livedream.bench import steadiness
from livedream.bench.baseline import Baseline
from livedream.bench.bound import Bound, measure_bound
from livedream.bench.stamped import SMALLEST, AgeSink, StampedCamera
from livedream.capture.demo import demo_clip
from livedream.capture.source import Source, open_source
from livedream.capture.video import VideoSource
from livedream.dream.alone import alone
from livedream.dream.dreamer import Dreamer
from livedream.dream.grammar import parse
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.pipeline.meter import Report, percentile
from livedream.pipeline.run import run
from livedream.settings import DreamSettings
from livedream.sink.codecs import Encoding
from livedream.sink.null import NullSink
from livedream.sink.sink import Facts, Sink
from livedream.sink.video import VideoSink

LIVE_RATE = 30
FLICKER_FRAMES = 60
"""How many frames are looked at for steadiness, after the dream has grown."""
GROWING_FRAMES = 30
_SMALLEST_HEIGHT = 64


@dataclass
class Plan:
    """What to measure."""

    settings: DreamSettings
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


@dataclass
class Result:
    """What was found. Rates are frames per second; `stages` and `age_ms` are milliseconds."""

    settings: dict[str, Any]
    description: str
    fps: float = 0.0
    fps_encoded: float = 0.0
    fps_bare: float = 0.0
    fps_baseline: float | None = None
    bound: Bound | None = None
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    age_ms: dict[str, float] = field(default_factory=dict)
    dropped: int = 0
    first_frame_s: float = 0.0
    peak_rss_mb: float = 0.0
    flicker: float = 0.0
    flicker_source: float = 0.0
    strength: float = 0.0
    drift: dict[str, dict[str, float]] = field(default_factory=dict)

    def numbers(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        plain = dataclasses.asdict(self)
        plain["bound"] = None if self.bound is None else {**self.bound._asdict(), "roofline": self.bound.roofline}
        return plain


def measure(plan: Plan, tell: Callable[[str], None]) -> Result:
    """Measure `plan`; `tell` hears what is measured next.

    Raises the errors of sources and dreamers, and ArgumentError for a size that is too small to measure.
    """
    if plan.size[0] < SMALLEST[0] or plan.size[1] < _SMALLEST_HEIGHT:
        raise ArgumentError(
            f"a benchmark needs frames of {SMALLEST[0]}x{_SMALLEST_HEIGHT} at least, got {plan.size[0]}x{plan.size[1]}",
            "choose a larger --size",
        )
    began = time.perf_counter()
    dreamer = Dreamer(plan.settings)
    dreamer.prepare(plan.size)
    loaded = time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="livedream-bench-") as folder:
        clip = _clip(plan, Path(folder))
        frames = _frames(clip, plan.frames)
        result = Result(dataclasses.asdict(plan.settings), dreamer.description)
        began = time.perf_counter()
        alone(lambda: dreamer(frames[0]))
        result.first_frame_s = loaded + time.perf_counter() - began
        tell("speed")
        _measure_speed(plan, dreamer, clip, frames, Path(folder), result)
    tell("one step, against what the machine could do")
    ascent, compute = dreamer.engine
    result.bound = alone(lambda: measure_bound(ascent, compute, plan.settings.model, dreamer.working_size))
    tell(f"age of frames, live at {LIVE_RATE} fps for {plan.live_seconds:g} s")
    _measure_age(plan, dreamer, frames, result)
    tell("steadiness")
    alone(lambda: _measure_steadiness(dreamer, frames, result))
    if plan.still_frames:
        tell(f"drift over {plan.still_frames} still frames, clean and with noise")
        alone(lambda: _measure_drift(plan, dreamer, frames[0].pixels, result))
    result.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 2**20
    )
    return result


def _clip(plan: Plan, folder: Path) -> Path:
    """Return a film at the size asked for: the source itself where it has it."""
    path = demo_clip if plan.source == "demo" else Path(plan.source)
    with open_source(str(path)) as source:
        if source.live or source.stills:
            raise ArgumentError(f"{plan.source} is no film", "the benchmark takes demo, or a film")
        if source.size == plan.size:
            return path
        scaled = folder / "scaled.mp4"
        facts = dataclasses.replace(Facts.of(source), sound=None, path=None)
        with VideoSink(scaled, facts, encoding=Encoding(quality=90)) as sink:
            for frame in source:
                small = cv2.resize(frame.pixels, plan.size, interpolation=cv2.INTER_AREA)
                sink.write(frame.with_pixels(small))
        return scaled


def _frames(clip: Path, count: int) -> list[Frame]:
    with VideoSource(clip) as source:
        return [frame for frame, _ in zip(source, range(count), strict=False)]


def _measure_speed(
    plan: Plan, dreamer: Dreamer, clip: Path, frames: Sequence[Frame], folder: Path, result: Result
) -> None:
    plain = alone(lambda: _baseline(plan)) if plan.baseline else None
    stages: dict[str, list[float]] = {"capture": [], "encode": []}
    reports: list[Report] = []
    rates: dict[str, list[float]] = {}

    def end_to_end() -> int:
        reports.append(_run(clip, dreamer, plan.frames, stages))
        return reports[-1].dreamt

    ways: dict[str, Callable[[], int]] = {
        "fps": end_to_end,
        "fps_encoded": lambda: _run(clip, dreamer, plan.frames, stages, folder / "encoded.mp4").dreamt,
        "fps_bare": lambda: len([dreamer(frame) for frame in frames]),
    }
    if plain is not None:
        few = frames[: max(3, plan.frames // 5)]
        ways["fps_baseline"] = lambda: len([plain(frame.pixels) for frame in few])
    for _ in range(plan.rounds):
        for name, way in ways.items():
            dreamer.reset()
            dreamer.prepare(plan.size)
            began = time.perf_counter()
            count = alone(way)  # each as if it were the only one in its process
            rates.setdefault(name, []).append(count / (time.perf_counter() - began))
    for name, found in rates.items():
        setattr(result, name, statistics.median(found))
    result.stages = {stage: (percentile(found, 50), percentile(found, 95)) for stage, found in stages.items()}
    # Of the last round: a report knows the last 300 frames.
    result.stages |= {stage: (p50 * 1e3, p95 * 1e3) for stage, (p50, p95) in reports[-1].stages.items()}


def _run(
    clip: Path, dreamer: Dreamer, count: int, stages: dict[str, list[float]], target: Path | None = None
) -> Report:
    """Dream the first `count` frames of `clip` from end to end, into nowhere or into a film."""
    with VideoSource(clip, end=Fraction(count) / _rate(clip)) as source:
        if target is None:
            return run(_TimedSource(source, stages["capture"]), dreamer, [NullSink()])
        facts = dataclasses.replace(Facts.of(source), sound=None)
        with VideoSink(target, facts, overwrite=True) as sink:
            return run(source, dreamer, [_TimedSink(sink, stages["encode"])])


def _rate(clip: Path) -> Fraction:
    with VideoSource(clip) as source:
        return source.rate or Fraction(25)


class _TimedSource(Source):
    """Another source, and the milliseconds of each of its frames."""

    def __init__(self, source: Source, times: list[float]) -> None:
        self.name, self.size, self.rate, self.live = source.name, source.size, source.rate, source.live
        self._source = source
        self._times = times

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while True:
            began = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            self._times.append((time.perf_counter() - began) * 1e3)
            yield frame

    def close(self) -> None:
        self._source.close()


class _TimedSink(Sink):
    """Another sink, and the milliseconds of each frame."""

    def __init__(self, sink: Sink, times: list[float]) -> None:
        self.name = sink.name
        self._sink = sink
        self._times = times

    def write(self, frame: Frame) -> None:
        began = time.perf_counter()
        self._sink.write(frame)
        self._times.append((time.perf_counter() - began) * 1e3)

    def close(self) -> None:
        self._sink.close()


def _baseline(plan: Plan) -> Baseline:
    settings = plan.settings
    row = models.find_network(settings.model)
    objective = parse(settings.layers, auto=row.best)
    return Baseline(settings, models.load(settings.model, settings.weights), objective, plan.size)


def _measure_age(plan: Plan, dreamer: Dreamer, frames: Sequence[Frame], result: Result) -> None:
    dreamer.reset()
    dreamer.prepare(plan.size)
    sink = AgeSink()
    with StampedCamera([frame.pixels for frame in frames], LIVE_RATE, plan.live_seconds) as camera:
        report = run(camera, dreamer, [sink])
    # The first second fills caches and finds threads; whoever starts before a show has that behind him.
    ages = [age * 1e3 for age in sink.ages[LIVE_RATE:]] or [age * 1e3 for age in sink.ages]
    result.age_ms = {"p50": percentile(ages, 50), "p95": percentile(ages, 95), "max": max(ages)}
    result.dropped = report.dropped


def _measure_steadiness(dreamer: Dreamer, frames: Sequence[Frame], result: Result) -> None:
    dreamer.reset()
    dreams = [dreamer(frame).pixels for frame in frames]
    late = slice(min(GROWING_FRAMES, len(frames) // 2), None)
    sources = [frame.pixels for frame in frames]
    found = steadiness.flicker(dreams[late], sources[late])
    result.flicker, result.flicker_source = found.dream, found.source
    seen = [[dreamer.value(picture) for picture in pictures[late]] for pictures in (dreams, sources)]
    result.strength = statistics.fmean(seen[0]) / statistics.fmean(seen[1])


def _measure_drift(plan: Plan, dreamer: Dreamer, still: np.ndarray, result: Result) -> None:
    count = max(plan.still_frames, steadiness.SETTLED + 1)
    for name, sigma in (("clean", 0.0), ("noise", 3.0)):
        dreamer.reset()

        def dream(pixels: np.ndarray) -> np.ndarray:
            return dreamer(Frame(pixels, Fraction(0), 0)).pixels

        found = steadiness.drift(dream, _still(still, sigma, count))
        result.drift[name] = found._asdict()


def _still(picture: np.ndarray, sigma: float, count: int) -> Iterator[np.ndarray]:
    """`picture`, `count` times, each with a camera's noise of its own."""
    random = np.random.default_rng(0)
    noises = [np.round(random.normal(0, sigma, picture.shape)).astype(np.int16) for _ in range(16 if sigma else 0)]
    for number in range(count):
        if not sigma:
            yield picture
            continue
        # Sixteen noises, each rolled to another place: as good as new ones and ten times as fast.
        noise = np.roll(noises[number % 16], random.integers(picture.shape[0]), axis=0)
        yield cv2.add(picture, noise, dtype=cv2.CV_8U)
