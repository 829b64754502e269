"""Shows each step of the dream of one picture in a window, and then the finished dream, until the window is closed."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from livedream.capture.kind import is_image
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.cli.console import remark, say
from livedream.cli.progress import step_status, took
from livedream.cli.signals import Stop, Stopped, stopping
from livedream.cli.status_line import StatusLine
from livedream.cli.tasks.closing import Opener, closing
from livedream.cli.tasks.effects import Kind, Place, refuse_useless, warn_of_useless_controls
from livedream.cli.tasks.interactive import PresetChoice, window_controls
from livedream.cli.tasks.monitor import RunMonitor
from livedream.cli.tasks.recipes import choose_settings, files_read, new_dreamer, prepare, recipe_of, recipe_options
from livedream.cli.tasks.reporting import describe, report_faults
from livedream.cli.tasks.request import Request
from livedream.cli.time_left import TimeLeft
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.pipeline import Changes, Report, run
from livedream.presets import STILL
from livedream.recipe import Recipe
from livedream.sink.null import NullSink
from livedream.sink.open import WINDOW, check_outputs, holds_one_picture, leaves_a_file, open_sink
from livedream.sink.sink import Sink
from livedream.steps import StepReport
from livedream.stream_info import StreamInfo

if TYPE_CHECKING:
    from livedream.controls.image_controller import ImageController
    from livedream.dream.dreamer import Dreamer


def is_shown_picture(source_spec: str, request: Request) -> bool:
    """Return whether the source is one picture for a window: its steps are shown even without --watch."""
    path = Path(source_spec)
    return WINDOW in request.sinks and not request.playback.loop and path.is_file() and is_image(path)


def watch(source_spec: str, request: Request) -> int:
    """Dream one picture, show each step, and return the exit code.

    The window stays until it is closed; its keys restart the dream. Among the sinks, videos, GIFs and folders get the
    steps until the dream is finished, and pictures get the finished dream, even if the window is closed before.
    """
    return _Watch(source_spec, request).execute()


class _Watch:
    """One picture on its way into its sinks. Each step uses what the steps before it have opened."""

    _picture: Source
    _source: "PictureSteps"
    """The steps of the dream."""
    _info: StreamInfo
    """The stream of the steps."""
    _window: Sink | None
    _sinks: list[Sink]
    """The sinks of the run: the window, and the sinks for the steps."""
    _videos: list[Sink]
    """The sinks for the steps, until they have the first dream."""
    _results: list["_Result"]
    """The sinks for the finished dream."""
    _dreamer: "Dreamer"
    _recipe: Recipe | None
    """The recipe that the outputs carry."""

    def __init__(self, source_spec: str, request: Request) -> None:
        self._request = request
        self._preset = request.preset or STILL
        self._settings = choose_settings(self._preset, request.controls)
        self._place = Place(source_spec, Kind.PICTURE, request.sinks)
        self._targets = [spec for spec in request.sinks if spec != WINDOW]
        self._finished: SimpleQueue[tuple[Frame, float]] = SimpleQueue()
        self._dreams = 0
        """The number of finished dreams."""
        self._first_frames = 0
        """The number of frames up to the end of the first dream."""
        self._conclusion = "closed before the dream was finished"

    def execute(self) -> int:
        """Open, dream and close, whatever happens, and return the exit code."""
        try:
            with stopping() as stop, closing(stop) as opened, ExitStack() as cleanup:
                self._open(opened)
                self._announce()
                report = self._run(stop, cleanup)
        except Stopped as stopped:
            remark("stopped" if self._dreams else "stopped: nothing was written")
            return stopped.exit_code
        if not self._dreams or self._window is None:  # otherwise it was printed when the dream was finished
            say(self._conclusion)
        recorded = [sink.name for sink in report.sinks[len(self._sinks) :] if sink.written]
        if recorded:
            say(f"recorded: {', '.join(recorded)}")
        return 1 if report_faults(report) else 0

    def _open(self, opened: Opener) -> None:
        """Open the picture and its sinks, and load the network."""
        request = self._request
        self._picture = opened(open_source(self._place.source, size=request.size, rate=request.rate))
        _check(self._picture)
        refuse_useless(request, [self._place])
        self._window = _open_window(request, StreamInfo.of(self._picture))
        if self._window is not None:
            opened(self._window)
        info = StreamInfo.of(self._picture, also_read=files_read(request.preset, self._settings))
        check_outputs(self._targets, info)
        dreamer = new_dreamer(self._settings)
        length = dreamer.still_length(self._picture.size)
        self._source = opened(PictureSteps(self._picture, live=not self._targets, length=length))
        self._info = dataclasses.replace(StreamInfo.of(self._source), also_read=info.also_read)
        results, videos = _split(self._targets)
        self._videos = [
            opened(open_sink(spec, self._info, encoding=request.encoding, overwrite=request.overwrite))
            for spec in videos
        ]
        self._results = [opened(_Result(spec, info, overwrite=request.overwrite)) for spec in results]
        prepare(dreamer, self._picture)
        self._dreamer = dreamer
        self._recipe = recipe_of(dreamer, self._picture, recipe_options(request)) if request.recipe else None
        for sink in (*self._videos, *self._results):
            sink.recipe = self._recipe
        self._sinks = [*self._videos, *self._windows]
        if not self._videos and self._targets:  # a run needs a sink that gets every step
            self._sinks.insert(0, NullSink())

    @property
    def _windows(self) -> list[Sink]:
        return [] if self._window is None else [self._window]

    def _announce(self) -> None:
        names = ", ".join(sink.name for sink in (*self._videos, *self._results, *self._windows))
        say(f"{self._dreamer.description}, preset {self._preset}: {describe(self._picture)} -> {names}")
        warn_of_useless_controls(self._request.controls, [self._place])

    def _run(self, stop: Stop, cleanup: ExitStack) -> Report:
        from livedream.controls.image_controller import ImageController  # imports torch, which takes a second

        chosen = PresetChoice(self._preset, self._request.controls, choose_settings(self._preset, {}))
        controller = ImageController(
            self._dreamer,
            chosen.preset,
            chosen.given,
            preset_settings=chosen.preset_settings,
            watched=self._window is not None,
            on_finished=lambda frame, seconds: self._finished.put((frame, seconds)),
        )
        cleanup.callback(controller.close)
        self._source.controller = controller
        with (
            StatusLine() as line,
            window_controls(controller, self._sinks, chosen, info=self._info, recipe=self._recipe) as controlled,
        ):
            time_left = TimeLeft()

            def on_progress(report: Report) -> None:
                self._keep_finished(controller)
                self._end_videos(report, controlled.changes)
                if self._window is not None and self._window.finished:
                    controller.leave()
                if controller.step < controller.steps and not controller.frozen:
                    share = controller.step / controller.steps
                    step = StepReport("dreaming", controller.step, controller.steps)
                    line.show(step_status(step, time_left(share)), share)

            observe = RunMonitor().begin(stop, controlled.on_progress, on_progress)
            return run(self._source, controlled.dreamer, self._sinks, on_progress=observe, changes=controlled.changes)

    def _keep_finished(self, controller: "ImageController") -> None:
        """Write the dreams that were finished since the last call into the pictures."""
        for frame, seconds in _drained(self._finished):
            self._dreams += 1
            for result in self._results:
                result.save(frame, controller)
            if self._dreams == 1:
                self._first_frames = frame.index + 1
            self._conclusion = _conclusion(seconds, self._targets)
            if self._window is not None:
                hint = "" if self._window.finished else "; in the window, s saves it and q quits"
                say(f"{self._conclusion}{hint}")

    def _end_videos(self, now: Report, changes: Changes) -> None:
        """Remove the videos that have the whole first dream; its last frames may still be on their way to them."""
        if self._dreams and self._videos:
            reports = now.sinks[: len(self._videos)]
            if all(report.fault or report.written >= self._first_frames for report in reports):
                for video in self._videos:
                    changes.remove_sink(video)
                self._videos = []


def _check(source: Source) -> None:
    if not source.stills or source.length != 1:
        raise ArgumentError(f"--watch is for one picture, got {source.name}", "to watch a video, use --to window")


def _open_window(request: Request, info: StreamInfo) -> Sink | None:
    """Return the window; None if there is no display and the dream goes to a file.

    Raises SinkError if the window was named as a sink, or is the only one.
    """
    try:
        return open_sink(WINDOW, info, placement=request.placement)
    except SinkError as error:
        if WINDOW in request.sinks or not request.sinks:
            raise
        remark(f"no window: {error}")
        return None


def _split(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the sinks for the finished dream, and the sinks for its steps."""
    results = [spec for spec in specs if holds_one_picture(spec)]
    return results, [spec for spec in specs if spec not in results]


