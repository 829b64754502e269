"""Words about a run, compared with lines written by hand."""

import dataclasses
import io
import sys
import time
from fractions import Fraction

import pytest

from livedream.cli import console, status_line
from livedream.cli.progress import Progress, duration, live_status, step_status, stills_status, video_status
from livedream.cli.tasks.reporting import conclusion
from livedream.cli.time_left import TimeLeft
from livedream.pipeline import Report, SinkReport
from livedream.steps import StepReport
from tests.pipeline.parts import Frames

WINDOW = SinkReport("window", written=209, dropped=0, fps=24.9, age=(0.0412, 0.0561))
FILE = SinkReport("out.mp4", written=200, dropped=9, fps=24.0, age=(0.1, 0.2))
REPORT = Report(
    seconds=10.0, captured=215, dreamt=212, dropped=3, captured_fps=30.0, dreamt_fps=24.94, sinks=(WINDOW, FILE)
)
STEP = StepReport("dreaming", 14, 60, share=0.1)


def test_a_live_run():
    alone = dataclasses.replace(REPORT, sinks=(WINDOW,))
    assert live_status(alone) == "212 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped"
    assert live_status(REPORT) == ("212 frames, 24.9 fps, age 100 ms (p95 200 ms), 3 dropped, 9 missed by out.mp4")


def test_a_live_run_that_leaves_frames_out():
    held = dataclasses.replace(REPORT, skipped=212)
    assert live_status(held).endswith("3 dropped, 212 left out to hold the rate, 9 missed by out.mp4")


def test_a_live_run_before_its_first_frame():
    sinks = (SinkReport("window", written=0, dropped=0, fps=0.0, age=None),)
    report = Report(seconds=0.1, captured=0, dreamt=0, dropped=0, captured_fps=0.0, dreamt_fps=0.0, sinks=sinks)
    assert live_status(report) == "0 frames, 0.0 fps, 0 dropped"


@pytest.mark.parametrize(
    ("length", "left", "text"),
    [
        (300, 3.6, "212 of 300 frames, 24.9 fps, 4 s left"),
        (3000, 112.0, "212 of 3000 frames, 24.9 fps, 1:52 left"),
        (3000, None, "212 of 3000 frames, 24.9 fps"),  # nobody knows yet
        (212, 0.0, "212 of 212 frames, 24.9 fps"),
        (100, 0.0, "212 frames, 24.9 fps"),  # the header was wrong
        (None, None, "212 frames, 24.9 fps"),
    ],
)
def test_a_film(length, left, text):
    assert video_status(REPORT, length, left) == text


def stills(written: int, dreamt: int, captured: int, step: StepReport | None = None) -> Report:
    sinks = (SinkReport("out/", written=written, dropped=0, fps=0.0, age=None),)
    return dataclasses.replace(REPORT, captured=captured, dreamt=dreamt, sinks=sinks, step=step)


@pytest.mark.parametrize(
    ("report", "length", "left", "text"),
    [
        (stills(0, 0, 0), 1, None, "reading in"),
        (stills(0, 0, 1), 1, None, "starting"),
        (stills(0, 0, 1, STEP), 1, 8.2, "step 14 of 60, 8 s left"),
        (stills(2, 2, 3, STEP), 12, 80.0, "picture 3 of 12, step 14 of 60, 1:20 left"),
        (stills(11, 12, 12), 12, 0.0, "writing out/"),
        (stills(12, 12, 12), 12, 0.0, "finishing"),
    ],
)
def test_pictures(report, length, left, text):
    assert stills_status(report, length, left, "in") == text


def test_steps():
    assert step_status(STEP, 8.2) == "step 14 of 60, 8 s left"
    assert step_status(StepReport("", 12.34, 528.0, "MB"), None) == "12.3 of 528.0 MB"
    assert step_status(StepReport("", 2, 4, "frames"), 1.0) == "2 of 4 frames, 1 s left"


