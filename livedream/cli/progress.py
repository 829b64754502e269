"""The progress of a run, as text for the status line."""

import dataclasses
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from livedream.cli.status_line import StatusLine
from livedream.cli.time_left import TimeLeft
from livedream.steps import StepReport

if TYPE_CHECKING:
    from livedream.pipeline import Report


class Dreamt(Protocol):
    """What the progress shows of a source, or of a part of one; see `Source`."""

    name: str
    live: bool
    stills: bool
    length: int | None


class Progress:
    """Shows the reports of a run in a StatusLine, inside a `with` block.

    Args:
        source: the source of the run.
        of_all: returns the progress of all sources of a batch, given the share of this one that is done, 0 to 1.
        first: the number of the frame with which the run begins; those before it count as dreamt.
    """

    def __init__(self, source: Dreamt, of_all: Callable[[float], str] | None = None, *, first: int = 0) -> None:
        self._of_all = of_all
        self._live, self._stills, self._name = source.live, source.stills, source.name
        self._length, self._first = source.length, first
        self._time_left = TimeLeft()
        self._line = StatusLine()

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.__exit__(kind, error, trace)

    def __call__(self, report: "Report") -> None:
        report = dataclasses.replace(report, dreamt=self._first + report.dreamt)
        share = None if self._live else share_done(report, self._length)
        left = None if share is None else self._time_left(share)
        if self._live:
            text = live_status(report)
        elif self._stills:
            text = stills_status(report, self._length, left, self._name)
        else:
            text = video_status(report, self._length, left)
        if self._of_all is not None:
            text = f"{self._of_all(share or 0.0)}: {text}"
        self._line.show(text, share, report.notices, left=left, frames=report.dreamt, fps=round(report.dreamt_fps, 2))


def share_done(report: "Report", length: int | None) -> float | None:
    """Return the share of a source of `length` frames that is dreamt, 0 to 1; None if unknown."""
    if not length:
        return None
    return min(1.0, (report.dreamt + (report.step.share if report.step else 0.0)) / length)


def live_status(report: "Report") -> str:
    """`212 frames, 24.9 fps, age 41 ms (p95 56 ms), 3 dropped`. The age is that of the slowest sink."""
    parts = [counted(report.dreamt, "frame"), f"{report.dreamt_fps:.1f} fps"]
    ages = [sink.age for sink in report.sinks if sink.age is not None]
    if ages:
        median, p95 = max(ages)
        parts.append(f"age {1000 * median:.0f} ms (p95 {1000 * p95:.0f} ms)")
    parts.append(dropped(report))
    return ", ".join(parts)


def video_status(report: "Report", length: int | None, left: float | None) -> str:
    """`212 of 300 frames, 24.9 fps, 4 s left`."""
    # The length comes from the file's header. It is not shown once it turns out to be wrong.
    known = length is not None and length >= report.dreamt
    parts = [f"{report.dreamt} of {counted(length, 'frame')}" if length and known else counted(report.dreamt, "frame")]
    parts.append(f"{report.dreamt_fps:.1f} fps")
    if known and length != report.dreamt and left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def stills_status(report: "Report", length: int | None, left: float | None, name: str) -> str:
    """`step 12 of 60, 4 s left`; of several, `picture 3 of 12, step 12 of 60, 1:20 left`. name: of the source."""
    unfinished = [sink.name for sink in report.sinks if sink.written < report.dreamt]
    if length and report.dreamt >= length:
        return f"writing {', '.join(unfinished)}" if unfinished else "finishing"
    parts = []
    if length != 1:
        parts.append(f"picture {report.dreamt + 1} of {length}" if length else f"picture {report.dreamt + 1}")
    if report.step is not None:
        parts.append(f"step {report.step.done:.0f} of {report.step.total:.0f}")
    elif report.captured == report.dreamt:
        parts.append(f"reading {name}")
    if left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts) or "starting"


def step_status(report: StepReport, left: float | None) -> str:
    """`step 12 of 60, 4 s left`; of a download, `12.3 of 528.0 MB, 40 s left`."""
    if report.unit == "steps":
        text = f"step {report.done:.0f} of {report.total:.0f}"
    elif report.unit == "MB":
        text = f"{report.done:.1f} of {report.total:.1f} MB"
    else:
        text = f"{report.done:.0f} of {report.total:.0f} {report.unit}"
    return text if left is None else f"{text}, {duration(left)} left"


def counted(count: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def took(count: int, noun: str, seconds: float) -> str:
    """`1 picture in 2.1 s`; of several, `12 pictures in 30.2 s, 2.5 s each`."""
    each = f", {elapsed(seconds / count)} each" if count > 1 else ""
    return f"{counted(count, noun)} in {elapsed(seconds)}{each}"


def elapsed(seconds: float) -> str:
    """`0.04 s`, `2.1 s`, `3:20`."""
    if seconds < 0.095:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)


def overall_status(number: int, total: int, share: float, seconds: float) -> str:
    """`2 of 5 (37 % of all, 12:30 left)`: source `number` of `total`, and the share of all that took `seconds`."""
    text = f"{number} of {total} ({100 * share:.0f} % of all"
    return f"{text}, {duration(seconds * (1 - share) / share)} left)" if 0.01 <= share < 1 else f"{text})"


def dropped(report: "Report") -> str:
    """`3 dropped`, or if a sink lost more, `3 dropped, 12 missed by film.mp4`.

    Frames left out on purpose are listed separately: `3 dropped, 200 left out to hold the rate`.
    """
    parts = [f"{report.dropped} dropped"]
    parts += [f"{report.skipped} left out to hold the rate"] if report.skipped else []
    parts += [f"{sink.dropped} missed by {sink.name}" for sink in report.sinks if sink.dropped]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """`4 s`, `3:20`, `1:02:05`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
