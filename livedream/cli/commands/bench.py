"""`livedream bench`: how fast, how late and how steady it dreams here."""

import itertools
import json
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livedream.cli.activity import Activity
from livedream.cli.console import say
from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import control_options, flag, given_controls, overwrite_option, parse_size
from livedream.cli.tasks.loading import load_torch
from livedream.errors import ArgumentError
from livedream.presets import LIVE
from livedream.settings import CONTROLS
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import check_new, write_whole
from livedream.steps import StepReport

if TYPE_CHECKING:
    from livedream.bench.result import Result


@click.command(
    cls=GroupedCommand,
    groups=groups_with(
        Source=("--source", "--size", "--rounds", "--frames", "--seconds", "--still", "--baseline", "--looks"),
        Output=("--json",),
    ),
    short_help="Measure how fast, how late and how steady it dreams here.",
)
@click.option("--source", metavar="FILM", default="demo", help="demo, or a film [default: demo]")
@click.option("--size", metavar="WxH", default="1280x720", help="Size of its frames in pixels [default: 1280x720]")
@click.option("--preset", metavar="NAME", default=LIVE, help=f"Look [default: {LIVE}]")
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(3, 1000),
    default=3,
    help="Rounds; the median counts",
    show_default=True,
)
@click.option(
    "--frames",
    metavar="N",
    type=click.IntRange(10, 1_000_000),
    default=120,
    help="Frames of a round; flicker needs 60",
    show_default=True,
)
@click.option(
    "--seconds",
    metavar="N",
    type=click.FloatRange(2, 86400),
    default=10.0,
    show_default=True,
    help="Seconds of the live part",
)
@click.option(
    "--still",
    metavar="N",
    type=click.IntRange(0, 10_000_000),
    default=1000,
    help="Frames of a still scene, to see drift",
    show_default=True,
)
@click.option("--baseline/--no-baseline", default=True, help="Measure a plain dreamer too [default: yes]")
@click.option(
    "--looks",
    metavar="PRESETS",
    help="Measure instead how these presets look, as live,still; needs scikit-image",
)
@click.option("--json", "target", metavar="FILE", help="Write all numbers to FILE as JSON")
@overwrite_option()
def bench(
    source: str,
    size: str,
    preset: str,
    rounds: int,
    frames: int,
    seconds: float,
    still: int,
    baseline: bool,
    looks: str | None,
    target: str | None,
    overwrite: bool,
    **controls: str | None,
) -> int:
    """Dream the demo clip, or FILM, and say how fast, how late and how steady that was.

    Nothing else should run meanwhile. Machines are noisy: compare the ratios of rates of one run.
    """
    load_torch()
    from livedream.bench.looks import measure_looks
    from livedream.bench.measure import Plan, measure
    from livedream.presets import load_preset

    if math.isnan(seconds):  # no range leaves it out
        raise ArgumentError("nan is no number of seconds", "such as 10")
    if target is not None:
        if not Path(target).resolve().parent.is_dir():
            raise ArgumentError(f"no folder for {target}", "make it first")
        Inputs([Path(source)]).refuse_output(Path(target))
        check_new(Path(target), overwrite)
    given = given_controls(controls)
    turned: list[str] = []
    for control in CONTROLS:
        turned += [flag(control), f"{given[control.name]}"] if control.name in given else []
    if looks is not None:
        command = shlex.join(["livedream", "bench", "--looks", looks, *turned])
        presets = {name: load_preset(name).replace(**given) for name in looks.split(",")}
        with Activity("preparing") as shown:
            found = measure_looks(presets, _teller(shown, len(presets) + 1), command)
        _finish(look_report(found), found, target, overwrite)
        return 0
    words = ["livedream", "bench", "--source", source, "--size", size, "--preset", preset, "--rounds", str(rounds)]
    words += ["--frames", str(frames), "--seconds", f"{seconds:g}", "--still", str(still)]
    words += [] if baseline else ["--no-baseline"]
    words += turned
    plan = Plan(
        settings=load_preset(preset).replace(**given),
        preset=preset,
        command=shlex.join(words),
        source=source,
        size=parse_size(size),
        rounds=rounds,
        frames=frames,
        live_seconds=seconds,
        still_frames=still,
        baseline=baseline,
    )
    with Activity("preparing") as shown:
        result = measure(plan, _teller(shown, plan.parts))
    _finish(report(result), result.numbers(), target, overwrite)
    return 0


bench.params += control_options(presets=(LIVE,))


def _teller(shown: Activity, many: int) -> Callable[[str], None]:
    """Return what says which of `many` parts is measured next."""
    numbers = itertools.count(1)

    def tell(what: str) -> None:
        text = f"measuring {what} ({next(numbers)} of {many})"
        say(text)
        shown.step(StepReport(text))

    return tell


