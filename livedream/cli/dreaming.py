"""What `run` and `demo` have in common: open, say what is used, dream, close, say what came out."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from livedream.capture.carried import carried_recipe
from livedream.capture.held import HeldSource
from livedream.capture.limited import LimitedSource
from livedream.capture.looped import LoopedSource
from livedream.capture.loops import refuse_loop
from livedream.capture.source import Source, open_source, takes_part
from livedream.cli.activity import Activity, load_torch
from livedream.cli.effects import Kind, Place, refuse_useless, warn_of_useless_controls
from livedream.cli.last_time import recall, remember, state_file
from livedream.cli.output import remark, say, say_error
from livedream.cli.playback_options import PlaybackOptions
from livedream.cli.playing import playing
from livedream.cli.progress import Progress, counted, dropped, elapsed, took
from livedream.cli.request import Request
from livedream.cli.resuming import Resuming, begin_again, film_among
from livedream.cli.stopping import Stop, Stopped, stopping
from livedream.cli.window_options import check_window
from livedream.dream.choice import AUTO, network_for
from livedream.dream.grammar import parse
from livedream.errors import ArgumentError, SourceError
from livedream.models import OFFICIAL
from livedream.names import fitting
from livedream.pipeline import Playback, Report, run
from livedream.pipeline.governor import Governor
from livedream.presets import FILM, LIVE, STILL, load_preset, parse_preset
from livedream.recipe import Recipe, fingerprint
from livedream.settings import DreamSettings
from livedream.sink.kept import Kept
from livedream.sink.lock import OutputLock
from livedream.sink.network import NetworkSink
from livedream.sink.part import check_new
from livedream.sink.sink import (
    STDOUT,
    WINDOW,
    Facts,
    Sink,
    check_outputs,
    is_stdout,
    keeps_every_frame,
    leaves_a_file,
    open_sink,
)
from livedream.sink.speaker import Speaker
from livedream.sink.virtual_camera import VirtualCameraSink
from livedream.urls import shown

if TYPE_CHECKING:
    from livedream.desk.desk import Desk
    from livedream.dream.dreamer import Dreamer

Opened = TypeVar("Opened", Source, Sink)
USUAL_RATE = Fraction(30)
"""The rate to hold where a live source does not know its own."""
QUICK_SECONDS = 0.5
"""What is usually done within this time is shown only when it takes longer."""


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
    preset, controls, tour, playback = request.preset, request.controls, request.tour, request.playback
    choose_settings(preset or FILM, controls)  # what is wrong in them comes out before a camera is opened
    report: Report | None = None
    resuming: Resuming | None = None
    lock: OutputLock | None = None
    began = time.monotonic()
    try:
        with ExitStack() as locks, stopping() as stop, closing(stop) as opened, ExitStack() as desks:
            with Activity(f"opening {shown(source_spec)}", delay=QUICK_SECONDS):
                # Of a loop the duration ends the whole, not each round.
                wanted = replace(request, duration=None) if playback.loop else request
                source = once = opened(open_wanted(source_spec, wanted))
                if playback.loop:
                    source = opened(_looped(source, source_spec, request))
            last = recall() if source.live and preset is None and not request.fresh else None
            if last is not None and controls.get("model", last.model) == last.model:  # a network has its own layers
                settings, look = last.replace(**controls), f"settings of the last live run ({state_file()})"
            else:
                preset = preset or usual_preset(source)
                settings, look = choose_settings(preset, controls), f"preset {preset}"
            if (playback.speed is not None or playback.sound) and (source.live or source.stills):
                name = "--sound" if playback.sound else "--speed"
                raise ArgumentError(f"{name} is for films, and {source.name} is not one", "leave it out")
            played_preset = preset or usual_preset(source)
            of_preset = choose_settings(played_preset, {})
            sink_specs = request.sinks or ((WINDOW if playback.is_watched else usual_sink(source)),)
            place = Place(source_spec, Kind.of(source), sink_specs)
            refuse_useless(request, [place])
            refuse_twins(sink_specs)
            check_window(request.placement, sink_specs)
            playback.check(sink_specs, ends=not playback.is_endless or request.duration is not None)
            for sink_spec in sink_specs:
                refuse_loop(source, sink_spec)
            facts = Facts.of(source, also_read=files_read(preset, settings))
            check_outputs(sink_specs, facts)
            options = recipe_options(replace(request, rate=None, duration=None) if source.live else request)
            pace = _pace(source, sink_specs, playback)
            speaker = _speaker(once, source, pace) if playback.sound and pace is not None else None
            is_smooth = source.live or (pace is not None and pace.only_played)
            make = make_dreamer or new_dreamer
            film = film_among(sink_specs, source)

            def begin() -> "tuple[Dreamer, Dreamer | Desk, Recipe]":
                dreamer, recipe = prepare(make(settings), source, options)
                if tour is None:
                    return dreamer, dreamer, recipe
                from livedream.desk.desk import Desk  # torch, as above

                desk = Desk(dreamer, played_preset, controls, of_preset=of_preset, live=is_smooth, tour=tour)
                desks.callback(desk.close)
                return dreamer, desk, recipe

            kept: Kept | None = None
            if request.resume and film is None:
                begin_again(sink_specs, source)
            elif request.resume and film is not None:
                # First: whoever goes on with a film that another run still writes would dream in vain.
                lock = locks.enter_context(OutputLock(Path(film)))
                check_new(Path(film), request.overwrite)
                dreamer, player, recipe = begin()
                resuming = Resuming(film, recipe, player)
                with Activity(f"reading {resuming.part}", delay=QUICK_SECONDS):
                    kept = resuming.pick_up(source, lock)
            sinks = [
                opened(
                    open_sink(
                        spec,
                        facts,
                        encoding=request.encoding,
                        overwrite=request.overwrite,
                        lock=lock if spec == film else None,
                        kept=kept if spec == film else None,
                        placement=request.placement,
                    )
                )
                for spec in sink_specs
            ]
            for sink in sinks:
                if isinstance(sink, VirtualCameraSink):  # which device it took is known only now
                    refuse_loop(source, sink.device)
                if isinstance(sink, NetworkSink) and playback.speed is not None:
                    sink.speed = playback.speed
            if resuming is None:  # a sink that cannot be opened is said before the network is loaded
                dreamer, player, recipe = begin()
                resuming = Resuming(film, recipe, player) if film is not None else None
            for sink in sinks:
                sink.recipe = recipe if request.recipe else None
            checkpoints = resuming.begin(sinks[sink_specs.index(film)]) if resuming and film else None
            targets = ", ".join(sink.name for sink in sinks)
            if tour is not None:
                look += f", tour: {float(tour):g} s a preset"
            say(f"{dreamer.description}, {look}: {describe(source)} -> {targets}")
            if of_all is None:  # else the batch has said it
                warn_of_useless_controls(controls, [place])
            first = resuming.first if resuming else 0
            if first:
                say(f"going on at frame {first}")
            with (
                Progress(source, of_all, first=first) as progress,
                playing(
                    player,
                    sinks,
                    preset=played_preset,
                    of_preset=of_preset,
                    given=controls,
                    facts=facts,
                    recipe=recipe if request.recipe else None,
                    live=is_smooth,
                    playback=pace,
                ) as played,
            ):

                def on_progress(now: Report) -> None:
                    nonlocal report
                    report = now
                    progress(now)
                    played.on_progress(now)
                    stop.check()

                governor = None
                if source.live and not request.fixed:
                    governor = Governor(dreamer, request.fps or source.rate or USUAL_RATE)
                stop.hold()
                began = time.monotonic()
                if speaker is not None:
                    desks.callback(speaker.close)
                    speaker.open()
                began_with = dreamer.settings
                try:
                    report = run(
                        source,
                        played.dreamer,
                        sinks,
                        on_progress=on_progress,
                        checkpoints=checkpoints,
                        governor=governor,
                        changes=played.changes,
                        playback=pace,
                    )
                finally:
                    if source.live and not is_touring(played.dreamer):
                        remember(began_with, dreamer.settings)
    except Stopped as stopped:
        unfinished = film if resuming is not None and resuming.part.exists() else None
        remark(
            f"stopped: {conclusion(report, source, sink_specs, unfinished, seconds=time.monotonic() - began)}"
            if report and report.dreamt
            else "stopped: nothing was written"
        )
        tell_of_faults(report)
        tell_of_part(resuming)
        return stopped.exit_code
    except Exception:
        tell_of_part(resuming)
        raise
    if resuming:
        resuming.finish()
    say(conclusion(report, source, sink_specs, seconds=time.monotonic() - began))
    if source.ended_early is not None:
        raise early_end(source)
    if source.lost:
        cure = "the others are dreamt; repair these, or take them away"
        raise SourceError(f"{source.name}: {source.lost} of {len(source.files)} pictures cannot be read", cure)
    return 1 if tell_of_faults(report) else 0


def open_wanted(spec: str, request: Request) -> Source:
    """Return the source that `spec` means, as far as it is wanted: a part of a film, a live source for some time."""
    start, end, duration = request.start, request.until, request.duration
    in_part = (start is not None or end is not None) and takes_part(spec)
    if in_part and duration is not None and start is None and "://" in spec:
        source = open_source(spec)  # only the server knows whether it is a film
        if source.live:
            return LimitedSource(source, duration)
        source.close()
    if in_part:
        return open_source(spec, size=request.size, rate=request.rate, start=start, end=end)
    source = open_source(spec, size=request.size, rate=request.rate)
    return source if duration is None else LimitedSource(source, duration)


def _looped(source: Source, spec: str, request: Request) -> Source:
    """Return the film `source` in a loop; a picture becomes a film in which nothing moves."""
    if not source.stills:
        return LoopedSource(source, request.playback.rounds, request.duration)
    if len(source.files) != 1:
        raise ArgumentError(f"--loop is for films and one picture, and {source.name} is several", "name one")
    if request.playback.rounds is not None:
        raise ArgumentError("--loop takes no number for a picture: it has no end", "--loop alone goes on dreaming")
    length = None if request.duration is None else max(1, round(request.duration * USUAL_RATE))
    return HeldSource(spec, USUAL_RATE, length)


def _pace(source: Source, sink_specs: Sequence[str], playback: PlaybackOptions) -> Playback | None:
    """Return the clock by which `source` is played to these sinks; None where it goes as fast as the dream."""
    if source.live or source.stills or not playback.plays(sink_specs):
        return None
    return Playback(playback.speed or Fraction(1), only_played=not any(map(keeps_every_frame, sink_specs)))


def _speaker(film: Source, source: Source, pace: Playback) -> Speaker | None:
    """Return what plays the sound of `film`, of which `source` may be a loop; None where there is none, which is told.

    Raises SinkError.
    """
    if film.sound is None or (not isinstance(film.sound, Path) and not film.sound.reopens):
        why = f"{film.name} has none" if film.sound is None else f"that of {film.name} can be read only once"
        remark(f"warning: no sound is played: {why}")
        return None
    looped = source if isinstance(source, LoopedSource) else None
    return Speaker(
        film.sound,
        pace,
        start=film.start,
        until=film.until,
        round_seconds=None if looped is None else lambda: looped.round_seconds,
    )


def prepare(dreamer: "Dreamer", source: Source, options: Mapping[str, str | int]) -> "tuple[Dreamer, Recipe]":
    """Load the network and warm it up for `source`, and return the recipe of what comes out."""
    with Activity("preparing") as shown:
        dreamer.on_step = shown.step
        try:
            dreamer.prepare(source.size, still=source.stills)
        finally:
            dreamer.on_step = None
    with Activity(f"reading {source.name}", delay=QUICK_SECONDS):
        return dreamer, Recipe(
            settings=dreamer.settings,
            source=source.path.resolve().name if source.path else "",  # no folder's name: films are passed on
            fingerprint=fingerprint(source.files) or source.identity,
            ingredients=ingredients(dreamer.settings),
            used=dreamer.description,
            options=options,
        )


def ingredients(settings: DreamSettings) -> str:
    """Return the fingerprint of the files that the layers name, and of weights of one's own.

    Raises SourceError, ArgumentError.
    """
    weights = [] if settings.weights == OFFICIAL else [Path(settings.weights)]
    return fingerprint([*parse(settings.layers).files, *weights])


def files_read(preset: str | None, settings: DreamSettings) -> dict[Path, str]:
    """Return the files beside the source of which a dream is made, with what each is; no output may replace one.

    preset: as `choose_settings` takes it.
    """
    read = dict.fromkeys(parse(settings.layers).files, "a file that the layers name")
    if settings.weights != OFFICIAL:
        read[Path(settings.weights)] = "the file of the weights"
    if preset is not None and Path(preset).suffix:
        read[Path(preset)] = "the preset"
    return read


def is_touring(player: "Dreamer | Desk") -> bool:
    """Return whether it is by chance which settings are those of now."""
    return getattr(player, "touring", False)


def tell_of_faults(report: Report | None) -> bool:
    """Say which sinks of a live run failed while the others went on; return whether there were any."""
    faults = [sink.fault for sink in report.sinks if sink.fault is not None] if report else []
    for fault in faults:
        say_error(fault)
    return bool(faults)


def early_end(source: Source) -> SourceError:
    """Return the error for a source that had fewer frames than its header says; those that came are written."""
    hint = "it was cut off or is damaged: get it again; what there is of it was dreamt"
    return SourceError(f"{source.name} ends after {source.ended_early}", hint)


def tell_of_part(resuming: Resuming | None) -> None:
    """Say where the film so far is, when a run ends too early."""
    if resuming is not None:
        resuming.tell()


def choose_settings(preset: str, controls: Mapping[str, Any]) -> DreamSettings:
    """Return the preset, with the given controls on top. With another network than its own the layers are `auto`.

    preset: as `load_preset` takes it, or a film or picture that carries its recipe. Raises ArgumentError, and
    SourceError for a film or picture that cannot be read.
    """
    path = Path(preset)
    carries = path.suffix.lower() not in ("", ".toml")
    settings = parse_preset(carried_recipe(path), preset) if carries else load_preset(preset)
    if controls.get("model", AUTO) not in (AUTO, network_for(settings).name):
        settings = settings.replace(layers="auto")  # its own are those of another network
    settings = settings.replace(**controls)
    network_for(settings)
    return settings


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
    return options


def new_dreamer(settings: DreamSettings) -> "Dreamer":
    load_torch()
    from livedream.dream.dreamer import Dreamer

    return Dreamer(settings)


def usual_preset(source: Source) -> str:
    """Return the preset for `source` when nobody names one."""
    return STILL if source.stills else LIVE if source.live else FILM


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
            raise ArgumentError(f"{shown(sink_specs[number])} is named twice", "give each --to a name of its own")


def describe(source: Source) -> str:
    """`film.mp4 1280x720, 25 fps`; of a camera also how its pictures come, `MJPG`."""
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

    unfinished: the one of the sinks that still has the name of its part, and is not named here. seconds: from the
    beginning of the run until its sinks were closed; that of the report by default.
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
    files += [sink.name for sink in report.sinks[len(sink_specs) :] if sink.written]  # recordings that came later
    return f"{text}; written: {', '.join(files)}" if files else text


@contextmanager
def closing(stop: Stop) -> Iterator[Callable[[Opened], Opened]]:
    """Close what is opened in the block, last first, whatever happens; a signal waits for that.

    Of several errors the first is raised: it is what went wrong. Only a signal gives way to an error.
    """
    things: list[Source | Sink] = []

    def opened(thing: Opened) -> Opened:
        things.append(thing)
        return thing

    first: BaseException | None = None
    try:
        yield opened
    except BaseException as error:  # noqa: BLE001  raised below
        first = error
    stop.hold()
    for thing in reversed(things):
        if isinstance(thing, Sink):
            thing.cut_short = first is not None
            if thing.given_up:
                continue
        try:
            with Activity(f"finishing {thing.name}", delay=QUICK_SECONDS):
                thing.close()
        except Exception as error:  # noqa: BLE001  raised below, when the rest is closed
            first = error if first is None or isinstance(first, Stopped) else first
    if first is not None:
        raise first
    stop.check()
