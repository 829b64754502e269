"""However a run ends: the right error, no thread left (tests/conftest.py looks), no hang."""

import threading
import time
import traceback
from typing import Any

import pytest

from livedream.errors import SinkError, SourceError
from livedream.pipeline import run
from livedream.steps import StepReport
from livedream.stills import StillFrames
from tests.pipeline.parts import Frames, Kept, Window, same, wait

BOTH = pytest.mark.parametrize("live", [False, True], ids=["offline", "live"])
ENDLESS = 10**9


class PartError(Exception):
    """Nothing that anybody else raises."""


def fail_here(*_):
    raise PartError("here")


def fails_at(index, error):
    def before(thing):
        if getattr(thing, "index", thing) == index:
            raise error

    return before


@BOTH
def test_a_failing_source(live):
    error = SourceError("the film is damaged")
    sinks = [Kept("a"), Kept("b", live=True)]
    with pytest.raises(SourceError) as caught:
        run(Frames(ENDLESS, live=live, before=fails_at(30, error)), same, sinks)
    assert caught.value is error
    for sink in sinks:
        assert not sink.ended
        assert sink.indices[-1] == 29  # what came before is written


@BOTH
def test_a_failing_dreamer(live):
    error = PartError("no more memory")
    dreamt: list[int] = []

    def dream(frame):
        if len(dreamt) == 5:
            raise error
        dreamt.append(frame.index)
        return frame

    sink, source = Kept(), Frames(ENDLESS, live=live)
    with pytest.raises(PartError) as caught:
        run(source, dream, [sink])
    assert caught.value is error
    assert sink.indices == dreamt
    assert not sink.ended


@pytest.mark.parametrize("kind", [Kept, Window])
def test_a_failing_sink(kind):
    """Of a live run: tests/pipeline/test_several.py."""
    error = SinkError("the disk is full")
    failing, other = kind(), Kept("other")
    failing.before = lambda frame: fail() if frame.index >= 7 else None

    def fail():
        raise error

    with pytest.raises(SinkError) as caught:
        run(Frames(ENDLESS), same, [failing, other])
    assert caught.value is error
    assert not failing.ended and not other.ended
    assert other.indices == sorted(set(other.indices))


@BOTH
@pytest.mark.parametrize("method", ["end", "idle"])
@pytest.mark.parametrize("kind", [Kept, Window])
def test_a_sink_that_fails_aside_of_writing(live, method, kind):
    failed = threading.Event()
    sink = kind()

    def fail():
        failed.set()
        raise PartError(method)

    setattr(sink, method, fail)
    source = Frames(2, live=live, before=lambda index: method == "end" or index == 0 or wait(failed))
    with pytest.raises(PartError, match=method):
        run(source, same, [sink])


@BOTH
def test_failing_while_all_queues_are_full(live):
    """The source and the dreamer are stuck at full boxes when the sink, at last, fails."""
    stuck = threading.Event()
    source = Frames(ENDLESS, live=live, before=lambda index: stuck.set() if index == 10 else None)

    def fail_late(frame):
        wait(stuck)
        raise PartError("late")

    with pytest.raises(PartError, match="late"):
        run(source, same, [Kept(before=fail_late)])


@BOTH
def test_failing_while_the_source_is_blocked(live):
    source = Frames(ENDLESS, live=live)
    source.before = lambda index: index == 0 or wait(source.closed)
    with pytest.raises(PartError):
        run(source, fail_here, [Kept()])
    assert source.closed.is_set()


@BOTH
def test_the_first_error_wins(live):
    """Closing the blocked source fails too; that is not what went wrong."""
    woken = threading.Event()

    class Stubborn(Frames):
        def close(self):
            woken.set()
            raise SourceError("closing failed")

    source = Stubborn(2, live=live, before=lambda index: index == 0 or wait(woken))
    with pytest.raises(PartError, match="here"):
        run(source, fail_here, [Kept()])


