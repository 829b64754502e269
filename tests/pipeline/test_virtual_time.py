"""What a live run does with its time, in virtual seconds: how old frames get, and what a governor makes of a rate."""

from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from livedream import DreamSettings, Frame
from livedream.dream.stream.quality import QualityScale
from livedream.pipeline import Report, run
from livedream.pipeline.governor import Governor
from tests.pipeline.parts import Frames, Kept
from tests.pipeline.virtual import VirtualTime, virtual_time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    return virtual_time(monkeypatch)


class Camera(Frames):
    """Live; frame n comes at n times `period`."""

    def __init__(self, time: VirtualTime, count: int, period: float) -> None:
        super().__init__(count, live=True, before=lambda index: time.sleep(index * period - time.now))


class Taking:
    """A dreamer whose steps take so many seconds, and less if it is relieved."""

    notice = None
    awaits_device = False

    def __init__(self, time: VirtualTime, look: float, dream: float, compose: float, **settings: Any) -> None:
        self.time = time
        self.seconds = {"look": look, "dream": dream, "compose": compose}
        self.settings = DreamSettings(**settings)
        self.quality = QualityScale(deeper=False)
        self.stages: dict[str, float] = {}
        self.effort = 1.0
        self.lookahead = 1
        self.octaves = (1.0,)
        self.dreams = 0

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def _take(self, step: str, frame: Frame, share: float = 1.0) -> Frame:
        self.time.sleep(self.seconds[step] * share)
        return frame

    def analyze(self, frame: Frame) -> Frame:
        return self._take("look", frame, self.quality.height**2 * self.quality.flow**2)

    def dream(self, sight: Frame) -> Frame:
        steps, octave = self.settings.steps, self.octaves[self.dreams % len(self.octaves)]
        self.dreams += 1
        return self._take("dream", sight, self.quality.height**2 * self.quality.steps_of(steps) / steps * octave)

    def compose(self, dreamt: Frame) -> Frame:
        return self._take("compose", dreamt)


class Aged(Kept):
    """Keeps how old each frame is that comes from a camera of `period`, and when it came."""

    def __init__(self, time: VirtualTime, period: float) -> None:
        super().__init__(live=True, before=self.note)
        self.time, self.period = time, period
        self.ages: list[float] = []
        self.came: list[float] = []

    def note(self, frame: Frame) -> None:
        self.ages.append(self.time.now - frame.index * self.period)
        self.came.append(self.time.now)


def live(time: VirtualTime, dreamer: Taking, count: int, period: float, governor: Governor | None = None):
    sink = Aged(time, period)
    report: Report = run(Camera(time, count, period), dreamer, [sink], governor=governor)
    assert report.captured == count == report.dreamt + report.dropped + report.skipped
    return sink, report


SLOW = {
    "dream": (0.005, 0.080, 0.004),
    "dream, hardly": (0.005, 0.036, 0.004),
    "dream, by far": (0.005, 0.500, 0.004),
    "look and dream": (0.050, 0.055, 0.004),
    "look": (0.060, 0.020, 0.004),
    "compose": (0.005, 0.010, 0.080),
    "compose, by far": (0.005, 0.010, 0.300),
    "dream and compose": (0.005, 0.060, 0.065),
}


@pytest.mark.parametrize("octaves", [(1.0,), (1.5, 0.9, 0.6)])
@pytest.mark.parametrize("slow", SLOW)
def test_frames_of_a_slow_dreamer_are_no_older_than_two_frame_times_and_a_step(time, slow: str, octaves) -> None:
    """A frame time is the camera's, 33 ms; a step is what a frame takes, from look to compose, with nobody waiting."""
    period, (look, dream, compose) = 1 / 30, SLOW[slow]
    dreamer = Taking(time, look, dream, compose)
    dreamer.octaves = octaves
    sink, report = live(time, dreamer, 900, period)
    # The times of the steps are learnt in the first twenty; and after the last no newer frame comes.
    ages = sink.ages[20:-3]
    assert max(ages) <= 2 * period + look + max(octaves) * dream + compose
    assert report.dropped > 0
    half = len(ages) // 2
    assert max(ages[half:]) < max(ages[:half]) + 0.005  # nor do they grow older
    # And that costs few frames, hardly any but where octaves in turn take different times.
    assert len(sink.came) >= (0.95 if len(octaves) == 1 else 0.85) * time.now / max(look, dream, compose)


def test_a_dreamer_that_keeps_up_loses_no_frame(time) -> None:
    sink, report = live(time, Taking(time, 0.005, 0.030, 0.010), 600, 1 / 30)
    assert (report.dropped, report.skipped, report.dreamt) == (0, 0, 600)
    assert max(sink.ages) == pytest.approx(0.045, abs=1e-6)


@pytest.mark.parametrize(
    ("times", "quality", "notice"),
    [
        ((0.005, 0.080, 0.004), QualityScale(0.61, deeper=False), "dreaming at working height 156 instead of 256"),
        ((0.080, 0.020, 0.004), QualityScale(flow=0.5, deeper=False), "using a coarser motion estimate"),
    ],
)
def test_a_governor_makes_a_slow_dreamer_keep_up_with_the_camera(
    time, times, quality: QualityScale, notice: str
) -> None:
    """The whole way: what the steps take, the governor sees, chooses, and the dreamer gets faster."""
    dreamer = Taking(time, *times)
    governor = Governor(dreamer, Fraction(25), clock=time)
    sink, report = live(time, dreamer, 1000, 1 / 25, governor)
    assert dreamer.quality == quality
    assert report.notices == (f"{notice}, to hold 25 fps",)
    assert report.skipped == 0
    late = [index for index in sink.indices if index >= 100]  # within four seconds
    assert late == list(range(100, 1000))
    assert max(sink.ages[-900:]) <= 3 / 25


def test_a_rate_below_the_cameras_is_held_and_what_is_left_out_is_no_loss(time) -> None:
    dreamer = Taking(time, 0.001, 0.010, 0.001)
    sink, report = live(time, dreamer, 600, 1 / 30, Governor(dreamer, Fraction(15), clock=time))
    assert report.dropped == 0
    assert report.skipped == pytest.approx(300, abs=10)
    assert report.skipped_fps == pytest.approx(15, abs=1)
    assert max(np.diff(sink.came)) < 2.1 / 15


def test_frames_that_are_only_shown_do_not_lift_what_was_left_out(time) -> None:
    """The scene stands still, the dream rests, and then the scene moves: in time from the first frame on."""

    class Resting(Taking):
        def dream(self, sight: Frame) -> Frame:
            return sight if 300 <= sight.index < 1300 else super().dream(sight)

        def compose(self, dreamt: Frame) -> Frame:
            self.effort = 0.0 if 300 <= dreamt.index < 1300 else 1.0
            return super().compose(dreamt)

    dreamer = Resting(time, 0.001, 0.080, 0.001)
    sink, _ = live(time, dreamer, 1500, 1 / 25, Governor(dreamer, Fraction(25), clock=time))
    assert [index for index in sink.indices if index >= 100] == list(range(100, 1500))
