"""Frames per second of several variants that take turns: end to end, encoded, the dreamer alone, the plain dreamer."""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from livedream import models
from livedream.bench.baseline import Baseline
from livedream.bench.clip import open_first_frames
from livedream.capture.demo import demo_clip
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.dream.objective.network_choice import network_for
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.pipeline.meter import percentile
from livedream.pipeline.run import run
from livedream.sink.null import NullSink
from livedream.sink.sink import Sink
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo


class Throughput(NamedTuple):
    rates: dict[str, float]
    """Frames per second, medians of the rounds: fps, fps_encoded, fps_bare and fps_baseline."""
    stages: dict[str, dict[str, float]]
    """Milliseconds of each stage per frame, end to end: p50 and p95."""
    mask: "MaskCost | None" = None
    """Cost of the mask of the settings, if they have one."""


class MaskCost(NamedTuple):
    """Cost of a mask end to end: medians of the differences between two runs that took turns."""

    ms: float
    """Additional time per frame, in milliseconds."""
    cpu_ms: float
    """Additional CPU time per frame, of all threads, in milliseconds."""
    fps_unmasked: float
    """Frames per second with the same settings but no mask."""


def video_of_size(source: str, size: tuple[int, int], folder: Path) -> Path:
    """Return a video with frames of a size: the source itself if it has that size, or else a resized copy.

    Args:
        source: "demo" or the path of a video.
        size: (width, height) of the frames.
        folder: where a resized copy is written.

    Raises:
        ArgumentError: the source is not a video.
    """
    path = demo_clip if source == "demo" else Path(source)
    with open_source(str(path)) as frames:
        if frames.live or frames.stills:
            raise ArgumentError(f"{source} is not a video", "give a video file, or demo")
        if frames.size == size:
            return path
        resized = folder / "scaled.mp4"
        info = dataclasses.replace(StreamInfo.of(frames), sound=None, path=None)
        # A usual bit rate: 6 Mbit/s at 1920x1080, 26 Mbit/s at 3840x2160. With a quality of 90 it was five times that,
        # and a frame of 1920x1080 took 15 ms to decode instead of 6.
        with VideoSink(resized, info, encoding=Encoding(quality=60)) as sink:
            for frame in frames:
                sink.write(frame.with_pixels(cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)))
        return resized


def measure_throughput(
    dreamer: Dreamer, video: Path, frames: Sequence[Frame], rounds: int, folder: Path, baseline: bool
) -> Throughput:
    """Measure each variant once per round, in turns.

    Each variant runs on a fresh thread, as it would in a process of its own, and with the number of threads that
    it chooses: all cores for the dreamer alone, and what sharing_cores leaves to it end to end. Files are opened before
    the clock starts, because that takes equally long for a video of two hours.

    Args:
        dreamer: the dreamer, prepared for the size of the frames.
        video: the video that `frames` are the first frames of.
        frames: the frames that are dreamt in each round.
        rounds: number of rounds.
        folder: where the encoded video is written.
        baseline: whether to measure the plain dreamer too.
    """
    size, count = (frames[0].pixels.shape[1], frames[0].pixels.shape[0]), len(frames)
    variants = _Variants(dreamer, video, frames, folder)
    runs = {"fps": variants.end_to_end, "fps_encoded": variants.encoded, "fps_bare": variants.bare}
    if dreamer.settings.mask != "all":
        runs = {"fps_unmasked": variants.unmasked, **runs}
    if baseline:
        runs["fps_baseline"] = _baseline_variant(dreamer, frames, size)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    cpu_ms: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run_variant in runs.items():
            dreamer.reset()
            dreamer.prepare(size)
            start = time.process_time()
            rates[name].append(run_in_fresh_thread(run_variant))
            cpu_ms[name].append((time.process_time() - start) * 1e3 / count)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return Throughput(medians, variants.stages(), mask_cost(rates, cpu_ms))


@contextlib.contextmanager
def without_mask(dreamer: Dreamer) -> Iterator[None]:
    """Context in which `dreamer` shows its dream everywhere."""
    settings = dreamer.settings
    dreamer.settings = settings.replace(mask="all")
    try:
        yield
    finally:
        dreamer.settings = settings


def mask_cost(rates: Mapping[str, Sequence[float]], cpu_ms: Mapping[str, Sequence[float]]) -> MaskCost | None:
    """Return the cost of a mask.

    Args:
        rates: frames per second of each round, by variant: "fps", and "fps_unmasked" where the settings have a mask.
        cpu_ms: CPU time per frame of each round in milliseconds, by variant.

    Returns:
        The differences between the two variants; None without a mask.
    """
    if "fps_unmasked" not in rates:
        return None
    pairs = list(zip(rates["fps"], rates["fps_unmasked"], strict=True))
    cpu_pairs = list(zip(cpu_ms["fps"], cpu_ms["fps_unmasked"], strict=True))
    return MaskCost(
        statistics.median(1e3 / masked - 1e3 / unmasked for masked, unmasked in pairs),
        statistics.median(masked - unmasked for masked, unmasked in cpu_pairs),
        statistics.median(rates["fps_unmasked"]),
    )


