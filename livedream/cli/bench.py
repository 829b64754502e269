"""`livedream bench`: how fast, how late and how steady it dreams here."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livedream.cli.asked import parse_size
from livedream.cli.options import control_options, given_controls
from livedream.cli.output import say
from livedream.errors import ArgumentError

if TYPE_CHECKING:
    from livedream.bench.measure import Result


@click.command(short_help="Measure how fast, how late and how steady it dreams here.")
@click.option("--source", metavar="FILM", default="demo", help="what to dream: demo, or a film [default demo]")
@click.option("--size", metavar="WxH", default="1280x720", help="of its frames, in pixels [default 1280x720]")
@click.option("--preset", metavar="NAME", default="live", help="a look [default live]")
@click.option("--rounds", metavar="N", type=click.IntRange(1), default=3, help="rounds, of which the median counts [3]")
@click.option("--frames", metavar="N", type=click.IntRange(10), default=120, help="frames of a round [120]")
@click.option("--seconds", metavar="S", type=click.FloatRange(2), default=10.0, help="length of the live part [10]")
@click.option(
    "--still",
    metavar="N",
    type=click.IntRange(0),
    default=1000,
    help="still frames to look for drift; 0 for none [1000]",
)
@click.option("--baseline/--no-baseline", default=True, help="measure a plain dreamer beside it [yes]")
@click.option("--json", "target", metavar="FILE", help="write all numbers there as JSON")
def bench(
    source: str,
    size: str,
    preset: str,
    rounds: int,
    frames: int,
    seconds: float,
    still: int,
    baseline: bool,
    target: str | None,
    **controls: str | None,
) -> int:
    """Dream the demo clip, or FILM, and say how it went.

    All rates are measured in turns in one run; compare their quotients, machines are noisy. Nothing else should run.
    """
    from livedream.bench.measure import Plan, measure
    from livedream.presets import load_preset

    plan = Plan(
        settings=load_preset(preset).replace(**given_controls(controls)),
        source=source,
        size=parse_size(size),
        rounds=rounds,
        frames=frames,
        live_seconds=seconds,
        still_frames=still,
        baseline=baseline,
    )
    if target is not None and not Path(target).resolve().parent.is_dir():
        raise ArgumentError(f"no folder for {target}", "make it first")
    result = measure(plan, lambda what: say(f"measuring {what} ..."))
    for line in report(result):
        say(line)
    if target is not None:
        Path(target).write_text(json.dumps(result.numbers(), indent=1) + "\n", encoding="utf-8")
    return 0


bench.params += control_options()


def report(result: "Result") -> list[str]:
    """Return what `result` says, line by line."""
    changed: dict[str, Any] = result.settings
    lines = [
        result.description,
        "settings: " + ", ".join(f"{name} {value}" for name, value in changed.items()),
        f"fps {result.fps:.1f}  encoded {result.fps_encoded:.1f}  bare {result.fps_bare:.1f}"
        f"  (end to end / bare {result.fps / result.fps_bare:.2f})",
    ]
    if result.fps_baseline:
        lines.append(
            f"baseline {result.fps_baseline:.1f} fps: bare is {result.fps_bare / result.fps_baseline:.2f} times"
        )
    if result.bound:
        bound = result.bound
        lines.append(
            f"step {bound.step_ms:.1f} ms, bound {bound.bound_ms:.1f} ms, roofline {bound.roofline:.2f}"
            f"  ({bound.gflop:.2f} GFLOP at {bound.gflops_per_second:.0f} GFLOP/s,"
            f" {bound.million_activations:.1f} M activations at {bound.gigabytes_per_second:.1f} GB/s)"
        )
    lines.append(
        "stages, ms p50/p95: " + ", ".join(f"{name} {a:.1f}/{b:.1f}" for name, (a, b) in result.stages.items())
    )
    age = result.age_ms
    lines.append(
        f"age p50 {age['p50']:.0f} ms  p95 {age['p95']:.0f} ms  max {age['max']:.0f} ms, {result.dropped} dropped,"
        f" first frame after {result.first_frame_s:.1f} s, {result.peak_rss_mb:.0f} MB at most"
    )
    lines.append(
        f"flicker {result.flicker:.2f}, of the source {result.flicker_source:.2f}:"
        f" {result.flicker / result.flicker_source:.2f} times; strength {result.strength:.1f}"
    )
    for name, drift in result.drift.items():
        lines.append(f"drift, {name}: luminance {drift['luminance']:+.2f} of 255, clipped {drift['clipped']:+.2%}")
    return lines