def _finish(lines: list[str], numbers: dict[str, Any], target: str | None, overwrite: bool) -> None:
    for line in lines:
        say(line)
    if target is not None:
        with OutputLock(Path(target)) as lock:
            write_whole(Path(target), f"{json.dumps(numbers, indent=1)}\n".encode(), lock, overwrite=overwrite)


def look_report(found: dict[str, Any]) -> list[str]:
    """Return what measure_looks found, line by line."""
    return [
        f"{found['command']}, {found['date']}",
        *(
            f"{look['preset']}, {look['scene']}: chroma / luma {look['chroma_over_luma']:.2f}, slope"
            f" {look['slope']:.2f}, clipped {look['clipped']:+.2%}, strength {look['strength']:.1f} of 255"
            for look in found["looks"]
        ),
        *(
            f"{seen['group']} by {seen['dreamer']}: {seen['judge']} recognises {seen['recognised']} of"
            f" {seen['stills']} stills, {seen['before']} of their sources"
            for seen in found["recognition"]
        ),
    ]


def report(result: "Result") -> list[str]:
    """Return what `result` says, line by line."""
    lines = [
        f"{result.command}, {result.date}",
        f"{result.machine}, " + ", ".join(f"{name} {version}" for name, version in result.versions.items()),
        result.description,
        "settings: " + ", ".join(f"{name} {value}" for name, value in result.settings.items()),
        f"fps {result.fps:.1f}  encoded {result.fps_encoded:.1f}  bare {result.fps_bare:.1f}"
        f"  (end to end / bare {result.fps / result.fps_bare:.2f})",
    ]
    if result.fps_baseline:
        lines.append(
            f"baseline {result.fps_baseline:.1f} fps: bare is {result.fps_bare / result.fps_baseline:.2f} times"
        )
    work, age = result.work, result.age_ms
    vram = "" if result.peak_vram_mb is None else f", {result.peak_vram_mb:.0f} MB of the GPU's"
    lines += [
        f"step {result.step_ms:.1f} ms, bound {result.bound_ms:.1f} ms, roofline {result.roofline:.2f}"
        f"  ({work['gflop']:.2f} GFLOP at {work['gflops_per_second']:.0f} GFLOP/s,"
        f" {work['million_activations']:.1f} M activations at {work['gigabytes_per_second']:.1f} GB/s)",
        "stages, ms p50/p95: "
        + ", ".join(f"{name} {times['p50']:.1f}/{times['p95']:.1f}" for name, times in result.stages.items()),
        f"age p50 {age['p50']:.0f} ms  p95 {age['p95']:.0f} ms  max {age['max']:.0f} ms, first tenth"
        f" {result.age_tenths_ms[0]:.0f} ms, last {result.age_tenths_ms[1]:.0f} ms, {result.dropped} dropped",
    ]
    if result.mask is not None:
        mask, unmasked = result.mask, result.mask["age_ms"]
        lines.append(
            f"mask {result.settings['mask']}: {mask['ms']:+.1f} ms a frame, {mask['cpu_ms']:+.1f} ms of processor time;"
            f" without it {mask['fps_unmasked']:.1f} fps, age p50 {unmasked['p50']:.0f} ms "
            f" p95 {unmasked['p95']:.0f} ms"
        )
    if result.age_slow_ms:
        slow = result.age_slow_ms
        lines.append(
            f"too slow, steps {slow['steps']}, a frame in {slow['frame']:.0f} ms: age p95 {slow['p95']:.0f} ms,"
            f" of two frames and a step, {slow['allowed']:.0f} ms"
        )
    lines.append(
        f"a fresh process: first frame after {result.first_frame_s:.1f} s, {result.peak_rss_mb:.0f} MB at most{vram}"
    )
    if result.flicker is not None and result.flicker_source:
        lines.append(
            f"flicker {result.flicker:.2f}, of the source {result.flicker_source:.2f}:"
            f" {result.flicker / result.flicker_source:.2f} times"
        )
    if result.strength is not None:
        lines.append(f"strength {result.strength:.1f}")
    for name, drift in result.drift.items():
        growth = "" if drift["rss_growth"] is None else f", memory {drift['rss_growth']:+.2%}"
        lines.append(
            f"still, {name}, {result.still} frames: luminance {drift['luminance_grown']:+.2f} of 255, then"
            f" {drift['luminance']:+.2f} at most; clipped {drift['clipped_grown']:+.2%}, then {drift['clipped']:+.2%};"
            f" flicker {drift['flicker']:.2f}, of the source {drift['flicker_source']:.2f}{growth}"
        )
    return lines