class _Variants:
    """The ways to dream the first frames of a video; each method returns its frames per second."""

    def __init__(self, dreamer: Dreamer, video: Path, frames: Sequence[Frame], folder: Path) -> None:
        self._dreamer, self._video, self._frames, self._folder = dreamer, video, frames, folder
        self._capture_ms: list[float] = []
        self._encode_ms: list[float] = []
        self._report_stages: Mapping[str, tuple[float, float]] = {}
        """Median and 95th percentile of each stage in seconds, of the last run."""

    def end_to_end(self) -> float:
        with self._open() as source:
            timed = _TimedSource(source, self._capture_ms)
            return _frames_per_second(lambda: self._run(timed))

    def unmasked(self) -> float:
        with self._open() as source, without_mask(self._dreamer):
            return _frames_per_second(lambda: run(source, self._dreamer, [NullSink()]).dreamt)

    def encoded(self) -> float:
        with self._open() as source:
            info = dataclasses.replace(StreamInfo.of(source), sound=None)
            sink = _TimedSink(VideoSink(self._folder / "encoded.mp4", info, overwrite=True), self._encode_ms)
            return _frames_per_second(lambda: _encode(source, self._dreamer, sink))

    def bare(self) -> float:
        return _frames_per_second(lambda: _dream_all(self._dreamer, self._frames))

    def stages(self) -> dict[str, dict[str, float]]:
        """Return p50 and p95 of each stage in milliseconds: capture and encoding of all rounds, the others of the last
        300 frames, which is what a report covers.
        """
        own_ms = {"capture": self._capture_ms, "encode": self._encode_ms}
        stages = {stage: {"p50": percentile(ms, 50), "p95": percentile(ms, 95)} for stage, ms in own_ms.items()}
        reported = self._report_stages.items()
        return stages | {stage: {"p50": p50 * 1e3, "p95": p95 * 1e3} for stage, (p50, p95) in reported}

    def _open(self) -> Source:
        return open_first_frames(self._video, len(self._frames))

    def _run(self, source: Source) -> int:
        report = run(source, self._dreamer, [NullSink()])
        self._report_stages = report.stages
        return report.dreamt


def _frames_per_second(dream: Callable[[], int]) -> float:
    """Time `dream`, which returns the number of frames that it dreamt."""
    start = time.perf_counter()
    count = dream()
    return count / (time.perf_counter() - start)


def _baseline_variant(dreamer: Dreamer, frames: Sequence[Frame], size: tuple[int, int]) -> Callable[[], float]:
    """Return the variant of the plain dreamer, warmed up by two frames. It dreams a fifth of the frames, at least 3."""
    settings = dreamer.settings
    # In a fresh thread: the team of threads that loads the weights would slow down every other team, see
    # run_in_fresh_thread.
    plain = run_in_fresh_thread(
        lambda: Baseline(
            settings, models.load(network_for(settings).name, settings.weights), dreamer.engine.ascent, size
        )
    )
    first_frames = frames[: max(3, len(frames) // 5)]

    def dream_plainly(frames: Sequence[Frame] = first_frames) -> float:
        return _frames_per_second(lambda: _dream_all(lambda frame: plain(frame.pixels), frames))

    run_in_fresh_thread(lambda: dream_plainly(first_frames[:2]))
    return dream_plainly


def _dream_all(dream: Callable[[Frame], object], frames: Sequence[Frame]) -> int:
    for frame in frames:
        dream(frame)
    return len(frames)


def _encode(source: Source, dreamer: Dreamer, sink: Sink) -> int:
    with sink:
        return run(source, dreamer, [sink]).dreamt


class _TimedSource(Source):
    """Another source, whose frames are timed.

    Args:
        source: the other source.
        times: gets the milliseconds of each frame.
    """

    def __init__(self, source: Source, times: list[float]) -> None:
        self.name, self.size, self.rate, self.live = source.name, source.size, source.rate, source.live
        self._source = source
        self._times = times

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while True:
            start = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            self._times.append((time.perf_counter() - start) * 1e3)
            yield frame

    def close(self) -> None:
        self._source.close()


class _TimedSink(Sink):
    """Another sink, whose writes are timed.

    Args:
        sink: the other sink.
        times: gets the milliseconds of each frame.
    """

    def __init__(self, sink: Sink, times: list[float]) -> None:
        self.name = sink.name
        self._sink = sink
        self._times = times

    def write(self, frame: Frame) -> None:
        start = time.perf_counter()
        self._sink.write(frame)
        self._times.append((time.perf_counter() - start) * 1e3)

    def close(self) -> None:
        self._sink.close()
