"""Cameras on the network: real ones, in a process of their own, that are killed and come back."""

import logging
import os
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest

from livedream.capture import network
from livedream.capture.network import NetworkSource
from livedream.capture.source import open_source
from livedream.errors import SourceError
from livedream.pipeline import Report, run
from livedream.sink.sink import Facts, open_sink
from tests.capture.cameras import NetworkCamera, network_camera
from tests.capture.stamps import read_stamp
from tests.films import read_film

LATE = 0.15
"""Seconds between the moment of a picture and its time in the recording may differ by so much: two busy cores."""


class Outage:
    """Kills the camera of a run once it has given 25 pictures, brings it back, and ends the run 25 pictures later."""

    def __init__(self, camera: NetworkCamera, source: NetworkSource, seconds: float) -> None:
        self.camera, self.source, self.seconds = camera, source, seconds
        self.killed = self.returned = self.resumed = 0.0
        self.captured = 0
        self.notices: list[tuple[float, str | None]] = []

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        self.notices.append((now, self.source.notice))
        if not self.killed and report.captured >= 25:
            self.camera.kill()
            self.killed, self.captured = now, report.captured
        elif self.killed and not self.returned and now >= self.killed + self.seconds:
            self.camera.start()
            self.returned, self.captured = time.monotonic(), report.captured
        elif self.returned and not self.resumed and report.captured > self.captured:
            self.resumed, self.captured = now, report.captured
        elif self.resumed and report.captured >= self.captured + 25:
            self.source.close()
        assert now < self.killed + self.seconds + 15 or not self.killed, "the stream did not resume"


def _handles() -> tuple[int, int]:
    """How many threads and open descriptors this process has; the kernel's word, not Python's."""
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _survive(outages: int, seconds: float, folder: Path) -> None:
    camera = NetworkCamera("clock")
    camera.start()
    try:
        handles = []
        for number in range(outages):
            film = folder / f"take{number}.mp4"
            with open_source(camera.address) as source, open_sink(film, Facts.of(source)) as sink:
                outage = Outage(camera, source, seconds)  # type: ignore[arg-type]
                run(source, lambda frame: frame, [sink], on_progress=outage)
            _check(outage, film)
            handles.append(_handles())
        assert len(set(handles[1:])) <= 1, f"threads and descriptors after each: {handles}"  # the first one loads codecs
    finally:
        camera.kill()


def _check(outage: Outage, film: Path) -> None:
    assert outage.resumed - outage.returned < 3
    lost = [text for when, text in outage.notices if outage.killed + 2 < when < outage.returned]
    assert all(text and "lost, reconnecting (try " in text for text in lost)
    assert outage.notices[-1][1] is None
    frames = read_film(film)
    shown = [Fraction(read_stamp(pixels), 1000) - time for time, pixels in frames]
    assert float(max(shown) - min(shown)) < LATE, "the recording's clock is not that of the pictures"
    times = [time for time, _ in frames]
    longest = max(after - before for before, after in zip(times, times[1:], strict=False))
    assert outage.seconds - 0.5 < longest < outage.resumed - outage.killed + 0.5
    assert len(frames) >= 45


def test_12_killed_and_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "livedream"):
        _survive(1, 1.0, tmp_path)
    first, last = [record.getMessage() for record in caplog.records]
    assert first.endswith("; reconnecting")
    assert " is back after " in last


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_12_killed_for_five_seconds_twenty_times(tmp_path: Path) -> None:
    """scripts/test -m soak tests/capture/test_network.py"""
    _survive(20, 5.0, tmp_path)
