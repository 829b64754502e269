"""A source that waits: every frame, in order, once."""

import threading

import numpy as np
import pytest

from livedream.pipeline import run
from livedream.pipeline.policies import DEPTH
from livedream.stills import StillFrames
from tests.pipeline.parts import Frames, Kept, Window, same, wait


def test_every_frame_arrives_once_in_order_and_then_the_end():
    source, sinks = Frames(100), [Kept("a"), Kept("b")]
    report = run(source, same, sinks)
    for sink in sinks:
        assert sink.indices == list(range(100))
        assert sink.ended and not sink.closed  # closing is the caller's
    assert (report.captured, report.dreamt, report.dropped) == (100, 100, 0)
    assert [(sink.written, sink.dropped) for sink in report.sinks] == [(100, 0), (100, 0)]
    assert not source.closed.is_set()


def test_each_part_has_a_named_thread():
    names = []

    def dream(frame):
        names.append(threading.current_thread().name)
        return frame

    source = Frames(3, before=lambda index: names.append(threading.current_thread().name))
    sink, window = Kept("file"), Window()
    run(source, dream, [sink, window])
    assert set(names) == {"livedream-capture", "livedream-dream"}
    assert sink.threads == {"livedream-sink-file"}
    assert window.threads == {threading.current_thread().name}


def test_a_slow_sink_holds_the_source_back():
    """The sink starts when the source has come as far as it can, and the source never gets further ahead."""
    # One frame in the hand of the source, who looks, who dreams, who composes and the sink each, two full boxes at the
    # ends, and two of one frame each between the steps of the dreamer.
    most = DEPTH * 2 + 2 + 5
    ahead = []
    full = threading.Event()

    def before(index):
        ahead.append(index + 1 - len(sink.frames))
        if ahead[-1] == most:
            full.set()

    source, sink = Frames(200, before=before), Kept(before=lambda frame: wait(full))
    run(source, same, [sink])
    assert sink.indices == list(range(200))
    assert max(ahead) == most


def test_a_window_does_not_slow_a_film_down():
    """The window is stuck on its first frame until the file is complete."""
    complete = threading.Event()
    file = Kept("file", before=lambda frame: complete.set() if frame.index == 199 else None)
    window = Window()
    window.before = lambda frame: wait(complete)
    report = run(Frames(200), same, [file, window])
    assert file.indices == list(range(200))
    assert window.indices[-1] == 199
    assert len(window.indices) < 200
    assert report.sinks[1].dropped == 200 - len(window.indices)


def test_a_closed_window_leaves_the_film_to_the_file():
    file, window = Kept("file"), Window(2)
    report = run(Frames(100), same, [file, window])
    assert file.indices == list(range(100))
    assert file.ended
    assert len(window.frames) == 2
    assert not window.ended
    assert report.dreamt == 100


def test_a_closed_window_alone_ends_the_run():
    closed = threading.Event()

    class Closing(Window):
        def write(self, frame):
            super().write(frame)
            closed.set()

    def before(index):  # the film is endless, as far as this test goes
        if index > 50:
            wait(closed)

    window = Closing(1)
    report = run(Frames(10**6, before=before), same, [window])
    assert len(window.frames) == 1
    assert report.dreamt < 1000


def test_pictures_are_dreamt_one_by_one():
    def dream(picture):
        assert isinstance(picture, np.ndarray)
        return 255 - picture

    sink = Kept()
    run(Frames(3, stills=True), StillFrames(dream), [sink])
    assert [int(frame.pixels[0, 0, 0]) for frame in sink.frames] == [255, 254, 253]
    assert [float(frame.time) for frame in sink.frames] == [0, 0.1, 0.2]


def test_a_source_without_frames_ends_every_sink():
    sink = Kept()
    report = run(Frames(0), same, [sink])
    assert sink.ended
    assert report.dreamt == 0


def test_a_run_without_sinks_is_a_mistake():
    with pytest.raises(ValueError, match="at least one sink"):
        run(Frames(1), same, [])
