"""`livedream bench`: measure speed, latency and steadiness on this machine."""

import itertools
import json
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
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
    short_help="Measure speed, latency and steadiness on this machine.",
)
@click.option("--source", metavar="VIDEO", default="demo", help="demo, or a video [default: demo]")
@click.option("--size", metavar="WxH", default="1280x720", help="Size of the frames in pixels [default: 1280x720]")
@click.option("--preset", metavar="NAME", default=LIVE, help=f"Look [default: {LIVE}]")
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(3, 1000),
    default=3,
    help="Number of rounds, of which the median counts",
    show_default=True,
)
@click.option(
    "--frames",
    metavar="N",
    type=click.IntRange(10, 1_000_000),
    default=120,
    help="Frames per round; flicker needs 60",
    show_default=True,
)
@click.option(
    "--seconds",
    metavar="N",
    type=click.FloatRange(2, 86400),
    default=10.0,
    show_default=True,
    help="Duration of the live part in seconds",
)
@click.option(
    "--still",
    metavar="N",
    type=click.IntRange(0, 10_000_000),
    default=1000,
    help="Frames of a still scene, to measure drift",
    show_default=True,
)
@click.option("--baseline/--no-baseline", default=True, help="Also measure a plain dreamer [default: yes]")
@click.option(
    "--looks",
    metavar="PRESETS",
    help="Measure the looks of these presets instead, such as live,still; needs scikit-image",
)
@click.option("--json", "target", metavar="FILE", help="Write all results to FILE as JSON")
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
    """Dream the demo clip, or VIDEO, and report speed, latency and steadiness.

    Nothing else should run meanwhile. Machines are noisy: compare ratios of rates from the same run.
    """
    load_torch()
    from livedream.bench.measure import Plan, measure
    from livedream.presets import load_preset

    if math.isnan(seconds):  # no range excludes it
        raise ArgumentError("invalid --seconds: nan", "give a number, for example 10")
    if target is not None:
        _check_target(Path(target), source, overwrite)
    given = given_controls(controls)
    control_words: list[str] = []
    for control in CONTROLS:
        control_words += [flag(control), f"{given[control.name]}"] if control.name in given else []
    if looks is not None:
        found = _measure_looks(looks, given, control_words)
        _finish(look_report(found), found, target, overwrite)
        return 0
    words = ["livedream", "bench", "--source", source, "--size", size, "--preset", preset, "--rounds", str(rounds)]
    words += ["--frames", str(frames), "--seconds", f"{seconds:g}", "--still", str(still)]
    words += [] if baseline else ["--no-baseline"]
    plan = Plan(
        settings=load_preset(preset).replace(**given),
        preset=preset,
        command=shlex.join([*words, *control_words]),
        source=source,
        size=parse_size(size),
        rounds=rounds,
        frames=frames,
        live_seconds=seconds,
        still_frames=still,
        baseline=baseline,
    )
    with Activity("preparing") as activity:
        result = measure(plan, _announcer(activity, plan.parts))
    _finish(report(result), result.numbers(), target, overwrite)
    return 0


bench.params += control_options(presets=(LIVE,))


def _check_target(target: Path, source: str, overwrite: bool) -> None:
    if not target.resolve().parent.is_dir():
        raise ArgumentError(f"the folder of {target} does not exist", "make it first")
    Inputs([Path(source)]).refuse_output(target)
    check_new(target, overwrite)


def _measure_looks(names: str, given: Mapping[str, Any], control_words: Sequence[str]) -> dict[str, Any]:
    """Measure how the presets in `names` look, with the controls `given` on top."""
    from livedream.bench.looks import measure_looks
    from livedream.presets import load_preset

    command = shlex.join(["livedream", "bench", "--looks", names, *control_words])
    presets = {name: load_preset(name).replace(**given) for name in names.split(",")}
    with Activity("preparing") as activity:
        return measure_looks(presets, _announcer(activity, len(presets) + 1), command)


def _announcer(activity: Activity, count: int) -> Callable[[str], None]:
    """Return a function that announces which of `count` parts is measured next."""
    numbers = itertools.count(1)

    def announce(part: str) -> None:
        text = f"measuring {part} ({next(numbers)} of {count})"
        say(text)
        activity.step(StepReport(text))

    return announce


def _finish(lines: list[str], numbers: dict[str, Any], target: str | None, overwrite: bool) -> None:
    for line in lines:
        say(line)
    if target is not None:
        with OutputLock(Path(target)) as lock:
            write_whole(Path(target), f"{json.dumps(numbers, indent=1)}\n".encode(), lock, overwrite=overwrite)


def look_report(found: dict[str, Any]) -> list[str]:
    """Return the results of measure_looks, line by line."""
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
    """Return the results line by line."""
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
    vram = "" if result.peak_vram_mb is None else f", {result.peak_vram_mb:.0f} MB of GPU memory"
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
