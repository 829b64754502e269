"""An hour of live run (rows 21 and 33): `scripts/test -m soak --log-cli-level INFO tests/pipeline/test_soak.py`."""

import gc
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.pipeline import Report, run
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo
from tests.pipeline.parts import Frames, same

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

log = logging.getLogger(__name__)

FPS = 30


class Camera(Frames):
    """Real frames of 160x96 with the times of a camera of 30 a second, each as soon as the one before has arrived."""

    size = (160, 96)
    rate = Fraction(FPS)

    def __init__(self, count: int) -> None:
        super().__init__(count, live=True)
        self.arrived = threading.Semaphore(1)
        picture = np.add.outer(np.arange(96), np.arange(160)).astype(np.uint8)
        self.pictures = [np.stack([np.roll(picture, n * 3, axis=1)] * 3, axis=2) for n in range(64)]

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            assert self.arrived.acquire(timeout=60)
            yield Frame(self.pictures[index % 64].copy(), Fraction(index, FPS), index)


class Display(Sink):
    """A live sink that looks at memory and age every minute of the camera's time."""

    name, live = "display", True

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.megabytes: list[float] = []
        self.cpu_seconds: list[float] = []
        self.count = 0

    def write(self, frame: Frame) -> None:
        self.count += 1
        if frame.index % (60 * FPS) == 60 * FPS - 1:
            gc.collect()
            self.megabytes.append(resident())
            self.cpu_seconds.append(time.process_time())
        self.camera.arrived.release()

    def close(self) -> None:
        pass


def resident() -> float:
    """Megabytes of this process in memory."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1000


def soak(dreamer: Callable[[Any], Any], minutes: int, *films: Path) -> None:
    """Memory may grow by 2 % after the first sixth of the time, the age by half.

    The age is counted in frames (row 21), so that another program that needs the processor is no growth. What one frame
    costs is told in processor time.
    """
    camera = Camera(minutes * 60 * FPS)
    display = Display(camera)
    ages: list[float] = []

    def on_progress(report: Report) -> None:
        if report.sinks[0].age:
            ages.append(report.sinks[0].age[0] * report.dreamt_fps)

    sinks = [open_sink(film, StreamInfo.of(camera)) for film in films]
    report = run(camera, dreamer, [display, *sinks], on_progress=on_progress)
    warm, tenth = max(1, minutes // 6), len(ages) // 10
    early, late = np.median(ages[tenth : 2 * tenth]), np.median(ages[-tenth:])
    memory = display.megabytes
    costs = [1000 * (after - before) / (60 * FPS) for before, after in itertools.pairwise(display.cpu_seconds)]
    log.info("MB by the minute %s; age %.2f to %.2f frames", [round(each) for each in memory], early, late)
    log.info("ms of processor time a frame, by the minute: %s", [round(cost, 1) for cost in costs])
    assert report.dreamt == display.count == camera.count
    assert report.notices == ()
    assert max(memory[warm:]) <= memory[warm - 1] * 1.02
    assert late <= 1.5 * early


def test_33_an_hour() -> None:
    soak(same, 60)


def test_33_an_hour_recorded(tmp_path: Path) -> None:
    """The index of the film grows in memory: an entry for each frame."""
    soak(same, 60, tmp_path / "take.mp4")


def test_33_five_minutes_of_real_dreaming() -> None:
    from livedream.dream.dreamer import Dreamer

    soak(Dreamer(DreamSettings(working_height=96, octaves=2)), 5)
