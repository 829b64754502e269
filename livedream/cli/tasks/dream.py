"""What `run` and `demo` have in common: open the source and the sinks, dream, close, and report the result."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.capture.feedback_loop import refuse_loop
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.console import say
from livedream.cli.progress import Progress
from livedream.cli.signals import Stop, Stopped, stopping
from livedream.cli.tasks.closing import Opener, closing
from livedream.cli.tasks.dream_plan import DreamPlan, make_plan
from livedream.cli.tasks.effects import warn_of_useless_controls
from livedream.cli.tasks.interactive import PresetChoice, window_controls
from livedream.cli.tasks.last_settings import remember
from livedream.cli.tasks.loading import begin_loading
from livedream.cli.tasks.monitor import RunMonitor
from livedream.cli.tasks.opening import USUAL_RATE, preview_of
from livedream.cli.tasks.preview import show_until_made
from livedream.cli.tasks.recipes import choose_settings, new_dreamer, prepare, recipe_of, recipe_options
from livedream.cli.tasks.reporting import conclusion, describe, early_end, report_faults
from livedream.cli.tasks.request import Request
from livedream.cli.tasks.resume import Resuming, begin_again
from livedream.errors import SourceError
from livedream.pipeline import Report, run
from livedream.pipeline.checkpoints import Checkpoints
from livedream.pipeline.governor import Governor
from livedream.presets import FILM
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.network_stream import NetworkSink
from livedream.sink.open import open_sink
from livedream.sink.partial_file import check_new
from livedream.sink.sink import Sink
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.salvage import Salvage
from livedream.sink.virtual_camera import VirtualCameraSink
from livedream.sink.window.window_sink import WindowSink
from livedream.steps import OnStep, StepReport
from livedream.stills import StillFrames

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

    make_dreamer: returns a dreamer that remembers nothing; a new one by default. of_all: returns the progress of the
    batch that this run is a part of, see `Progress`.
    """
    choose_settings(request.preset or FILM, request.controls)  # report wrong ones before a camera is opened
    begin_loading()
    return _Dream(source_spec, request, make_dreamer or new_dreamer, of_all).execute()


class _ClosedError(Exception):
    """The window was closed before anything was dreamt."""


