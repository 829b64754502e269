"""How many frames a second, in ways that take turns: from end to end, encoded, the dreamer alone, the plain dreamer."""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2

from livedream import models
from livedream.bench.baseline import Baseline
from livedream.capture.demo import demo_clip
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.capture.video import VideoSource
from livedream.dream.choice import network_for
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.pipeline.meter import Report, percentile
from livedream.pipeline.run import run
from livedream.sink.null import NullSink
from livedream.sink.sink import Sink
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo


class Speed(NamedTuple):
    rates: dict[str, float]
    """Frames per second, medians of the rounds: fps, fps_encoded, fps_bare and fps_baseline."""
    stages: dict[str, dict[str, float]]
    """Milliseconds of each stage from end to end: p50 and p95."""
    mask: "MaskCost | None" = None
    """Of the mask of the settings, where there is one."""


class MaskCost(NamedTuple):
    """What a mask costs from end to end: medians of the differences between two runs that took turns."""

    ms: float
    """Time of a frame, in milliseconds."""
    cpu_ms: float
    """Processor time of a frame, of all threads."""
    fps_unmasked: float
    """Frames per second of the same settings without the mask."""


def film(source: str, size: tuple[int, int], folder: Path) -> Path:
    """Return a film of `size` (width, height): `source` itself where it has it, else scaled into `folder`."""
    path = demo_clip if source == "demo" else Path(source)
    with open_source(str(path)) as frames:
        if frames.live or frames.stills:
            raise ArgumentError(f"{source} is no film", "the benchmark takes demo, or a film")
        if frames.size == size:
            return path
        scaled = folder / "scaled.mp4"
        info = dataclasses.replace(StreamInfo.of(frames), sound=None, path=None)
        # As films have them: 6 Mbit/s at 1920x1080, 26 at 3840x2160. With a quality of 90 it was five times that, and a
        # frame of 1920x1080 took 15 ms to decode instead of 6.
        with VideoSink(scaled, info, encoding=Encoding(quality=60)) as sink:
            for frame in frames:
                sink.write(frame.with_pixels(cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)))
        return scaled


def measure_speed(
    dreamer: Dreamer, clip: Path, frames: Sequence[Frame], rounds: int, folder: Path, baseline: bool
) -> Speed:
    """Let `dreamer`, which is prepared, dream `frames`, the first ones of `clip`, in all ways, `rounds` times.

    Each way runs on a thread that ends with it, as if it were the only one in its process, and with the threads that it
    takes by itself: all cores bare, and what sharing_cores leaves from end to end. Files are open before the clock
    starts, for that takes as long for a film of two hours.
    """
    size, count = (frames[0].pixels.shape[1], frames[0].pixels.shape[0]), len(frames)
    stages: dict[str, list[float]] = {"capture": [], "encode": []}
    reports: list[Report] = []

    def kept(report: Report) -> int:
        reports.append(report)
        return report.dreamt

    def end_to_end() -> float:
        with _part(clip, count) as source:
            timed = _TimedSource(source, stages["capture"])
            return _rate(lambda: kept(run(timed, dreamer, [NullSink()])))

    def unmasked() -> float:
        with _part(clip, count) as source, without_mask(dreamer):
            return _rate(lambda: run(source, dreamer, [NullSink()]).dreamt)

    def encoded() -> float:
        with _part(clip, count) as source:
            info = dataclasses.replace(StreamInfo.of(source), sound=None)
            sink = _TimedSink(VideoSink(folder / "encoded.mp4", info, overwrite=True), stages["encode"])
            return _rate(lambda: _encode(source, dreamer, sink))

    def bare() -> float:
        return _rate(lambda: _each(dreamer, frames))

    ways = {"fps": end_to_end, "fps_encoded": encoded, "fps_bare": bare}
    if dreamer.settings.mask != "all":
        ways = {"fps_unmasked": unmasked, **ways}
    if baseline:
        ways["fps_baseline"] = _plain(dreamer, frames, size)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    cpu_ms: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            dreamer.reset()
            dreamer.prepare(size)
            began = time.process_time()
            rates[name].append(run_in_fresh_thread(way))
            cpu_ms[name].append((time.process_time() - began) * 1e3 / count)
    found = {stage: {"p50": percentile(times, 50), "p95": percentile(times, 95)} for stage, times in stages.items()}
    # Of the last round: a report knows the last 300 frames.
    found |= {stage: {"p50": p50 * 1e3, "p95": p95 * 1e3} for stage, (p50, p95) in reports[-1].stages.items()}
    return Speed({name: statistics.median(taken) for name, taken in rates.items()}, found, mask_cost(rates, cpu_ms))


@contextlib.contextmanager
def without_mask(dreamer: Dreamer) -> Iterator[None]:
    """Let `dreamer` show its dream everywhere during the block."""
    settings = dreamer.settings
    dreamer.settings = settings.replace(mask="all")
    try:
        yield
    finally:
        dreamer.settings = settings


def mask_cost(rates: Mapping[str, Sequence[float]], cpu_ms: Mapping[str, Sequence[float]]) -> MaskCost | None:
    """Return the differences between `fps` and `fps_unmasked`; None where there is no mask."""
    if "fps_unmasked" not in rates:
        return None
    pairs = list(zip(rates["fps"], rates["fps_unmasked"], strict=True))
    cpu_pairs = list(zip(cpu_ms["fps"], cpu_ms["fps_unmasked"], strict=True))
    return MaskCost(
        statistics.median(1e3 / masked - 1e3 / plain for masked, plain in pairs),
        statistics.median(masked - plain for masked, plain in cpu_pairs),
        statistics.median(rates["fps_unmasked"]),
    )


def _rate(work: Callable[[], int]) -> float:
    """Return how many frames a second `work` does, which returns how many it has done."""
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def _plain(dreamer: Dreamer, frames: Sequence[Frame], size: tuple[int, int]) -> Callable[[], float]:
    """Return what lets the plain dreamer dream some of `frames`. It has dreamt two before, as ours has been warmed."""
    settings = dreamer.settings
    # Alone, for a team of threads that loaded weights would make every other team wait, see alone.py.
    plain = run_in_fresh_thread(
        lambda: Baseline(
            settings, models.load(network_for(settings).name, settings.weights), dreamer.engine.ascent, size
        )
    )
    few = frames[: max(3, len(frames) // 5)]

    def way(frames: Sequence[Frame] = few) -> float:
        return _rate(lambda: _each(lambda frame: plain(frame.pixels), frames))

    run_in_fresh_thread(lambda: way(few[:2]))
    return way


def _each(dream: Callable[[Frame], object], frames: Sequence[Frame]) -> int:
    for frame in frames:
        dream(frame)
    return len(frames)


def _encode(source: Source, dreamer: Dreamer, sink: Sink) -> int:
    with sink:
        return run(source, dreamer, [sink]).dreamt


def _part(clip: Path, count: int) -> VideoSource:
    """Open the first `count` frames of `clip`."""
    return VideoSource(clip, end=_end(clip, count))


def _end(clip: Path, count: int) -> Fraction:
    """Return the time at which the first `count` frames of `clip` end."""
    with VideoSource(clip) as source:
        return Fraction(count) / (source.rate or 25)


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
