"""Words about a run, compared with lines written by hand."""

import dataclasses
import io
import sys
from fractions import Fraction

import pytest

from livedream.cli import progress
from livedream.cli.progress import Progress, duration, file_status, live_status
from livedream.pipeline import Report, SinkReport
from tests.pipeline.parts import Frames

WINDOW = SinkReport("window", written=209, dropped=0, fps=24.9, age=(0.0412, 0.0561))
FILE = SinkReport("out.mp4", written=200, dropped=9, fps=24.0, age=(0.1, 0.2))
REPORT = Report(
    seconds=10.0, captured=215, dreamt=212, dropped=3, captured_fps=30.0, dreamt_fps=24.94, sinks=(WINDOW, FILE)
)


def test_a_live_run():
    alone = dataclasses.replace(REPORT, sinks=(WINDOW,))
    assert live_status(alone) == "212 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped"
    assert live_status(REPORT) == (
        "212 frames, 24.9 fps, age 100 ms (p95 200 ms), 3 dropped, 9 more on the way to out.mp4"
    )


def test_a_live_run_that_leaves_frames_out():
    held = dataclasses.replace(REPORT, skipped=212)
    assert live_status(held).endswith("3 dropped, 212 left out to hold the rate, 9 more on the way to out.mp4")


def test_a_live_run_before_its_first_frame():
    sinks = (SinkReport("window", written=0, dropped=0, fps=0.0, age=None),)
    report = Report(seconds=0.1, captured=0, dreamt=0, dropped=0, captured_fps=0.0, dreamt_fps=0.0, sinks=sinks)
    assert live_status(report) == "0 frames, 0.0 fps, 0 dropped"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (300, "212 of 300 frames, 24.9 fps, 4 s left"),
        (3000, "212 of 3000 frames, 24.9 fps, 1:52 left"),
        (212, "212 of 212 frames, 24.9 fps"),
        (100, "212 frames, 24.9 fps"),  # the header was wrong
        (None, "212 frames, 24.9 fps"),
    ],
)
def test_a_film(length, text):
    assert file_status(REPORT, length) == text


def test_durations():
    assert [duration(seconds) for seconds in (0.4, 59.4, 59.6, 200, 3725)] == ["0 s", "59 s", "1:00", "3:20", "1:02:05"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_that_is_gone_in_the_end(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    source = Frames(300)
    source.length = 300
    with Progress(source) as shown:
        shown(REPORT)
    assert "212 of 300 frames" in terminal.getvalue()
    assert "━" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # erase the line


def test_elsewhere_a_line_comes_every_few_seconds(monkeypatch, capsys):
    seconds = iter([0.0, 1.0, 5.0, 5.0, 9.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with Progress(Frames(300, live=True)) as shown:
        for dreamt in (1, 2, 3, 4):
            shown(dataclasses.replace(REPORT, dreamt=dreamt, sinks=(WINDOW,)))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped",
        "4 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped",
    ]


def test_the_fraction_of_a_rate_is_told():
    from livedream.cli.dreaming import describe

    source = Frames(1)
    source.rate = Fraction(30000, 1001)
    assert describe(source) == "frames 3x2, 29.97 fps"