class _Dream:
    """One source on its way into its sinks. Each step uses what the steps before it have opened."""

    _plan: DreamPlan
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
        self._sinks: list[Sink] = []
        self._monitor = RunMonitor()
        self._resuming: Resuming | None = None
        self._checkpoints: Checkpoints | None = None

    def execute(self) -> int:
        """Open, dream and close, whatever happens, and return the exit code."""
        try:
            with ExitStack() as locks, stopping() as stop, closing(stop) as opened, ExitStack() as cleanup:
                self._plan = make_plan(self._spec, self._request, opened)
                self._open_sinks(opened, locks, cleanup)
                self._announce()
                report = self._run(stop, cleanup)
        except Stopped as stopped:
            self._report_stop()
            return stopped.exit_code
        except _ClosedError:
            say("closed before the first frame was dreamt")
            return 0
        except Exception:
            if self._resuming is not None:
                self._resuming.report_leftover()
            raise
        return self._conclude(report)

    def _open_sinks(self, opened: Opener, locks: ExitStack, cleanup: ExitStack) -> None:
        """Open the sinks and load the network, in the order that finds errors soonest."""
        request, plan, video = self._request, self._plan, self._plan.resumable
        lock: OutputLock | None = None
        kept: Salvage | None = None
        if request.resume and video is None:
            begin_again(plan.sink_specs, plan.source)
        elif request.resume and video is not None:
            # The lock comes first: to continue a video that another run still writes would be in vain.
            lock = locks.enter_context(OutputLock(Path(video)))
            check_new(Path(video), request.overwrite)
            self._load(cleanup)
            self._resuming = self._new_resuming(video)
            with Activity(f"reading {self._resuming.part}", delay=QUICK_SECONDS):
                kept = self._resuming.pick_up(plan.source, lock)
        self._sinks = [
            opened(
                open_sink(
                    spec,
                    plan.info,
                    encoding=request.encoding,
                    overwrite=request.overwrite,
                    lock=lock if spec == video else None,
                    salvage=kept if spec == video else None,
                    placement=request.placement,
                )
            )
            for spec in plan.sink_specs
        ]
        for sink in self._sinks:
            if isinstance(sink, VirtualCameraSink):  # only now is it known which device it took
                refuse_loop(plan.source, sink.device)
            if isinstance(sink, NetworkSink) and request.playback.speed is not None:
                sink.speed = request.playback.speed
        if self._resuming is None:  # a sink that cannot be opened is reported before the network is loaded
            self._load(cleanup)
            self._resuming = self._new_resuming(video) if video is not None else None
        for sink in self._sinks:
            sink.recipe = self._embedded_recipe
        if self._resuming is not None and video is not None:
            self._checkpoints = self._resuming.begin(self._sinks[plan.sink_specs.index(video)])

    def _new_resuming(self, video: str) -> Resuming:
        encoder = choose_encoder(Path(video).suffix.lower(), self._request.encoding, self._plan.info.size)
        return Resuming(video, self._recipe, self._player, encoder=encoder.name)

    def _load(self, cleanup: ExitStack) -> None:
        """Load the network, and make the controller of a tour."""
        request, plan = self._request, self._plan
        options = recipe_options(replace(request, rate=None, duration=None) if plan.source.live else request)
        self._dreamer = self._prepared_dreamer()
        self._recipe = recipe_of(self._dreamer, plan.source, options)
        self._player = self._dreamer
        if request.tour is not None:
            from livedream.controls.controller import LiveController  # imports torch, which takes a second

            self._player = LiveController(
                self._dreamer,
                plan.look.preset,
                request.controls,
                preset_settings=plan.look.preset_settings,
                live=plan.never_waits,
                tour=request.tour,
            )
            cleanup.callback(self._player.close)

    def _prepared_dreamer(self) -> "Dreamer":
        """Return the dreamer, ready for the source; until then a window shows a live source.

        Files and virtual cameras never show frames that are not dreamt: who watches those need not know who dreams.
        """
        settings, source = self._plan.look.settings, self._plan.source
        soon = self._plan.clock is None  # a video that is played begins with its first frame
        preview = preview_of(source)
        windows = [sink for sink in self._sinks if isinstance(sink, WindowSink)]
        if preview is None or not windows:
            dreamer = self._make_dreamer(settings)
            prepare(dreamer, source, soon=soon)
            return dreamer
        with Activity("preparing") as activity:

            def make(check_cancelled: OnStep) -> "Dreamer":
                def on_step(report: StepReport) -> None:
                    check_cancelled(report)
                    activity.step(report)

                dreamer = self._make_dreamer(settings)
                on_step(StepReport("preparing"))
                prepare(dreamer, source, on_step, soon=soon)
                return dreamer

            made = show_until_made(preview, windows[0], make)
        if made is None:
            raise _ClosedError
        return made

    @property
    def _embedded_recipe(self) -> Recipe | None:
        """The recipe that the outputs carry."""
        return self._recipe if self._request.recipe else None

    def _announce(self) -> None:
        plan = self._plan
        targets = ", ".join(sink.name for sink in self._sinks)
        say(f"{self._dreamer.description}, {plan.look.description}: {describe(plan.source)} -> {targets}")
        if self._of_all is None:  # otherwise the batch has warned
            warn_of_useless_controls(self._request.controls, [plan.place])
        if self._resuming is not None and self._resuming.first:
            say(f"continuing at frame {self._resuming.first}")

    def _run(self, stop: Stop, cleanup: ExitStack) -> Report:
        request, plan, source = self._request, self._plan, self._plan.source
        chosen = PresetChoice(plan.look.preset, request.controls, plan.look.preset_settings)
        with (
            Progress(source, self._of_all, first=self._resuming.first if self._resuming else 0) as progress,
            window_controls(
                self._player,
                self._sinks,
                chosen,
                info=plan.info,
                recipe=self._embedded_recipe,
                live=plan.never_waits,
                clock=plan.clock,
            ) as controlled,
        ):
            governor = None
            if source.live and not request.fixed:
                governor = Governor(self._dreamer, request.fps or source.rate or USUAL_RATE)
            on_progress = self._monitor.begin(stop, progress, controlled.on_progress)
            if plan.speaker is not None:
                cleanup.callback(plan.speaker.close)
                plan.speaker.open()
            first_settings = self._dreamer.settings
            try:
                return run(
                    source,
                    StillFrames(controlled.dreamer) if source.stills else controlled.dreamer,
                    self._sinks,
                    on_progress=on_progress,
                    checkpoints=self._checkpoints,
                    governor=governor,
                    changes=controlled.changes,
                    playback=plan.clock,
                )
            finally:
                # The settings at the end of a tour are a matter of chance.
                if source.live and not getattr(controlled.dreamer, "touring", False):
                    remember(first_settings, self._dreamer.settings)

    def _report_stop(self) -> None:
        report, resuming = self._monitor.report, self._resuming
        if report is None:
            self._monitor.report_nothing()
        else:
            unfinished = self._plan.resumable if resuming is not None and resuming.part.exists() else None
            self._monitor.report_stop(self._plan.source, self._plan.sink_specs, unfinished)
        report_faults(report)
        if resuming is not None:
            resuming.report_leftover()

    def _conclude(self, report: Report) -> int:
        """Print a summary and return the exit code. Raises SourceError when a part of the source is missing."""
        if self._resuming is not None:
            self._resuming.finish()
        source = self._plan.source
        say(conclusion(report, source, self._plan.sink_specs, seconds=self._monitor.seconds))
        if source.ended_early is not None:
            raise early_end(source)
        if source.lost:
            hint = "the others are dreamt; repair these, or take them away"
            raise SourceError(f"{source.name}: {source.lost} of {len(source.files)} pictures cannot be read", hint)
        return 1 if report_faults(report) else 0
