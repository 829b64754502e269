"""The three steps of a dreamer: side by side, in order, and the youngest frame."""

import threading
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction

import numpy as np
import pytest
from skimage import data

from livedream import Dreamer, DreamSettings, Frame
from livedream.pipeline import run
from tests.pipeline.parts import SECONDS, Frames, Kept, wait


class Three:
    """A dreamer whose steps do nothing but what a test wants to see."""

    def __init__(self, **steps) -> None:
        self.steps = steps
        self.stages: dict[str, float] = {}
        self.effort = 1.0
        self.lookahead = 1
        self.notice: str | None = None
        self.seen: dict[str, list[int]] = {"look": [], "dream": [], "compose": []}

    def _do(self, step: str, frame: Frame) -> Frame:
        self.seen[step].append(frame.index)
        self.steps.get(step, lambda frame: None)(frame)
        return frame

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def analyze(self, frame: Frame) -> Frame:
        return self._do("look", frame)

    def dream(self, sight: Frame) -> Frame:
        return self._do("dream", sight)

    def compose(self, dreamt: Frame) -> Frame:
        return self._do("compose", dreamt)


def test_three_frames_are_at_work_at_once_and_come_out_in_order() -> None:
    """Each step waits for the two others, with the frames before and after: one after the other, none would end."""
    meeting = threading.Barrier(3)
    count = 20

    def meet(first: int, last: int):
        return lambda frame: meeting.wait(SECONDS) if first <= frame.index < last else None

    # Frame 2 is looked at while 1 is dreamt and 0 is composed, and so on.
    dreamer = Three(look=meet(2, count), dream=meet(1, count - 1), compose=meet(0, count - 2))
    sink = Kept()
    run(Frames(count), dreamer, [sink])
    assert sink.indices == list(range(count))
    assert all(seen == list(range(count)) for seen in dreamer.seen.values())


def test_frame_that_waits_is_the_newest() -> None:
    """While one frame is dreamt another is looked at, late: what came meanwhile is dropped, what waits is young."""
    dreaming, all_there = threading.Event(), threading.Event()

    def dream(frame: Frame) -> None:
        if frame.index == 5:
            dreaming.set()
            wait(all_there)

    def camera(index: int) -> None:
        if index == 6:
            wait(dreaming)

    dreamer = Three(dream=dream)
    source, sink = Frames(200, live=True, before=camera), Kept()
    thread = threading.Thread(target=lambda: (wait(dreaming), _until(lambda: source.given == 200), all_there.set()))
    thread.start()
    report = run(source, dreamer, [sink])
    thread.join(SECONDS)
    after = dreamer.seen["dream"][dreamer.seen["dream"].index(5) + 1 :]
    # One may have been looked at when the dreaming of frame 5 began; all others but the last are gone.
    assert len(after) <= 2 and after[-1] == 199
    assert report.captured == 200 == report.dreamt + report.dropped


def _until(condition) -> None:
    pause = threading.Event()
    for _ in range(int(SECONDS * 1000)):
        if condition():
            return
        pause.wait(0.001)


def test_what_waits_while_another_is_dreamt_is_taken_late() -> None:
    """A camera of 1000 frames a second, and 40 ms a dream: taken at once, each would be 40 frames old when dreamt."""
    pause = threading.Event()
    lags: list[int] = []

    def dream(frame: Frame) -> None:
        lags.append(source.given - frame.index)
        pause.wait(0.04)

    source = Frames(1500, live=True, before=lambda index: pause.wait(0.001))
    run(source, Three(dream=dream), [Kept()])
    # The time that a dream takes is learnt in the first ten.
    assert sorted(lags[10:])[len(lags[10:]) // 2] < 15


def test_what_the_dreamer_has_to_say_is_in_the_report() -> None:
    dreamer = Three()
    dreamer.notice = "no memory for more"
    assert run(Frames(1), dreamer, [Kept()]).notices == ("no memory for more",)


@pytest.mark.parametrize("step", ["look", "dream", "compose"])
@pytest.mark.parametrize("live", [True, False])
def test_an_error_in_any_step_ends_the_run_and_is_raised(step: str, live: bool) -> None:
    def fail(frame: Frame) -> None:
        if frame.index == 3:
            raise ZeroDivisionError(step)

    given = threading.Semaphore(1)
    sink = Kept(before=lambda frame: given.release())
    # A source that would wait for ever after the frame that fails is closed by the run.
    source = Frames(10**6, live=live, before=lambda index: given.acquire(timeout=0.5))
    with pytest.raises(ZeroDivisionError, match=step):
        run(source, Three(**{step: fail}), [sink])
    assert sink.indices == [0, 1, 2]


def test_the_dream_is_the_same_as_of_one_step_after_the_other() -> None:
    photo = np.ascontiguousarray(data.chelsea()[:240:2, :320:2])
    frames = [Frame(photo[10:82, 2 * n : 2 * n + 96].copy(), Fraction(n, 25), n) for n in range(8)]
    settings = DreamSettings(working_height=64, layers="fire5", jitter=8)
    dreamer = Dreamer(settings)
    expected = [dreamer(frame).pixels for frame in frames]

    class Pan(Frames):
        size = (96, 72)

        def __iter__(self):
            yield from frames

    sink = Kept()
    run(Pan(8), Dreamer(settings), [sink])
    assert all(np.array_equal(a.pixels, b) for a, b in zip(sink.frames, expected, strict=True))
