"""A source that does not wait: the newest frame, and the delay does not grow."""

import threading

from livedream.pipeline import run
from livedream.pipeline.policies import RECORDING_DEPTH
from tests.pipeline.parts import Frames, Kept, Window, same, wait


def test_a_slow_dreamer_gets_the_newest_frame():
    """While frame 0 is dreamt the camera goes on to frame 20; then the newest comes, not the second."""
    captured, dreaming = threading.Event(), threading.Event()

    def camera(index):
        if index == 1:
            wait(dreaming)  # the dreamer has frame 0
        if index == 21:
            captured.set()

    def dream(frame):
        if frame.index == 0:
            dreaming.set()
            wait(captured)
        return frame

    sink = Kept()
    report = run(Frames(22, live=True, before=camera), dream, [sink])
    assert sink.indices[0] == 0
    assert sink.indices[1] in (20, 21)
    assert sink.indices[-1] == 21
    assert report.captured == 22
    assert report.dropped == 22 - report.dreamt
    assert report.dreamt == len(sink.indices)


def test_frames_keep_their_order():
    sink = Kept()
    run(Frames(2000, live=True), same, [sink])
    assert sink.indices == sorted(set(sink.indices))
    assert sink.indices[-1] == 1999
    assert sink.ended


def test_a_slow_sink_does_not_slow_the_dream():
    """The slow sink has its first frame in hand until all frames have been dreamt and seen elsewhere."""
    seen = threading.Event()
    taken = threading.Semaphore(0)
    fast = Kept("fast", live=True, before=lambda frame: (taken.release(), seen.set() if frame.index == 99 else None))
    display = Kept("display", live=True, before=lambda frame: wait(seen))
    recording = Kept("recording", before=lambda frame: wait(seen))
    source = Frames(100, live=True, before=lambda index: index == 0 or taken.acquire(timeout=5))
    report = run(source, same, [display, recording, fast])  # in this order they get each frame

    assert fast.indices == list(range(100))
    assert report.dreamt == 100
    assert display.indices in ([0, 99], [99])  # the newest, once it had time
    assert recording.indices[-RECORDING_DEPTH:] == list(range(100 - RECORDING_DEPTH, 100))
    assert report.sinks[0].dropped == 100 - len(display.indices)
    assert report.sinks[1].dropped == 100 - len(recording.indices)


def test_a_closed_window_ends_the_run_and_what_was_dreamt_is_written():
    file, window = Kept("file"), Window(3)
    dreamt = []

    def dream(frame):
        dreamt.append(frame.index)
        return frame

    source = Frames(10**9, live=True)
    report = run(source, dream, [file, window])
    assert len(window.frames) == 3
    assert not file.ended  # the source did not
    assert file.indices[-1] == dreamt[-1]
    assert report.sinks[0].written + report.sinks[0].dropped == len(dreamt)


def test_a_picture_taken_does_not_end_the_run():
    class Picture(Kept):
        finished = property(lambda self: len(self.frames) == 1)

    picture, display = Picture("picture"), Kept("display", live=True)
    run(Frames(50, live=True), same, [picture, display])
    assert len(picture.frames) == 1
    assert display.indices[-1] == 49
    assert display.ended


def test_a_picture_alone_ends_the_run():
    class Picture(Kept):
        finished = property(lambda self: len(self.frames) == 1)

    picture = Picture("picture")
    run(Frames(10**9, live=True), same, [picture])
    assert len(picture.frames) == 1


def test_a_source_that_waits_for_a_frame_is_woken():
    """The camera delivers one frame and then nothing, until it is closed."""
    source = Frames(2, live=True)
    source.before = lambda index: index == 0 or wait(source.closed)
    window = Window(1)
    run(source, same, [window])
    assert source.closed.is_set()
    assert source.given == 1


def test_a_sink_idles_while_no_frame_comes():
    window, file = Window(), Kept("file")
    source = Frames(2, live=True, before=lambda index: index == 0 or (wait(window.idled), wait(file.idled)))
    run(source, same, [window, file])
    assert window.indices == file.indices == [0, 1]


def test_the_age_at_a_sink_is_told():
    reports = []
    sink = Kept(live=True)
    source = Frames(2, live=True, before=lambda index: index == 0 or wait(told))
    told = threading.Event()

    def on_progress(report):
        reports.append(report)
        if report.sinks[0].written:
            told.set()

    run(source, same, [sink], on_progress=on_progress)
    first = next(report for report in reports if report.sinks[0].written)
    assert first.captured == first.dreamt == 1
    assert 0 < first.sinks[0].age[0] <= first.sinks[0].age[1] < 5
