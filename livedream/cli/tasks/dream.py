"""What `run` and `demo` have in common: open, say what is used, dream, close, say what came out."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.capture import demo
from livedream.capture.feedback_loop import refuse_loop
from livedream.capture.source import Source
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.console import remark, say
from livedream.cli.playback_options import PlaybackOptions
from livedream.cli.progress import Progress
from livedream.cli.signals import Stop, Stopped, stopping
from livedream.cli.tasks.closing import Opener, closing
from livedream.cli.tasks.effects import (
    Kind,
    Place,
    refuse_useless,
    warn_of_one_picture,
    warn_of_useless_controls,
)
from livedream.cli.tasks.interactive import playing
from livedream.cli.tasks.last_settings import recall, remember, state_file
from livedream.cli.tasks.loading import begin_loading, load_torch
from livedream.cli.tasks.opening import USUAL_RATE, loop_source, open_wanted, preview_of, speaker_of
from livedream.cli.tasks.preview import show_until_made
from livedream.cli.tasks.recipes import choose_settings, files_read, recipe_for, usual_preset
from livedream.cli.tasks.reporting import conclusion, describe, early_end, tell_of_faults
from livedream.cli.tasks.request import Request
from livedream.cli.tasks.resume import Resuming, begin_again, film_among
from livedream.cli.window_options import check_window
from livedream.errors import ArgumentError, SourceError
from livedream.names import fitting
from livedream.pipeline import Playback, Report, run
from livedream.pipeline.governor import Governor
from livedream.pipeline.run import Checkpoints
from livedream.presets import FILM
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.network_stream import NetworkSink
from livedream.sink.open import STDOUT, WINDOW, check_outputs, is_stdout, keeps_every_frame, leaves_a_file, open_sink
from livedream.sink.partial_file import check_new
from livedream.sink.sink import Sink
from livedream.sink.speaker import Speaker
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.salvage import Kept
from livedream.sink.virtual_camera import VirtualCameraSink
from livedream.sink.window.window_sink import WindowSink
from livedream.steps import OnStep, StepReport
from livedream.stream_info import StreamInfo
from livedream.urls import shown

if TYPE_CHECKING:
    from livedream.controls.controller import LiveController
    from livedream.dream.dreamer import Dreamer


def dream(
    source_spec: str,
    request: Request,
    *,
    make_dreamer: "Callable[[DreamSettings], Dreamer] | None" = None,
    of_all: Callable[[float], str] | None = None,
) -> int:
    """Dream a source as `request` says, and return the exit code.

    make_dreamer: returns a dreamer that remembers nothing; a new one by default. of_all: tells of the run of which this
    is a part, see `Progress`.
    """
    choose_settings(request.preset or FILM, request.controls)  # a mistake in them comes out before a camera is opened
    begin_loading()
    return _Dream(source_spec, request, make_dreamer or new_dreamer, of_all).to_the_end()


class _ClosedError(Exception):
    """Somebody has closed the window before anything was dreamt."""


class _Dream:
    """One source on its way into its sinks. Each step uses what the steps before it have found and opened."""

    _source: Source
    _once: Source
    """The source, or the film of which it is a loop."""
    _settings: DreamSettings
    _look: str
    """What is said of the settings."""
    _preset: str
    _of_preset: DreamSettings
    """The settings of the preset itself, without the controls that were given."""
    _specs: Sequence[str]
    """The sinks, as they are named."""
    _place: Place
    _info: StreamInfo
    _pace: Playback | None
    _speaker: Speaker | None
    _film: str | None
    """The one of the sinks that could be resumed."""
    _sinks: list[Sink]
    _dreamer: "Dreamer"
    _player: "Dreamer | LiveController"
    _recipe: Recipe

    def __init__(
        self,
        source_spec: str,
        request: Request,
        make_dreamer: "Callable[[DreamSettings], Dreamer]",
        of_all: Callable[[float], str] | None,
    ) -> None:
        self._spec = source_spec
        self._request = request
        self._make_dreamer = make_dreamer
        self._of_all = of_all
        self._sinks = []
        self._report: Report | None = None
        self._resuming: Resuming | None = None
        self._checkpoints: Checkpoints | None = None
        self._began = time.monotonic()

    def to_the_end(self) -> int:
        """Open, dream and close, whatever happens, and return the exit code."""
        try:
            with ExitStack() as locks, stopping() as stop, closing(stop) as opened, ExitStack() as desks:
                self._open_source(opened)
                self._choose_look()
                self._check()
                self._open_sinks(opened, locks, desks)
                self._announce()
                report = self._run(stop, desks)
        except Stopped as stopped:
            self._tell_that_it_stopped()
            return stopped.exit_code
        except _ClosedError:
            say("closed before the first frame was dreamt")
            return 0
        except Exception:
            if self._resuming is not None:
                self._resuming.tell()
            raise
        return self._conclude(report)

    def _open_source(self, opened: Opener) -> None:
        with Activity(f"opening {shown(self._spec)}", delay=QUICK_SECONDS):
            looped = self._request.playback.loop
            # Of a loop the duration ends the whole, not each round.
            wanted = replace(self._request, duration=None) if looped else self._request
            self._source = self._once = opened(open_wanted(self._spec, wanted))
            if looped:
                self._source = opened(loop_source(self._once, self._spec, self._request))

    def _choose_look(self) -> None:
        """Choose the settings: those of the preset, or those with which the last live run has ended."""
        source, preset, controls = self._source, self._request.preset, self._request.controls
        last = recall() if source.live and preset is None and not self._request.fresh else None
        self._preset = preset or usual_preset(source)
        self._of_preset = choose_settings(self._preset, {})
        if last is not None and controls.get("model", last.model) == last.model:  # a network has its own layers
            self._settings = last.replace(**controls)
            self._look = f"settings of the last live run ({state_file()})"
        else:
            self._settings = choose_settings(self._preset, controls)
            self._look = f"preset {self._preset}"
        if self._request.tour is not None:
            self._look += f", tour: {float(self._request.tour):g} s a preset"

    def _check(self) -> None:
        """Refuse what cannot be done with this source and these sinks, before anything is opened for writing."""
        source, request, playback = self._source, self._request, self._request.playback
        if (playback.speed is not None or playback.sound) and (source.live or source.stills):
            name = "--sound" if playback.sound else "--speed"
            raise ArgumentError(f"{name} is for films, and {source.name} is not one", "leave it out")
        self._specs = request.sinks or ((WINDOW if playback.is_watched else usual_sink(source)),)
        self._place = Place(self._spec, Kind.of(source), self._specs)
        refuse_useless(request, [self._place])
        refuse_twins(self._specs)
        check_window(request.placement, self._specs)
        playback.check(self._specs, ends=not playback.is_endless or request.duration is not None)
        for spec in self._specs:
            refuse_loop(source, spec)
        self._info = StreamInfo.of(source, also_read=files_read(request.preset, self._settings))
        if source.path is not None and source.path == Path(demo.demo_clip):
            source.name = "demo"  # nobody knows where the clip lies, or chose it for its sound
            self._info = replace(self._info, tells_lost_sound=False)
        check_outputs(self._specs, self._info)
        warn_of_one_picture(self._specs, source.name, self._place.kind)
        self._pace = _pace(source, self._specs, playback)
        self._speaker = speaker_of(self._once, source, self._pace) if playback.sound and self._pace else None
        self._film = film_among(self._specs, source)

    def _open_sinks(self, opened: Opener, locks: ExitStack, desks: ExitStack) -> None:
        """Open the sinks and load the network, in the order in which faults are found the soonest."""
        request, film = self._request, self._film
        lock: OutputLock | None = None
        kept: Kept | None = None
        if request.resume and film is None:
            begin_again(self._specs, self._source)
        elif request.resume and film is not None:
            # First: whoever goes on with a film that another run still writes would dream in vain.
            lock = locks.enter_context(OutputLock(Path(film)))
            check_new(Path(film), request.overwrite)
            self._load(desks)
            self._resuming = self._resuming_of(film)
            with Activity(f"reading {self._resuming.part}", delay=QUICK_SECONDS):
                kept = self._resuming.pick_up(self._source, lock)
        self._sinks = [
            opened(
                open_sink(
                    spec,
                    self._info,
                    encoding=request.encoding,
                    overwrite=request.overwrite,
                    lock=lock if spec == film else None,
                    kept=kept if spec == film else None,
                    placement=request.placement,
                )
            )
            for spec in self._specs
        ]
        for sink in self._sinks:
            if isinstance(sink, VirtualCameraSink):  # which device it took is known only now
                refuse_loop(self._source, sink.device)
            if isinstance(sink, NetworkSink) and request.playback.speed is not None:
                sink.speed = request.playback.speed
        if self._resuming is None:  # a sink that cannot be opened is said before the network is loaded
            self._load(desks)
            self._resuming = self._resuming_of(film) if film is not None else None
        for sink in self._sinks:
            sink.recipe = self._carried
        if self._resuming is not None and film is not None:
            self._checkpoints = self._resuming.begin(self._sinks[self._specs.index(film)])

    def _resuming_of(self, film: str) -> Resuming:
        encoder = choose_encoder(Path(film).suffix.lower(), self._request.encoding, self._info.size)
        return Resuming(film, self._recipe, self._player, encoder=encoder.name)

    def _load(self, desks: ExitStack) -> None:
        """Load the network, and make the desk of a tour."""
        request = self._request
        options = recipe_options(replace(request, rate=None, duration=None) if self._source.live else request)
        self._dreamer = self._prepared()
        self._recipe = recipe_of(self._dreamer, self._source, options)
        self._player = self._dreamer
        if request.tour is not None:
            from livedream.controls.controller import LiveController  # torch, as above

            self._player = LiveController(
                self._dreamer,
                self._preset,
                request.controls,
                of_preset=self._of_preset,
                live=self._is_smooth,
                tour=request.tour,
            )
            desks.callback(self._player.close)

    def _prepared(self) -> "Dreamer":
        """Return the dreamer, ready for the source; a window shows a live source until then.

        Neither a file nor a virtual camera shows what is not dreamt: who watches those need not know who dreams.
        """
        soon = self._pace is None  # a film that is played has begun with its first frame
        preview = preview_of(self._source)
        windows = [sink for sink in self._sinks if isinstance(sink, WindowSink)]
        if preview is None or not windows:
            return prepared(self._make_dreamer(self._settings), self._source, soon=soon)
        with Activity("preparing") as shown:

            def make(go_on: OnStep) -> "Dreamer":
                def on_step(report: StepReport) -> None:
                    go_on(report)
                    shown.step(report)

                dreamer = self._make_dreamer(self._settings)
                on_step(StepReport("preparing"))
                return prepared(dreamer, self._source, on_step, soon=soon)

            dreamer = show_until_made(preview, windows[0], make)
        if dreamer is None:
            raise _ClosedError
        return dreamer

    @property
    def _carried(self) -> Recipe | None:
        """The recipe that the outputs carry."""
        return self._recipe if self._request.recipe else None

    @property
    def _is_smooth(self) -> bool:
        """Whether frames do not wait for what a key asks for."""
        return self._source.live or (self._pace is not None and self._pace.only_played)

    def _announce(self) -> None:
        targets = ", ".join(sink.name for sink in self._sinks)
        say(f"{self._dreamer.description}, {self._look}: {describe(self._source)} -> {targets}")
        if self._of_all is None:  # else the batch has said it
            warn_of_useless_controls(self._request.controls, [self._place])
        if self._resuming is not None and self._resuming.first:
            say(f"going on at frame {self._resuming.first}")

    def _run(self, stop: Stop, desks: ExitStack) -> Report:
        source, request, resuming = self._source, self._request, self._resuming
        first = resuming.first if resuming else 0
        with (
            Progress(source, self._of_all, first=first) as progress,
            playing(
                self._player,
                self._sinks,
                preset=self._preset,
                of_preset=self._of_preset,
                given=request.controls,
                info=self._info,
                recipe=self._carried,
                live=self._is_smooth,
                playback=self._pace,
            ) as played,
        ):

            def on_progress(now: Report) -> None:
                self._report = now
                progress(now)
                played.on_progress(now)
                stop.check()

            governor = None
            if source.live and not request.fixed:
                governor = Governor(self._dreamer, request.fps or source.rate or USUAL_RATE)
            stop.hold()
            self._began = time.monotonic()
            if self._speaker is not None:
                desks.callback(self._speaker.close)
                self._speaker.open()
            began_with = self._dreamer.settings
            try:
                return run(
                    source,
                    played.dreamer,
                    self._sinks,
                    on_progress=on_progress,
                    checkpoints=self._checkpoints,
                    governor=governor,
                    changes=played.changes,
                    playback=self._pace,
                )
            finally:
                if source.live and not is_touring(played.dreamer):
                    remember(began_with, self._dreamer.settings)

    def _tell_that_it_stopped(self) -> None:
        if self._report is not None and self._report.dreamt:
            resuming = self._resuming
            unfinished = self._film if resuming is not None and resuming.part.exists() else None
            seconds = time.monotonic() - self._began
            remark(f"stopped: {conclusion(self._report, self._source, self._specs, unfinished, seconds=seconds)}")
        else:
            remark("stopped: nothing was written")
        tell_of_faults(self._report)
        if self._resuming is not None:
            self._resuming.tell()

    def _conclude(self, report: Report) -> int:
        """Say what came out, and return the exit code. Raises SourceError where not all of the source was dreamt."""
        if self._resuming is not None:
            self._resuming.finish()
        source = self._source
        say(conclusion(report, source, self._specs, seconds=time.monotonic() - self._began))
        if source.ended_early is not None:
            raise early_end(source)
        if source.lost:
            hint = "the others are dreamt; repair these, or take them away"
            raise SourceError(f"{source.name}: {source.lost} of {len(source.files)} pictures cannot be read", hint)
        return 1 if tell_of_faults(report) else 0


def _pace(source: Source, sink_specs: Sequence[str], playback: PlaybackOptions) -> Playback | None:
    """Return the clock by which `source` is played to these sinks; None where it goes as fast as the dream."""
    if source.live or source.stills or not playback.plays(sink_specs):
        return None
    return Playback(playback.speed or Fraction(1), only_played=not any(map(keeps_every_frame, sink_specs)))


def prepare(dreamer: "Dreamer", source: Source, options: Mapping[str, str | int]) -> "tuple[Dreamer, Recipe]":
    """Load the network and warm it up for `source`, and return the recipe of what comes out."""
    return prepared(dreamer, source), recipe_of(dreamer, source, options)


def prepared(dreamer: "Dreamer", source: Source, on_step: OnStep | None = None, *, soon: bool = False) -> "Dreamer":
    """Return `dreamer` with its network loaded and warmed up for `source`.

    on_step: gets how far it is, on the thread that dreams; without it that is shown. soon: see `Dreamer.prepare`.
    """
    if on_step is None:
        with Activity("preparing") as shown:
            return prepared(dreamer, source, shown.step, soon=soon)
    dreamer.on_step = on_step
    try:
        dreamer.prepare(source.size, still=source.stills, soon=soon)
    finally:
        dreamer.on_step = None
    return dreamer


def recipe_of(dreamer: "Dreamer", source: Source, options: Mapping[str, str | int]) -> Recipe:
    """Return the recipe of what comes out where `dreamer` dreams `source`."""
    with Activity(f"reading {source.name}", delay=QUICK_SECONDS):
        return recipe_for(source, dreamer.settings, dreamer.description, options)


def is_touring(player: "Dreamer | LiveController") -> bool:
    """Return whether it is by chance which settings are those of now."""
    return getattr(player, "touring", False)


def recipe_options(request: Request) -> dict[str, str | int]:
    """Return on what the output depends beside settings and source, in the words of the command line."""
    looped = request.playback.loop
    numbers = {
        "start": request.start,
        "end": request.end if looped else request.until,
        "duration": request.duration if looped else None,
        "tour": request.tour,
        "rate": request.rate,
    }
    options: dict[str, str | int] = {name: str(number) for name, number in numbers.items() if number is not None}
    if request.playback.rounds is not None and request.playback.rounds > 1:
        options["loop"] = request.playback.rounds
    if request.encoding.codec != "auto":
        options["codec"] = request.encoding.codec
    if request.encoding.quality is not None:
        options["quality"] = request.encoding.quality
    if request.encoding.hardware != "off":
        options["hardware"] = request.encoding.hardware
    return options


def new_dreamer(settings: DreamSettings) -> "Dreamer":
    load_torch()
    from livedream.dream.dreamer import Dreamer

    return Dreamer(settings)


def usual_sink(source: Source) -> str:
    """Return where the frames of `source` go when nobody says it: live ones into a window, others beside us."""
    if source.live:
        return WINDOW
    stem = "stdin" if source.path is None else source.path.stem or "pictures"
    if not source.stills:
        return fitting(stem, "-dream.mp4")
    return fitting(stem, "-dream.png") if source.length == 1 else fitting(stem, "-dream") + "/"


def refuse_twins(sink_specs: Sequence[str]) -> None:
    """Raise ArgumentError when two sinks are one and the same."""
    places = [os.path.realpath(spec) if leaves_a_file(spec) else spec for spec in sink_specs]
    places = [STDOUT if is_stdout(place) else place for place in places]
    for number, place in enumerate(places):
        if place in places[:number]:
            hint = "give each --to a name of its own" if leaves_a_file(sink_specs[number]) else "name it once"
            raise ArgumentError(f"{shown(sink_specs[number])} is named twice", hint)
