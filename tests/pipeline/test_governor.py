from fractions import Fraction

import pytest

from livedream import DreamSettings
from livedream.dream.relief import Relief
from livedream.pipeline.governor import RELIEFS, Governor


class Machine:
    """A dreamer and a clock: a frame takes `full` seconds at the full height, less with fewer pixels."""

    def __init__(self, full: float, rate: int = 25, steps: int = 1) -> None:
        self.now = 0.0
        self.full = full
        self.relief = Relief()
        self.reliefs: list[Relief] = []
        self.settings = DreamSettings(steps=steps)
        self.governor = Governor(self, Fraction(rate), clock=lambda: self.now)

    def dream(self, frames: int, octaves: tuple[float, ...] = (1.0,)) -> None:
        for number in range(frames):
            while not self.governor.due():
                self.now += 0.001
            work = self.relief.height**2 * self.relief.steps_of(self.settings.steps) / self.settings.steps
            seconds = self.full * work * octaves[number % len(octaves)]
            self.now += seconds
            self.governor.took(seconds)
            self.reliefs.append(self.relief)


def test_fast_machine_dreams_as_asked() -> None:
    machine = Machine(full=0.03)
    machine.dream(500)
    assert set(machine.reliefs) == {Relief()}
    assert machine.governor.notice is None


def test_slow_machine_dreams_smaller_until_it_keeps_up() -> None:
    machine = Machine(full=0.08)
    machine.dream(500)
    # By hand: 40 ms a frame, 38 of them for the dream; 80 ms * 0.61 squared is 30, at 0.72 it is 41.
    assert machine.reliefs[-1].height == 0.61
    assert machine.governor.notice == (
        "dreaming at 61% of the working height, with a map of the motion of 50%, to hold 25 fps"
    )
    assert len(set(machine.reliefs[200:])) == 1  # it stays


def test_dream_grows_again_when_the_machine_is_free() -> None:
    machine = Machine(full=0.08)
    machine.dream(300)
    machine.full = 0.02
    machine.dream(300)
    assert machine.reliefs[-1] == Relief()
    assert machine.governor.notice is None


def test_fewer_and_longer_steps_come_before_a_smaller_dream() -> None:
    machine = Machine(full=0.06, steps=3)
    machine.dream(500)
    # By hand: two of three steps take 40 ms, one 20; round(3 * 0.5) is 2.
    assert machine.reliefs[-1] == Relief(0.85, 0.5, 0.5)
    machine = Machine(full=0.07, steps=2)
    machine.dream(500)
    assert machine.reliefs[-1] == Relief(1.0, 0.5, 0.5)
    assert machine.governor.notice == ("dreaming in 1 of 2 steps, with a map of the motion of 50%, to hold 25 fps")


@pytest.mark.parametrize("full", [0.036, 0.039, 0.045, 0.05, 0.055])
def test_it_does_not_go_to_and_fro(full) -> None:
    machine = Machine(full)
    machine.dream(2000, octaves=(1.5, 0.9, 0.6))
    changes = sum(a != b for a, b in zip(machine.reliefs, machine.reliefs[1:], strict=False))
    assert changes <= 4


def test_steps_come_back_only_when_there_is_time_for_them() -> None:
    # By hand: one of two steps takes 25 of 40 ms; both would take 50, which is known without trying.
    machine = Machine(full=0.05, steps=2)
    machine.dream(1000)
    assert len(set(machine.reliefs[200:])) == 1


def test_one_late_frame_changes_nothing() -> None:
    machine = Machine(full=0.03)
    for _ in range(10):
        machine.dream(40)
        machine.governor.took(1.0)
    assert set(machine.reliefs) == {Relief()}


def test_a_machine_that_is_far_too_slow_gets_all_relief_there_is() -> None:
    machine = Machine(full=2.0)
    machine.dream(400)
    assert machine.reliefs[-1] == RELIEFS[-1]


@pytest.mark.parametrize(("camera", "wanted"), [(60, 25), (50, 25), (30, 30), (30, 24)])
def test_no_more_frames_are_dreamt_than_asked_for(camera, wanted) -> None:
    now = 0.0
    governor = Governor(Machine(0.01), Fraction(wanted), clock=lambda: now)
    begun = 0
    for number in range(camera * 20):
        now = number / camera
        begun += governor.due()
    assert begun / 20 == pytest.approx(wanted, rel=0.03)
