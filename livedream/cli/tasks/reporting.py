"""The texts in which a run describes its source and its result."""

from collections.abc import Sequence

from livedream.capture.source import Source
from livedream.cli.console import say_error
from livedream.cli.progress import counted, dropped, elapsed, took
from livedream.errors import SourceError
from livedream.pipeline import Report
from livedream.sink.open import leaves_a_file


def describe(source: Source) -> str:
    """`film.mp4 1280x720, 25 fps`; for a camera also the encoding of its pictures, `MJPG`."""
    text = f"{source.name} {source.size[0]}x{source.size[1]}"
    if source.stills:
        return text if source.length == 1 else f"{text}, {source.length} pictures"
    if source.rate:
        text += f", {float(source.rate):.5g} fps" + (
            " (assumed: --rate N changes it)" if source.rate_is_assumed else ""
        )
    return f"{text}, {source.coding}" if source.coding else text


def conclusion(
    report: Report,
    source: Source,
    sink_specs: Sequence[str],
    unfinished: str | None = None,
    *,
    seconds: float | None = None,
) -> str:
    """`dreamt 132 frames in 5.3 s, 24.9 fps; written: film-dream.mp4`, `dreamt 12 pictures in 30.2 s, 2.5 s each`.

    Args:
        report: the last report of the run.
        source: the source of the run.
        sink_specs: the sinks of the run.
        unfinished: a sink whose file still has its temporary name, and is left out here.
        seconds: from the beginning of the run until its sinks were closed; that of the report by default.
    """
    seconds = report.seconds if seconds is None else seconds
    if source.stills:
        text = f"dreamt {took(report.dreamt, 'picture', seconds)}"
    else:
        text = f"dreamt {counted(report.dreamt, 'frame')} in {elapsed(seconds)}"
        if report.dreamt > 1 and seconds:
            text += f", {report.dreamt / seconds:.1f} fps"
        if source.live or any(sink.dropped for sink in report.sinks):
            text += f", {dropped(report)}"
    files = [
        spec
        for spec, sink in zip(sink_specs, report.sinks, strict=False)
        if leaves_a_file(spec) and sink.written and spec != unfinished
    ]
    files += [sink.name for sink in report.sinks[len(sink_specs) :] if sink.written]  # recordings that were added later
    return f"{text}; written: {', '.join(files)}" if files else text


def early_end(source: Source) -> SourceError:
    """Return the error for a source with fewer frames than its header says; the frames it had are written."""
    hint = "it is truncated or damaged: get it again; everything before that point was dreamt"
    return SourceError(f"{source.name} ends after {source.ended_early}", hint)


def report_faults(report: Report | None) -> bool:
    """Print which sinks of a live run failed while others continued, and return whether any did."""
    faults = [sink.fault for sink in report.sinks if sink.fault is not None] if report else []
    for fault in faults:
        say_error(fault)
    return bool(faults)
