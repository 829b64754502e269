import contextlib
import time

import numpy as np
import pytest

from livedream.bench.latency import LIVE_RATE, measure_latency, measure_overload_latency
from livedream.frame import Frame
from livedream.settings import DreamSettings


class SlowSteps:
    """A dreamer whose steps take a given time."""

    def __init__(self, seconds: float) -> None:
        self.settings = DreamSettings(layers="fire4")
        self.stages = {"ascent": seconds}
        self.effort, self.notice, self.lookahead = 1.0, None, 1
        self.dreamt_in: set[int] = set()
        self._seconds = seconds

    def reset(self) -> None:
        pass

    def prepare(self, size: tuple[int, int]) -> None:
        pass

    sharing_cores = staticmethod(contextlib.nullcontext)

    def analyze(self, frame: Frame) -> Frame:
        return frame

    def dream(self, frame: Frame) -> Frame:
        self.dreamt_in.add(self.settings.steps)
        self.stages = {"ascent": self._seconds * self.settings.steps}
        time.sleep(self.stages["ascent"])
        return frame

    compose = analyze


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.zeros((32, 400, 3), np.uint8)]


def test_a_fast_dreamer_is_made_slow_and_left_as_it_was(images) -> None:
    dreamer = SlowSteps(0.01)
    latency = measure_overload_latency(dreamer, images, 2, 100)  # type: ignore[arg-type]
    assert dreamer.dreamt_in == {latency.steps} == {9}  # of 10 ms: at least two and a half frames of the camera
    assert latency.frame > 1e3 / LIVE_RATE
    assert latency.allowed == pytest.approx(2 * latency.frame + 10, rel=0.2)
    assert dreamer.settings.steps == 1


def test_a_dreamer_that_keeps_up_with_the_most_steps_has_no_overload_latency(images) -> None:
    dreamer = SlowSteps(0)
    assert measure_overload_latency(dreamer, images, 2, 1e6) is None  # type: ignore[arg-type]
    assert dreamer.dreamt_in == {20}


def test_frames_that_the_sink_drops_count_as_dropped(images, monkeypatch) -> None:
    def run(source, dreamer, sinks):
        for frame in source:
            sinks[0].write(frame)
        return Report(dropped=2, sinks=[Report(dropped=3, sinks=[])])

    class Report:
        def __init__(self, dropped, sinks):
            self.dropped, self.sinks = dropped, sinks

    monkeypatch.setattr("livedream.bench.latency.run", run)
    latency = measure_latency(SlowSteps(0), images, 0.5)  # type: ignore[arg-type]
    assert latency.dropped == 5


def test_tenths_show_growing_latency(images, monkeypatch) -> None:
    def run(source, dreamer, sinks):
        sinks[0].ages += [0.001 * number for number in range(101)]
        sinks[0].arrivals += [0.0] + [float(number) for number in range(1, 101)]
        return type("Report", (), {"dropped": 0, "sinks": ()})

    monkeypatch.setattr("livedream.bench.latency.run", run)
    latency = measure_latency(SlowSteps(0), images, 0.5)  # type: ignore[arg-type]
    assert latency.tenths_ms == (
        pytest.approx(5.5),
        pytest.approx(95.5),
    )  # without the first, at 0: it warms up
    assert latency.age_ms["max"] == pytest.approx(100)