def test_a_source_that_fails_only_when_it_is_closed():
    woken = threading.Event()

    class Stubborn(Frames):
        def close(self):
            woken.set()
            raise SourceError("closing failed")

    source = Stubborn(2, live=True, before=lambda index: index == 0 or wait(woken))
    with pytest.raises(SourceError, match="closing failed"):
        run(source, same, [Window(1)])


def test_an_error_keeps_the_place_it_came_from():
    with pytest.raises(PartError) as caught:
        run(Frames(1), fail_here, [Kept()])
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fail_here"


@BOTH
@pytest.mark.parametrize("kind", [Kept, Window])
def test_an_interrupt_ends_the_run_and_what_was_dreamt_is_written(live, kind):
    dreamt: list[int] = []
    enough = threading.Event()

    def dream(frame):
        dreamt.append(frame.index)
        if len(dreamt) == 10:
            enough.set()
        return frame

    def interrupt(report):
        if enough.is_set():
            enough.clear()
            raise KeyboardInterrupt

    file, other = Kept("file"), kind()
    with pytest.raises(KeyboardInterrupt):
        run(Frames(ENDLESS, live=live), dream, [file, other], on_progress=interrupt)
    assert not file.ended
    assert file.indices[-1] == dreamt[-1]


def test_a_second_interrupt_gives_up_what_waits():
    """A slow file has one frame in hand and others waiting: the one is written, the others are not."""
    dreamt = threading.Semaphore(0)
    second = threading.Event()
    interrupts: list[Any] = []

    def dream(frame):
        dreamt.release()
        return frame

    def interrupt(report):
        if not interrupts:
            for _ in range(4):
                assert dreamt.acquire(timeout=5)
        elif len(interrupts) == 2:
            second.set()  # the boxes are empty: the file may go on
            return
        interrupts.append(report)
        raise KeyboardInterrupt

    file = Kept(before=lambda frame: wait(second))
    with pytest.raises(KeyboardInterrupt):
        run(Frames(ENDLESS), dream, [file], on_progress=interrupt)
    assert file.indices == [0]


@BOTH
def test_the_last_progress_tells_all_that_was_written(live):
    reports: list[Any] = []
    file = Kept()
    source = Frames(ENDLESS, live=live, before=fails_at(20, SourceError("the film is damaged")))
    with pytest.raises(SourceError):
        run(source, same, [file], on_progress=reports.append)
    assert reports[-1].sinks[0].written == len(file.frames)


class Patient:
    """Dreams a picture for seconds, unless what it calls after each step ends it."""

    on_step: Any = None
    steps = 0

    def __call__(self, pixels):
        for step in range(5000):
            self.steps = step
            self.on_step(StepReport("dreaming", step, 5000, share=step / 5000))
            time.sleep(0.001)
        return pixels


def test_a_picture_in_the_middle_is_given_up():
    def interrupt(report):
        if report.step is not None:
            raise KeyboardInterrupt

    dreamer, file = Patient(), Kept()
    with pytest.raises(KeyboardInterrupt):
        run(Frames(3, stills=True), StillFrames(dreamer), [file], on_progress=interrupt)
    assert file.indices == []
    assert dreamer.steps < 4999
    assert dreamer.on_step is None


def test_a_picture_is_at_its_last_step_until_it_is_dreamt():
    """Laying the dream over a large picture takes seconds."""
    seen = threading.Event()

    class Laying:
        on_step: Any = None

        def __call__(self, pixels):
            self.on_step(StepReport("dreaming", 4, 4, share=1.0))
            wait(seen)
            return pixels

    def on_progress(report):
        reports.append(report)
        if report.step is not None and report.step.share == 1:
            seen.set()

    reports: list[Any] = []
    run(Frames(1, stills=True), StillFrames(Laying()), [Kept()], on_progress=on_progress)
    assert seen.is_set()
    assert (reports[-1].dreamt, reports[-1].step) == (1, None)