def _drained(queue: "SimpleQueue[tuple[Frame, float]]") -> Iterator[tuple[Frame, float]]:
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
    """The file for the finished dream; a later dream replaces it."""

    def __init__(self, spec: str, info: StreamInfo, *, overwrite: bool) -> None:
        self.name = spec
        self._open: Callable[[bool], Sink] = lambda again: open_sink(spec, info, overwrite=overwrite or again)
        self._sink: Sink | None = self._open(False)

    def save(self, frame: Frame, controller: "ImageController") -> None:
        """Write the dream, with the settings that made it."""
        sink, self._sink = self._sink or self._open(True), None
        with sink:
            if self.recipe is not None:
                sink.recipe = dataclasses.replace(
                    self.recipe, settings=controller.in_force, used=controller.description
                )
            sink.write(frame)

    def write(self, frame: Frame) -> None:
        raise NotImplementedError("only finished dreams are written, by `save`")

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


class PictureSteps(Source):
    """The steps of the dreams of `picture`, as its controller requests them.

    live: whether only the newest step counts. length: the number of steps of a dream.
    """

    def __init__(self, picture: Source, *, live: bool, length: int) -> None:
        from livedream.dream.dreamer import SPECTATE_RATE

        self._picture = picture
        self.controller: ImageController | None = None
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
            if self.controller is not None:
                yield from self.controller.frames(picture)

    def close(self) -> None:
        if self.controller is not None:
            self.controller.end()
