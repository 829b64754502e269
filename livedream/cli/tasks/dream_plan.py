"""What a run will do, decided before a sink is opened: the source, the settings and the sinks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from livedream.capture import demo
from livedream.capture.feedback_loop import refuse_loop
from livedream.capture.source import Source
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.playback_options import PlaybackOptions
from livedream.cli.tasks.closing import Opener
from livedream.cli.tasks.effects import Kind, Place, refuse_useless, warn_of_one_picture
from livedream.cli.tasks.last_settings import recall, state_file
from livedream.cli.tasks.opening import loop_source, open_requested, speaker_of
from livedream.cli.tasks.recipes import choose_settings, files_read, usual_preset
from livedream.cli.tasks.request import Request
from livedream.cli.tasks.resume import resumable_video
from livedream.cli.window_options import check_window
from livedream.errors import ArgumentError
from livedream.names import fitting
from livedream.pipeline import Playback
from livedream.settings import DreamSettings
from livedream.sink.open import STDOUT, WINDOW, check_outputs, is_stdout, keeps_every_frame, leaves_a_file
from livedream.sink.speaker import Speaker
from livedream.stream_info import StreamInfo
from livedream.urls import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The settings that a run begins with, and where they come from."""

    settings: DreamSettings
    preset: str
    preset_settings: DreamSettings
    """The settings of the preset itself, without the controls that were given."""
    description: str
    """`preset film`, `settings of the last live run (...)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamPlan:
    """One source, how to dream it, and where its frames go."""

    request: Request
    source: Source
    """Open; a loop if one is requested."""
    look: Look
    sink_specs: Sequence[str]
    """The sinks, as `open_sink` takes them."""
    place: Place
    info: StreamInfo
    clock: Playback | None
    """The clock by which a video is played; None where frames come as fast as they are dreamt."""
    speaker: Speaker | None
    resumable: str | None
    """The sink with which an interrupted run can be resumed, see `resumable_video`."""

    @property
    def never_waits(self) -> bool:
        """Whether frames do not wait for settings that have to be prepared."""
        return self.source.live or (self.clock is not None and self.clock.only_played)


def make_plan(source_spec: str, request: Request, opened: Opener) -> DreamPlan:
    """Open the source and return the plan. opened: takes what has to be closed at the end.

    Raises ArgumentError for requests that this source and these sinks cannot fulfil, and what opening the source
    raises.
    """
    playback = request.playback
    with Activity(f"opening {redact(source_spec)}", delay=QUICK_SECONDS):
        # The duration of a loop ends the whole, not each round.
        unlooped = opened(open_requested(source_spec, replace(request, duration=None) if playback.loop else request))
        source = opened(loop_source(unlooped, source_spec, request)) if playback.loop else unlooped
    look = _choose_look(source, request)
    if (playback.speed is not None or playback.sound) and (source.live or source.stills):
        name = "--sound" if playback.sound else "--speed"
        raise ArgumentError(f"{name} is for videos, and {source.name} is not one", "leave it out")
    sink_specs = request.sinks or ((WINDOW if playback.is_watched else usual_sink(source)),)
    place = Place(source_spec, Kind.of(source), sink_specs)
    refuse_useless(request, [place])
    refuse_twins(sink_specs)
    check_window(request.placement, sink_specs)
    playback.check(sink_specs, ends=not playback.is_endless or request.duration is not None)
    for spec in sink_specs:
        refuse_loop(source, spec)
    info = _stream_info(source, request.preset, look.settings)
    check_outputs(sink_specs, info)
    warn_of_one_picture(sink_specs, source.name, place.kind)
    clock = _clock(source, sink_specs, playback)
    return DreamPlan(
        request=request,
        source=source,
        look=look,
        sink_specs=sink_specs,
        place=place,
        info=info,
        clock=clock,
        speaker=speaker_of(unlooped, source, clock) if playback.sound and clock else None,
        resumable=resumable_video(sink_specs, source),
    )


def _choose_look(source: Source, request: Request) -> Look:
    """Return the settings of the preset, or those with which the last live run ended."""
    preset, controls = request.preset, request.controls
    last = recall() if source.live and preset is None and not request.fresh else None
    preset = preset or usual_preset(source)
    if last is not None and controls.get("model", last.model) == last.model:  # a network has its own layers
        settings = last.replace(**controls)
        description = f"settings of the last live run ({state_file()})"
    else:
        settings = choose_settings(preset, controls)
        description = f"preset {preset}"
    if request.tour is not None:
        description += f", tour: {float(request.tour):g} s per preset"
    preset_settings = choose_settings(preset, {})
    return Look(settings=settings, preset=preset, preset_settings=preset_settings, description=description)


def _stream_info(source: Source, preset: str | None, settings: DreamSettings) -> StreamInfo:
    info = StreamInfo.of(source, also_read=files_read(preset, settings))
    if source.path is not None and source.path == Path(demo.demo_clip):
        source.name = "demo"  # its path and its missing sound do not concern the user
        info = replace(info, warn_lost_sound=False)
    return info


def _clock(source: Source, sink_specs: Sequence[str], playback: PlaybackOptions) -> Playback | None:
    """Return the clock by which `source` is played to these sinks; None where it runs as fast as it is dreamt."""
    if source.live or source.stills or not playback.plays(sink_specs):
        return None
    return Playback(playback.speed or Fraction(1), only_played=not any(map(keeps_every_frame, sink_specs)))


def usual_sink(source: Source) -> str:
    """Return the sink for `source` when none is given: a window for live sources, otherwise a file in this folder."""
    if source.live:
        return WINDOW
    stem = "stdin" if source.path is None else source.path.stem or "pictures"
    if not source.stills:
        return fitting(stem, "-dream.mp4")
    return fitting(stem, "-dream.png") if source.length == 1 else fitting(stem, "-dream") + "/"


def refuse_twins(sink_specs: Sequence[str]) -> None:
    """Raise ArgumentError when two sinks are the same."""
    places = [os.path.realpath(spec) if leaves_a_file(spec) else spec for spec in sink_specs]
    places = [STDOUT if is_stdout(place) else place for place in places]
    for number, place in enumerate(places):
        if place in places[:number]:
            hint = "give each --to a different name" if leaves_a_file(sink_specs[number]) else "name it once"
            raise ArgumentError(f"{redact(sink_specs[number])} is named twice", hint)