def test_durations():
    assert [duration(seconds) for seconds in (0.4, 59.4, 59.6, 200, 3725)] == ["0 s", "59 s", "1:00", "3:20", "1:02:05"]


def test_the_time_left_is_that_of_the_work_and_counts_down_between_steps():
    now = 100.0
    left = TimeLeft(lambda: now)
    assert left(0.0) is None
    now = 100.5
    assert left(0.05) is None  # half a second says nothing
    now = 102.0
    assert left(0.2) == pytest.approx(8.0)  # a tenth a second
    now = 105.0
    assert left(0.2) == pytest.approx(5.0)
    now = 120.0
    assert left(0.2) == 0.0  # later than expected, and no less than nothing
    assert left(1.0) is None  # it is done
    now = 121.0
    assert left(0.1) is None  # another picture


def test_the_time_left_follows_a_machine_that_becomes_slower():
    now = 0.0
    left = TimeLeft(lambda: now)
    for second in range(11):  # 2 % a second
        now = float(second)
        left(0.02 * second)
    for second in range(60):  # then 1 %
        now = 10.0 + second
        found = left(0.2 + 0.01 * second)
    assert found == pytest.approx(100 * (1 - 0.79), rel=0.01)


PICTURES, LIVE, FILM = Frames(12), Frames(12, live=True), Frames(12)
PICTURES.stills = True


@pytest.mark.parametrize(
    ("source", "dreamt", "seconds", "text"),
    [
        (PICTURES, 1, 2.14, "dreamt 1 picture in 2.1 s"),
        (PICTURES, 12, 30.2, "dreamt 12 pictures in 30.2 s, 2.5 s each"),
        (PICTURES, 12, 0.5, "dreamt 12 pictures in 0.5 s, 0.04 s each"),
        (PICTURES, 12, 200.0, "dreamt 12 pictures in 3:20, 16.7 s each"),
        (FILM, 1, 0.034, "dreamt 1 frame in 0.03 s"),
        (FILM, 132, 5.3, "dreamt 132 frames in 5.3 s, 24.9 fps"),
        (LIVE, 132, 5.3, "dreamt 132 frames in 5.3 s, 24.9 fps, 3 dropped"),
    ],
)
def test_the_conclusion(source, dreamt, seconds, text):
    sink = SinkReport("out.mp4", written=dreamt, dropped=0, fps=0.0, age=None)
    report = dataclasses.replace(REPORT, dreamt=dreamt, sinks=(sink,))
    assert conclusion(report, source, ["out.mp4"], seconds=seconds) == f"{text}; written: out.mp4"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_that_is_gone_in_the_end(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    source = Frames(300)
    source.length = 300
    with Progress(source) as shown:
        shown(dataclasses.replace(REPORT, notices=("dreaming at working height 96 instead of 256, to hold 25 fps",)))
    first, second = terminal.getvalue().split("\n")[:2]
    assert "212 of 300 frames" in first
    # At the end of the first line it would be cut off.
    assert "dreaming at working height 96 instead of 256, to hold 25 fps" in second
    assert "━" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # erase the line


def test_elsewhere_a_line_comes_after_five_seconds_without_any(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(status_line, "PLAIN_SECONDS", 5.0)
    console.say("begins")
    with Progress(Frames(300, live=True)) as shown:
        for now in (1.0, 4.9, 5.1, 9.0, 10.2):
            shown(dataclasses.replace(REPORT, dreamt=int(now), sinks=(WINDOW,), notices=("camera lost",)))
    out, err = capsys.readouterr()
    assert out == "begins\n"
    assert err.splitlines() == [
        "5 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped; camera lost",
        "10 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped; camera lost",
    ]


def test_the_fraction_of_a_rate_is_told():
    from livedream.cli.tasks.reporting import describe

    source = Frames(1)
    source.rate = Fraction(30000, 1001)
    assert describe(source) == "frames 3x2, 29.97 fps"
