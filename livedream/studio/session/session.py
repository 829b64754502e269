"""The dream behind the page: one source after another, and the requests of all pages."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livedream.errors import ArgumentError, LivedreamError, SourceError
from livedream.faults import explain
from livedream.frame import Frame
from livedream.pipeline import Changes, Report, run
from livedream.pipeline.governor import Governor
from livedream.recipe import Recipe
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo
from livedream.studio.library.errors import NoSpaceError
from livedream.studio.media.broadcast import Broadcast, CaptureTimes
from livedream.studio.session.choice import USUAL_RATE, Offers, SourceChoice, describe
from livedream.studio.session.desk import Desk
from livedream.studio.session.heap import return_free_memory
from livedream.studio.session.history import Look
from livedream.studio.session.looks import OwnPresets
from livedream.studio.session.meters import meters_of
from livedream.studio.session.state import Phase, RecordingState, SourceState, Trouble
from livedream.studio.session.window import show_in

if TYPE_CHECKING:
    from livedream.controls.controller import LiveController
    from livedream.controls.recorder import Recorder
    from livedream.dream.dreamer import Dreamer

TICK_SECONDS = 0.1
"""How often the state is compared while no source runs; a run reports as often."""
METERS_SECONDS = 0.5
"""How often the pages get numbers."""
FREE_BYTES = 200 << 20
"""Space on the disk below which a recording ends, so that other programs keep some."""
FREE_SECONDS = 5.0
"""How often the space is looked at."""

_log = logging.getLogger(__name__)


class _NextSourceError(Exception):
    """Another source is wanted."""


class Folders:
    """Where a session writes. folder: of the studio."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.snapshots, self.recordings = folder / "snapshots", folder / "recordings"
        self.presets = folder / "presets"

    def hide(self, text: str) -> str:
        """Return a message without the place of the folder, which says nothing to another machine."""
        return text.replace(f"{self._folder}{os.sep}", "")

    @property
    def is_full(self) -> bool:
        """Whether the disk has hardly any space left."""
        return shutil.disk_usage(self._folder).free < FREE_BYTES


