"""The numbers of a run, for the pages."""

from typing import Any

from livedream.pipeline import Report


def meters_of(report: Report) -> dict[str, Any]:
    """Return the rates and ages of a report, in frames per second and milliseconds."""
    page = report.sinks[0] if report.sinks else None
    age = page.age if page is not None else None
    return {
        "captured_fps": round(report.captured_fps, 1),
        "dreamt_fps": round(report.dreamt_fps, 1),
        "dropped": report.dropped,
        "frames": report.dreamt,
        "age_p50": None if age is None else round(1000 * age[0]),
        "age_p95": None if age is None else round(1000 * age[1]),
        "stages": {name: round(1000 * median, 2) for name, (median, _) in report.stages.items()},
        "slow": list(report.slow),
    }
