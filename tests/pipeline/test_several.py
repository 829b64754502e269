"""Several sinks of one live run: what one of them does is nothing to the others."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from livedream.errors import SinkError
from livedream.pipeline import Changes, Report, run
from tests.pipeline.parts import Frames, Kept, Window, same, wait

ENDLESS = 10**9


class PartError(Exception):
    """Nothing that anybody else raises."""


def fails_from(index: int, error: Exception) -> Callable[..., None]:
    def before(frame) -> None:
        if frame.index >= index:
            raise error

    return before


def until(condition: Callable[[Report], bool]) -> Callable[[Report], None]:
    """For on_progress: end the run once it has come to that."""

    def on_progress(report: Report) -> None:
        if condition(report):
            raise KeyboardInterrupt

    return on_progress


@pytest.mark.parametrize("kind", [Kept, Window])
@pytest.mark.parametrize("error", [SinkError("out.mp4: no room"), PartError("bug")], ids=["55-known", "55-unknown"])
def test_one_that_fails_leaves_the_run_and_that_is_said(kind, error, caplog):
    failing, other = kind(), Kept("other", live=True)
    failing.before = fails_from(7, error)
    enough = threading.Event()
    other.before = lambda frame: enough.set() if frame.index > 200 else None
    source = Frames(ENDLESS, live=True, before=lambda index: time.sleep(0.001))
    reports: list[Report] = []

    def on_progress(report):
        reports.append(report)
        if enough.is_set() and report.sinks[0].fault:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, same, [failing, other], on_progress=on_progress)
    text = (
        "out.mp4: no room" if isinstance(error, SinkError) else f"{failing.name} failed: internal error: PartError: bug"
    )
    assert reports[-1].sinks[0].fault == text
    assert reports[-1].sinks[1].fault is None
    assert reports[-1].notices == (text,)
    (record,) = [record for record in caplog.records if record.name == "livedream.pipeline.sink_group"]
    assert record.getMessage() == f"{text}; the run continues without it"
    assert bool(record.exc_info) == isinstance(error, PartError)
    assert other.indices[-1] > 200
    assert other.closed
    assert failing.closed == (kind is Kept)  # a window belongs to the main thread


@pytest.mark.parametrize("method", ["end", "idle", "close"])
def test_one_that_fails_aside_of_writing(method):
    failing, other = Kept("failing"), Kept("other")
    failed = threading.Event()

    def fail():
        failed.set()
        raise SinkError(method)

    setattr(failing, method, fail)
    source = Frames(3, live=True, before=lambda index: index == 0 or method != "idle" or wait(failed))
    report = run(source, same, [failing, other])
    assert report.sinks[0].fault == method
    assert other.ended and other.closed


def test_the_last_one_that_fails_ends_the_run():
    first, last = Kept("first"), Kept("last")
    first.before, last.before = fails_from(3, SinkError("first")), fails_from(10**4, SinkError("last"))
    with pytest.raises(SinkError, match="last"):
        run(Frames(ENDLESS, live=True), same, [first, last])


def test_one_that_closed_as_it_should_is_none_that_is_left():
    """A picture is taken, then the only other sink fails."""

    class Picture(Kept):
        finished = property(lambda self: len(self.frames) == 1)

    picture, other = Picture("picture"), Kept("other")
    other.before = lambda frame: wait(taken) or fails_from(0, SinkError("gone"))(frame)
    taken = threading.Event()
    picture.close = taken.set  # type: ignore[method-assign]  # its last act
    with pytest.raises(SinkError, match="gone"):
        run(Frames(ENDLESS, live=True), same, [picture, other])


@pytest.fixture
def blocked():
    """A sink that takes one frame and never comes back from it; its thread is let go after the test."""
    release = threading.Event()
    sink = Kept("stuck", before=lambda frame: release.wait())
    yield sink
    release.set()
    for thread in threading.enumerate():
        if thread.name == "livedream-sink-stuck":
            thread.join(10)


def rates_of(sinks, frames=90, fps=60):
    """The frames per second at which each of `sinks` got `frames` of a camera of `fps`, by the clock."""
    began = time.perf_counter()
    times: dict[str, list[float]] = {sink.name: [] for sink in sinks}
    for sink in sinks:
        before = sink.before
        sink.before = lambda frame, name=sink.name, before=before: (
            times[name].append(time.perf_counter()),
            before(frame),
        )

    def camera(index):
        time.sleep(max(0.0, began + index / fps - time.perf_counter()))

    report = run(Frames(frames, live=True, before=camera), same, sinks)
    return report, {name: (len(t) - 1) / (t[-1] - t[0]) for name, t in times.items() if len(t) > 1}


def test_one_that_blocks_for_ever_slows_nobody_and_does_not_hang_the_end(blocked, monkeypatch):
    """Must hold: the other two keep their rate within 5 %."""
    monkeypatch.setattr("livedream.pipeline.policies.LivePolicy.end_seconds", 0.3)
    _, alone = rates_of([Kept("window", live=True), Kept("file")])
    report, rates = rates_of([Kept("window", live=True), blocked, Kept("file")])
    for name in ("window", "file"):
        assert rates[name] == pytest.approx(alone[name], rel=0.05)
        assert rates[name] == pytest.approx(60, rel=0.05)
    assert report.sinks[1].written == 0
    # One in its hand, those that wait; on a busy machine some are lost before they are dreamt.
    assert report.sinks[1].dropped == report.dreamt - 1 - 16
    assert report.sinks[1].fault == "stuck hangs and was given up"
    assert blocked.given_up
    assert not blocked.closed


def test_a_blocked_one_is_told_of(blocked, monkeypatch):
    monkeypatch.setattr("livedream.pipeline.sink_worker.STUCK_SECONDS", 0.1)
    monkeypatch.setattr("livedream.pipeline.policies.LivePolicy.end_seconds", 0.2)
    source = Frames(ENDLESS, live=True, before=lambda index: time.sleep(0.001))
    with pytest.raises(KeyboardInterrupt):
        run(source, same, [blocked, Kept("other")], on_progress=until(lambda report: bool(report.notices)))


def test_who_leaves_the_block_of_a_given_up_sink_does_not_wait_for_it(blocked, monkeypatch):
    monkeypatch.setattr("livedream.pipeline.policies.LivePolicy.end_seconds", 0.1)
    with blocked, Kept("other") as other:
        run(Frames(20, live=True), same, [blocked, other])
    assert not blocked.closed


def test_asked_twice_a_film_does_not_wait_either(blocked, monkeypatch):
    monkeypatch.setattr(sys.modules["livedream.pipeline.run"], "QUICK_SECONDS", 0.1)  # not the function of that name
    interrupts: list[Any] = []

    def on_progress(report):
        if report.dreamt and len(interrupts) < 2:
            interrupts.append(report)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Frames(100), same, [blocked], on_progress=on_progress)
    assert blocked.given_up


def test_what_sources_and_sinks_notice_is_told():
    class Noticing(Kept):
        notice = "no connection, try 3"

    source = Frames(1, live=True)
    source.notice = "camera lost, reconnecting (try 2)"
    report = run(source, same, [Noticing()])
    assert report.notices == ("camera lost, reconnecting (try 2)", "no connection, try 3")


def test_30_a_window_that_stands_still_leaves_the_recording_alone():
    """Somebody drags it: its event loop hangs from its first frame until the recording has 50."""
    enough = threading.Event()
    recording = Kept("recording", before=lambda frame: enough.set() if frame.index == 50 else None)
    window = Window()
    window.before = lambda frame: wait(enough)
    written = threading.Semaphore(1)
    before = recording.before
    recording.before = lambda frame: (before(frame), written.release())
    source = Frames(60, live=True, before=lambda index: written.acquire(timeout=5))
    report = run(source, same, [window, recording])
    assert recording.indices == list(range(60))
    assert report.sinks[1].dropped == 0


# Sinks that come and go ----------------------------------------------------------------------------------------------


def test_57_one_that_joins_gets_what_is_dreamt_from_then_on():
    changes, late, first = Changes(), Kept("late"), Kept("first", live=True)
    joined, enough = threading.Event(), threading.Event()
    late.before = lambda frame: (joined.set(), enough.set() if len(late.frames) >= 20 else None)
    asked_at, dreamt = list[Any](), list[Any]()

    def dream(frame):
        dreamt.append(frame.index)
        return frame

    def on_progress(report):
        if report.dreamt > 50 and not asked_at:
            asked_at.append(first.indices[-1])
            changes.add_sink(late)
        if enough.is_set():
            raise KeyboardInterrupt

    source = Frames(ENDLESS, live=True, before=lambda index: time.sleep(0.001))
    with pytest.raises(KeyboardInterrupt):
        run(source, dream, [first], on_progress=on_progress, changes=changes)
    assert late.indices[0] > asked_at[0]  # nothing stale
    assert late.indices == [index for index in dreamt if index >= late.indices[0]]
    assert late.closed


def test_one_that_leaves_has_all_until_then_and_is_closed():
    changes, recording, first = Changes(), Kept("recording"), Kept("first", live=True)
    left = threading.Event()
    close = recording.close
    recording.close = lambda: (close(), left.set())  # type: ignore[method-assign, assignment]
    after: list[Any] = []

    def on_progress(report):
        if report.dreamt > 50 and not after:
            after.append(report.dreamt)
            changes.remove_sink(recording)
        if left.is_set():
            after.append(report.dreamt)
            if report.dreamt > after[1] + 20:
                raise KeyboardInterrupt

    source = Frames(ENDLESS, live=True, before=lambda index: time.sleep(0.001))
    with pytest.raises(KeyboardInterrupt):
        run(source, same, [first, recording], on_progress=on_progress, changes=changes)
    assert recording.ended and recording.closed
    assert len(recording.frames) > 50
    assert first.indices[-1] > recording.indices[-1]


def test_one_that_joins_and_leaves_in_a_film_too():
    """Offline nothing is lost: it has every frame from its first to its last."""
    changes, late = Changes(), Kept("late")
    gone, asked = threading.Event(), list[Any]()
    close = late.close
    late.close = lambda: (close(), gone.set())  # type: ignore[method-assign, assignment]

    def on_progress(report):
        if report.dreamt > 5 and not asked:
            asked.append(changes.add_sink(late))
        if len(late.frames) > 10:
            changes.remove_sink(late)
        if gone.is_set():
            raise KeyboardInterrupt

    source = Frames(ENDLESS, before=lambda index: time.sleep(0.001))
    reports = []
    with pytest.raises(KeyboardInterrupt):
        run(source, same, [Kept("all")], on_progress=lambda r: (reports.append(r), on_progress(r)), changes=changes)
    assert late.indices == list(range(late.indices[0], late.indices[-1] + 1))
    assert [sink.name for sink in reports[-1].sinks] == ["all", "late"]
    assert late.ended and late.closed


def test_one_that_comes_too_late_is_closed():
    changes, late = Changes(), Kept("late")
    source = Frames(1, live=True)

    class Last(Kept):
        def end(self):
            changes.add_sink(late)

    run(source, same, [Last()], changes=changes)
    assert late.closed and not late.frames


def test_a_window_cannot_join():
    with pytest.raises(ValueError, match="window cannot join a run"):
        Changes().add_sink(Window())
