"""A dive into a picture, as a video or in a window."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from livedream.capture.looped_image import LoopedImageSource
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.console import say
from livedream.cli.playback_options import is_played
from livedream.cli.progress import Progress
from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.closing import closing
from livedream.cli.tasks.effects import Kind, warn_of_one_picture
from livedream.cli.tasks.monitor import RunMonitor
from livedream.cli.tasks.recipes import choose_settings, files_read, recipe_for
from livedream.cli.tasks.reporting import conclusion, describe
from livedream.cli.window_options import check_window
from livedream.dream.dive import Dive
from livedream.errors import ArgumentError
from livedream.pipeline import Playback, run
from livedream.sink.open import open_sink
from livedream.sink.window.placement import Placement
from livedream.stream_info import StreamInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class DiveRequest:
    """What the command line asks of a dive."""

    photo: str
    sink: str
    """As `open_sink` takes it."""
    preset: str
    controls: Mapping[str, Any]
    """The controls given on top of the preset, by name."""
    rate: Fraction
    """Frames per second."""
    seconds: Fraction
    drift: tuple[float, float]
    """Pixels to the right and down, from frame to frame."""
    overwrite: bool = False
    placement: Placement | None = None
    """Of the window, if the sink is one."""
    recipe: bool = True
    """Whether the output carries its recipe."""


def dive(request: DiveRequest) -> int:
    """Write a dive into a picture, or play it in a window, and return the exit code."""
    settings = choose_settings(request.preset, request.controls)
    sink_specs = [request.sink]
    check_window(request.placement, sink_specs)
    length = round(request.seconds * request.rate)
    if length < 1:
        raise ArgumentError(f"a dive of {float(request.seconds):g} s has no frame", "give a longer --duration")
    monitor = RunMonitor()
    try:
        with stopping() as stop, closing(stop) as opened:
            with Activity(f"opening {request.photo}", delay=QUICK_SECONDS):
                source = opened(LoopedImageSource(request.photo, request.rate, length))
            with Activity("preparing") as activity:
                diver = Dive(settings, request.drift, on_step=activity.step)
            info = StreamInfo.of(source, also_read=files_read(request.preset, settings))
            warn_of_one_picture(sink_specs, source.name, Kind.VIDEO)
            sink = opened(open_sink(request.sink, info, overwrite=request.overwrite, placement=request.placement))
            if request.recipe:
                sink.recipe = recipe_for(source, settings, diver.description, _recipe_options(request))
            say(f"{diver.description}, preset {request.preset}: {describe(source)} -> {sink.name}")
            with Progress(source) as progress:
                on_progress = monitor.begin(stop, progress)
                clock = Playback() if is_played(sink_specs) else None
                report = run(source, diver, [sink], on_progress=on_progress, playback=clock)
    except Stopped as stopped:
        if monitor.report is None:
            monitor.report_nothing()
        else:
            monitor.report_stop(source, sink_specs)
        return stopped.exit_code
    say(conclusion(report, source, sink_specs, seconds=monitor.seconds))
    return 0


def _recipe_options(request: DiveRequest) -> dict[str, str | int]:
    drift = f"{request.drift[0]:g},{request.drift[1]:g}"
    return {"length": str(request.seconds), "fps": str(request.rate), "drift": drift}
