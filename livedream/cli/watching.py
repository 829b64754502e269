"""One picture in a window: each step of its dream, and then the dream, until somebody closes it."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from livedream.capture.kind import is_picture
from livedream.capture.source import Source, open_source
from livedream.cli.dreaming import (
    choose_settings,
    closing,
    describe,
    files_read,
    new_dreamer,
    prepare,
    recipe_options,
    tell_of_faults,
)
from livedream.cli.effects import Kind, Place, refuse_useless, warn_of_useless_controls
from livedream.cli.output import remark, say
from livedream.cli.playing import playing
from livedream.cli.progress import step_status, took
from livedream.cli.request import Request
from livedream.cli.status_line import StatusLine
from livedream.cli.stopping import Stopped, stopping
from livedream.cli.time_left import TimeLeft
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.names import NUMBERED
from livedream.pipeline import Report, run
from livedream.presets import STILL
from livedream.recipe import Recipe
from livedream.sink.null import NullSink
from livedream.sink.sink import WINDOW, Facts, Sink, check_outputs, leaves_a_file, open_sink
from livedream.steps import StepReport
from livedream.suffixes import PICTURES_OUT

if TYPE_CHECKING:
    from livedream.desk.picture_desk import PictureDesk


def is_shown_picture(source_spec: str, request: Request) -> bool:
    """Return whether that is one picture for a window: each step of its dream is shown, without --watch too."""
    path = Path(source_spec)
    return WINDOW in request.sinks and not request.playback.loop and path.is_file() and is_picture(path)


def watch(source_spec: str, request: Request) -> int:
    """Dream one picture, show each step, and return the exit code.

    The window stays until somebody closes it; its keys begin the dream anew. Films, GIFs and folders among the sinks
    keep the steps until the dream is finished, pictures the finished dream. A window that is closed before does not
    keep them from that.
    """
    preset = request.preset or STILL
    settings = choose_settings(preset, request.controls)
    finished: SimpleQueue[tuple[Frame, float]] = SimpleQueue()
    dreams, report, conclusion = 0, None, ""
    try:
        with stopping() as stop, closing(stop) as opened, ExitStack() as desks:
            picture = opened(open_source(source_spec, size=request.size, rate=request.rate))
            _check(picture)
            place = Place(source_spec, Kind.PICTURE, request.sinks)
            refuse_useless(request, [place])
            window = _open_window(request, Facts.of(picture))
            shown = [] if window is None else [opened(window)]
            targets = [spec for spec in request.sinks if spec != WINDOW]
            results, films = _sorted(targets)
            facts = Facts.of(picture, also_read=files_read(request.preset, settings))
            check_outputs(targets, facts)
            dreamer = new_dreamer(settings)
            source = PictureSteps(picture, live=not targets, length=dreamer.still_length(picture.size))
            opened(source)
            steps = dataclasses.replace(Facts.of(source), also_read=facts.also_read)
            keepers = [
                opened(open_sink(spec, steps, encoding=request.encoding, overwrite=request.overwrite)) for spec in films
            ]
            dreamer, recipe = prepare(dreamer, picture, recipe_options(request))
            pictures: list[_Result] = []
            for spec in results:
                pictures.append(_Result(spec, facts, recipe if request.recipe else None, overwrite=request.overwrite))
                opened(pictures[-1])
            for sink in keepers:
                sink.recipe = recipe if request.recipe else None
            sinks = [*keepers, *shown] if keepers or not targets else [NullSink(), *shown]
            names = ", ".join(sink.name for sink in (*keepers, *pictures, *shown))
            say(f"{dreamer.description}, preset {preset}: {describe(picture)} -> {names}")
            warn_of_useless_controls(request.controls, [place])

            from livedream.desk.picture_desk import PictureDesk  # torch: three seconds

            desk = PictureDesk(
                dreamer,
                preset,
                request.controls,
                of_preset=choose_settings(preset, {}),
                watched=window is not None,
            )
            desks.callback(desk.close)
            desk.on_finished = lambda frame, seconds: finished.put((frame, seconds))
            source.desk = desk
            with (
                StatusLine() as line,
                playing(desk, sinks, preset=preset, given=request.controls, facts=steps, recipe=recipe) as played,
            ):
                left = TimeLeft()

                def on_progress(now: Report) -> None:
                    nonlocal report, dreams, conclusion
                    report = now
                    played.on_progress(now)
                    for frame, seconds in _taken(finished):
                        dreams += 1
                        for target in pictures:
                            target.save(frame, desk)
                        if dreams == 1:  # the films keep one dream
                            for sink in keepers:
                                played.changes.remove_sink(sink)
                        conclusion = _conclusion(seconds, targets)
                        if shown:
                            say(f"{conclusion}; in the window s saves it and q quits")
                    if window is not None and window.finished:
                        desk.leave()
                    if desk.step < desk.steps:
                        share = desk.step / desk.steps
                        line.show(step_status(StepReport("dreaming", desk.step, desk.steps), left(share)), share)
                    stop.check()

                stop.hold()
                report = run(source, played.dreamer, sinks, on_progress=on_progress, changes=played.changes)
    except Stopped as stopped:
        remark("stopped" if dreams else "stopped: nothing was written")
        return stopped.exit_code
    if not dreams:
        say("closed before the dream was finished")
    elif not shown:
        say(conclusion)
    recorded = [sink.name for sink in report.sinks[len(sinks) :] if sink.written]
    if recorded:
        say(f"recorded: {', '.join(recorded)}")
    return 1 if tell_of_faults(report) else 0


def _check(source: Source) -> None:
    if not source.stills or source.length != 1:
        raise ArgumentError(f"--watch is for one picture, got {source.name}", "a film is watched with --to window")


def _open_window(request: Request, facts: Facts) -> Sink | None:
    """Return the window; None where there is no display and the dream is kept in a file.

    Raises SinkError where a window was asked for by name, or nothing would be left of the dream.
    """
    try:
        return open_sink(WINDOW, facts, placement=request.placement)
    except SinkError as error:
        if WINDOW in request.sinks or not request.sinks:
            raise
        remark(f"no window: {error}")
        return None


def _sorted(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the sinks for the finished dream, and those for its steps."""
    results = [spec for spec in specs if _is_one_picture(spec)]
    return results, [spec for spec in specs if spec not in results]