class Session:
    """Dreams the source that the pages choose, with the settings that they choose, until it is stopped.

    `run` belongs to the main thread: cameras of macOS and windows need it. All other methods may be called by any
    thread and return at once.

    Args:
        offers: the sources.
        first: the source to begin with.
        look: the settings to begin with, and their preset.
        folders: where snapshots, recordings and saved presets are.
        broadcast: gets every frame.
        window: an open window that shows the dream too, with its keys; None for no window.
    """

    def __init__(
        self,
        offers: Offers,
        first: SourceChoice,
        look: Look,
        folders: Folders,
        broadcast: Broadcast,
        *,
        window: Sink | None = None,
    ) -> None:
        self.offers = offers
        self.broadcast = broadcast
        self._folders = folders
        self._window = window
        self._recorder: Recorder | None = None
        self._recording_since = 0.0
        self._wanted: SourceChoice | None = first
        self._source: SourceState = SourceState(first.kind, first.id, first.name)
        self._phase: Phase = "loading"
        self._trouble: Trouble | None = None
        self._report: Report | None = None
        self._metered_at = self._looked_at = 0.0
        self._good: Look | None = None
        """The look with which the last run dreamt."""
        self._pages = 0
        self._wake = threading.Event()
        self.desk = Desk(look, OwnPresets(folders.presets), self._state)

    # The current state

    @property
    def newest_source(self) -> Frame | None:
        """The newest picture as it came from the source; None before the first one."""
        shown = self.broadcast.newest
        if shown is None:
            return None
        frame = shown.frame
        return frame if frame.source is None else frame.with_pixels(frame.source)

    def _state(self) -> dict[str, Any]:
        """Return the parts of the state that the desk does not know."""
        report = self._report
        recording = self._recorder.recording if self._recorder is not None else None
        return {
            "source": self._source,
            "phase": self._phase,
            "trouble": self._trouble,
            "notices": () if report is None else tuple(each for each in report.notices if each not in report.slow),
            "recording": None if recording is None else RecordingState(recording, self._recording_since),
            "pages": self._pages,
        }

    def note_pages(self, count: int) -> None:
        """Note how many pages are open."""
        self._pages = count
        self.desk.publisher.publish()

    # Requests: they hold from the next frame on

    def use(self, choice: SourceChoice) -> None:
        """Dream another source."""
        self._wanted = choice
        self._phase, self._trouble = "preparing", None
        self._source = SourceState(choice.kind, choice.id, choice.name, lender=_lender(choice))
        self.desk.publisher.publish()
        self._wake.set()

    def snapshot(self) -> Future[Path]:
        """Save the picture that is shown. Raises SourceError when nothing is dreamt, NoSpaceError on a full disk."""
        recorder = self._running_recorder()
        if self._folders.is_full:
            raise NoSpaceError("the disk is full", "delete files that you do not need")
        return recorder.snapshot()

    def record(self, on: bool) -> int:
        """Start or end a recording. Raises SourceError when nothing is dreamt, SinkError, NoSpaceError."""
        recorder = self._running_recorder()
        if (recorder.recording is not None) != on:
            if on and self._folders.is_full:
                raise NoSpaceError("the disk is full", "delete files that you do not need")
            self._recording_since = time.time()
            self.desk.publisher.change(recorder.start_recording if on else recorder.end_recording)
        return self.desk.publisher.revision

    def plays(self, file: str) -> bool:
        """Return whether the file with this id is the present source."""
        source = self._source
        return (source.kind, source.id) == ("file", file) and self._phase in ("preparing", "running")

    def hide(self, text: str) -> str:
        """Return a message for the pages, without the place of the folder on this machine."""
        return self._folders.hide(text)

    def _running_recorder(self) -> "Recorder":
        recorder = self._recorder
        if recorder is None:
            raise SourceError("nothing is dreamt at the moment", "choose a source first")
        return recorder

    # The main thread

    def run(self, check: Callable[[], object]) -> None:
        """Dream until `check`, which is called about ten times a second, raises an exception."""
        from livedream.dream.dreamer import Dreamer  # imports torch, which takes a second

        for folder in (self._folders.snapshots, self._folders.recordings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        dreamer = Dreamer(self.desk.settings)
        try:
            while True:
                check()
                choice, self._wanted = self._wanted, None
                if choice is None:
                    self.desk.publisher.publish()
                    self._wake.wait(TICK_SECONDS)
                    self._wake.clear()
                    continue
                self._dream(dreamer, choice, check)
                return_free_memory()
        finally:
            self.desk.close()
            self.broadcast.end()

    def _dream(self, dreamer: "Dreamer", choice: SourceChoice, check: Callable[[], object]) -> None:
        """Dream one source until another one is wanted, it ends, or it fails."""
        try:
            with ExitStack() as opened:
                source = opened.enter_context(CaptureTimes(self.offers.open(choice), self.broadcast))
                self._show(choice, source, "preparing")
                controller = self._prepared(dreamer, source.size)
                self._show(choice, source, "running")
                report = self._run(dreamer, controller, source, opened, check)
            if self._window is not None and self._window.finished:
                self._window.close()
                self._window, self._wanted = None, choice  # it was closed; the pages continue
            elif report is not None:
                self._trouble = Trouble(f"{source.name} has ended", "choose a source")
                self._phase = "waiting"
        except _NextSourceError:
            return
        except Exception as error:  # noqa: BLE001  the pages show it; another source may do
            fault = explain(error)
            _log.warning("%s", fault.message)
            self._trouble, self._phase = Trouble(self.hide(fault.message), fault.hint), "failed"
        finally:
            self._recorder, self._report = None, None
            self.desk.publisher.publish()

    def _run(
        self,
        dreamer: "Dreamer",
        controller: "LiveController",
        source: CaptureTimes,
        opened: ExitStack,
        check: Callable[[], object],
    ) -> Report:
        from livedream.controls.recorder import Recorder

        changes, info = Changes(), StreamInfo.of(source)
        recipe = Recipe(settings=dreamer.settings, source=source.name, used=dreamer.description)
        recorder = Recorder(
            controller,
            changes,
            info,
            recipe,
            snapshots=self._folders.snapshots,
            recordings=self._folders.recordings,
            on_complete=lambda: self.desk.publisher.tell({"type": "files"}),
        )
        opened.enter_context(closing(recorder))
        self._recorder = recorder
        sinks: list[Sink] = [self.broadcast]
        observers: list[Callable[[Report], None]] = [recorder.update, self._observe]
        if self._window is not None:
            sinks.append(self._window)
            observers.append(show_in(self._window, controller, recorder, len(sinks) - 1))

        def on_progress(report: Report) -> None:
            for observe in observers:
                observe(report)
            check()
            if self._wanted is not None:
                raise _NextSourceError

        governor = Governor(dreamer, source.rate or USUAL_RATE)
        try:
            return run(source, controller, sinks, on_progress=on_progress, governor=governor, changes=changes)
        finally:
            self._good = Look(controller.in_force, controller.preset, controller.preset_settings)

    def _prepared(self, dreamer: "Dreamer", size: tuple[int, int]) -> "LiveController":
        """Return a controller for the next source, whose network is loaded.

        Settings that cannot be prepared, such as a network that is not here, give way to those of the last run.
        """
        from livedream.controls.controller import LiveController

        def make(look: Look) -> LiveController:
            dreamer.settings = look.settings
            dreamer.reset()
            dreamer.prepare(size)
            return LiveController(dreamer, look.preset, preset_settings=look.preset_settings)

        try:
            return self.desk.take(make)
        except (LivedreamError, ArgumentError) as error:
            if self._good is None:
                raise
            controller = self.desk.take(make, self._good)
            controller.messages.show(self.hide(str(error)), "fault")
            return controller

    def _show(self, choice: SourceChoice, source: CaptureTimes, phase: Phase) -> None:
        if self._wanted is not None:
            return  # the next one is shown already
        width, height = source.size
        self._source = SourceState(
            kind=choice.kind,
            id=choice.id,
            name=choice.name or source.name,
            text=describe(source),
            width=width,
            height=height,
            rate=float(source.rate) if source.rate else None,
            lender=_lender(choice),
        )
        self._phase, self._trouble = phase, None
        self.desk.publisher.publish()

    def _observe(self, report: Report) -> None:
        self._report = report
        self.desk.observe()
        now = time.monotonic()
        if now - self._looked_at >= FREE_SECONDS:
            self._looked_at = now
            self._end_recording_on_a_full_disk()
        if now - self._metered_at >= METERS_SECONDS:
            self._metered_at = now
            self.desk.publisher.tell({"type": "meters", "meters": meters_of(report)})

    def _end_recording_on_a_full_disk(self) -> None:
        recorder = self._recorder
        if recorder is not None and recorder.recording is not None and self._folders.is_full:
            recorder.end_recording()
            self._trouble = Trouble("the recording has ended: the disk is full", "delete files that you do not need")


def _lender(choice: SourceChoice) -> str | None:
    return choice.id if choice.kind == "browser" else None
