"""A dive from a picture into a sink."""

import time
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from livedream.capture.looped_image import LoopedImageSource
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.console import remark, say
from livedream.cli.playback_options import is_played
from livedream.cli.progress import Progress
from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.closing import closing
from livedream.cli.tasks.effects import Kind, warn_of_one_picture
from livedream.cli.tasks.recipes import choose_settings, files_read, recipe_for
from livedream.cli.tasks.reporting import conclusion, describe
from livedream.cli.window_options import check_window
from livedream.dream.dive import Dive
from livedream.errors import ArgumentError
from livedream.pipeline import Playback, Report, run
from livedream.sink.open import open_sink
from livedream.sink.window.placement import Placement
from livedream.stream_info import StreamInfo


def dive(
    photo: str,
    sink_spec: str,
    *,
    preset: str,
    controls: Mapping[str, Any],
    rate: Fraction,
    seconds: Fraction,
    drift: tuple[float, float],
    overwrite: bool,
    placement: Placement | None = None,
    carries_recipe: bool = True,
) -> int:
    """Write a dive into the picture `photo`, so many `seconds` long, and return the exit code. A window plays it.

    preset, controls: as `dream` takes them. drift: pixels to the right and down from frame to frame. placement: of the
    window, if the sink is one. carries_recipe: whether the film does.
    """
    settings = choose_settings(preset, controls)
    check_window(placement, [sink_spec])
    length = round(seconds * rate)
    if length < 1:
        raise ArgumentError(f"a dive of {float(seconds):g} s has no frame", "give a longer --duration")
    report: Report | None = None
    began = time.monotonic()
    try:
        with stopping() as stop, closing(stop) as opened:
            with Activity(f"opening {photo}", delay=QUICK_SECONDS):
                source = opened(LoopedImageSource(photo, rate, length))
            with Activity("preparing") as shown:
                diver = Dive(settings, drift, on_step=shown.step)
            info = StreamInfo.of(source, also_read=files_read(preset, settings))
            warn_of_one_picture([sink_spec], source.name, Kind.FILM)
            sink = opened(open_sink(sink_spec, info, overwrite=overwrite, placement=placement))
            if carries_recipe:
                options = {"length": str(seconds), "fps": str(rate), "drift": f"{drift[0]:g},{drift[1]:g}"}
                sink.recipe = recipe_for(source, settings, diver.description, options)
            say(f"{diver.description}, preset {preset}: {describe(source)} -> {sink.name}")
            with Progress(source) as progress:

                def on_progress(now: Report) -> None:
                    nonlocal report
                    report = now
                    progress(now)
                    stop.check()

                stop.hold()
                began = time.monotonic()
                # It dreams frames and no pictures by themselves: the source has none.
                pace = Playback() if is_played([sink_spec]) else None
                report = run(source, diver, [sink], on_progress=on_progress, playback=pace)  # type: ignore[arg-type]
    except Stopped as stopped:
        remark(
            f"stopped: {conclusion(report, source, [sink_spec], seconds=time.monotonic() - began)}"
            if report and report.dreamt
            else "stopped: nothing was written"
        )
        return stopped.exit_code
    say(conclusion(report, source, [sink_spec], seconds=time.monotonic() - began))
    return 0