def _is_one_picture(spec: str) -> bool:
    path = Path(spec)
    is_folder = spec.endswith("/") or path.is_dir()
    return (
        leaves_a_file(spec) and not is_folder and path.suffix.lower() in PICTURES_OUT and not NUMBERED.search(path.name)
    )


def _taken(queue: "SimpleQueue[tuple[Frame, float]]") -> Iterator[tuple[Frame, float]]:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


def _conclusion(seconds: float, targets: Sequence[str]) -> str:
    text = f"dreamt {took(1, 'picture', seconds)}"
    files = [spec for spec in targets if leaves_a_file(spec)]
    return f"{text}; written: {', '.join(files)}" if files else text


class _Result(Sink):
    """The file for the finished dream; a later one replaces it."""

    def __init__(self, spec: str, facts: Facts, recipe: Recipe | None, *, overwrite: bool) -> None:
        self.name = spec
        self._open: Callable[[bool], Sink] = lambda again: open_sink(spec, facts, overwrite=overwrite or again)
        self._recipe = recipe
        self._sink: Sink | None = self._open(False)

    def save(self, frame: Frame, desk: "PictureDesk") -> None:
        """Write the dream, with the settings with which it was dreamt."""
        sink, self._sink = self._sink or self._open(True), None
        with sink:
            if self._recipe is not None:
                sink.recipe = dataclasses.replace(self._recipe, settings=desk.in_force, used=desk.description)
            sink.write(frame)

    def write(self, frame: Frame) -> None:
        raise NotImplementedError("only a finished dream is written, by `save`")

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


class PictureSteps(Source):
    """The steps of the dreams of `picture`, as `desk` has them dreamt.

    live: whether only the newest step counts. length: of how many steps a dream is.
    """

    def __init__(self, picture: Source, *, live: bool, length: int) -> None:
        from livedream.dream.dreamer import SPECTATE_RATE

        self._picture = picture
        self.desk: PictureDesk | None = None
        self.name, self.size, self.path = picture.name, picture.size, picture.path
        self.pixel_aspect = picture.pixel_aspect
        self.rate, self.time_base = SPECTATE_RATE, Fraction(1) / SPECTATE_RATE
        self.live = live
        self.length = length

    @property
    def files(self) -> Sequence[Path]:
        return self._picture.files

    def __iter__(self) -> Iterator[Frame]:
        for picture in self._picture:
            if self.desk is not None:
                yield from self.desk.frames(picture)

    def close(self) -> None:
        if self.desk is not None:
            self.desk.end()
