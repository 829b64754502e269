"""Saves snapshots and recordings while a dream runs."""

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from livedream.controls.controller import LiveController
from livedream.controls.late_video import LateVideo
from livedream.errors import ArgumentError, LivedreamError, SinkError
from livedream.pipeline import Changes, Report
from livedream.recipe import Recipe
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo

MAX_FILES = 1000
"""Snapshots and recordings that begin within one second."""


class Recorder:
    """Saves snapshots and recordings of a controller's frames, in files named after the time.

    Errors are shown as messages of the controller.

    Args:
        controller: makes the frames.
        changes: adds the sink of a recording to the run, and removes it.
        info: the stream of the run.
        recipe: the recipe of the run; a file carries it with the settings of its moment. None: files carry none.
        snapshots: the folder of the snapshots, the current one by default.
        recordings: the folder of the recordings.
        clock: returns the current time.
        on_kept: called with a line for each file that was saved, from any thread. A recording may take a moment longer.
        on_complete: called when a file is complete, from any thread.
    """

    def __init__(
        self,
        controller: LiveController,
        changes: Changes,
        info: StreamInfo,
        recipe: Recipe | None,
        *,
        snapshots: Path = Path(),
        recordings: Path = Path(),
        clock: Callable[[], datetime] = datetime.now,
        on_kept: Callable[[str], object] = lambda text: None,
        on_complete: Callable[[], object] = lambda: None,
    ) -> None:
        self._controller = controller
        self._on_kept = on_kept
        self._on_complete = on_complete
        self._changes = changes
        self._recipe = recipe
        # A recording begins in the middle: it has no sound, and its length is unknown.
        self._info = dataclasses.replace(
            info,
            live=True,
            sound=None,
            lost_sound=info.lost_sound if info.live else "",
            until=None,
            start=Fraction(0),
            length=None,
        )
        self._folders = {".png": snapshots, ".mp4": recordings}
        self._clock = clock
        self._recording: tuple[Sink, Path] | None = None
        self._writing: list[threading.Thread] = []

    @property
    def recording(self) -> str | None:
        """The name of the video that is being recorded."""
        return None if self._recording is None else self._recording[1].name

    def update(self, report: Report) -> None:
        """Forget a recording that has failed; the report says why."""
        if self._recording is not None:
            name = self._recording[0].name
            if any(sink.fault is not None and sink.name == name for sink in report.sinks):
                self._recording = None

    def snapshot(self) -> Future[Path]:
        """Save the picture that is shown as a PNG, on a separate thread.

        Returns:
            The path of the picture once it is written, or the error, which the controller shows as well.
        """
        saved: Future[Path] = Future()
        frame = self._controller.visible
        if frame is None:
            self._controller.messages.show("no picture yet", "snapshot")
            saved.set_exception(SinkError("no picture yet", "wait for the first one"))
            return saved
        try:
            sink, path = self._open(".png")
        except (LivedreamError, ArgumentError) as error:
            self._controller.messages.show(str(error))
            saved.set_exception(error)
            return saved

        def write() -> None:
            try:
                with sink:
                    sink.write(frame)
            except LivedreamError as error:
                self._controller.messages.show(f"no snapshot: {error}")
                saved.set_exception(error)
            else:
                self._kept("snapshot", path)
                self._on_complete()
                saved.set_result(path)

        thread = threading.Thread(target=write, name="livedream-snapshot")
        self._writing = [other for other in self._writing if other.is_alive()] + [thread]
        thread.start()
        return saved

    def start_recording(self) -> None:
        """Start recording a video with the next frame. Raises LivedreamError, ArgumentError."""
        video, path = self._open(".mp4")
        self._recording = LateVideo(video, self._on_complete), path
        self._changes.add_sink(self._recording[0])
        self._controller.refresh()
        self._controller.messages.show(f"recording: {path if _is_here(path) else path.name}", "recording")

    def end_recording(self) -> None:
        """End the recording, if there is one."""
        if self._recording is not None:
            sink, path = self._recording
            self._recording = None
            self._changes.remove_sink(sink)
            self._kept("recorded", path, "recording")

    def toggle_recording(self) -> None:
        """Start recording, or end the recording. An error is shown."""
        if self._recording is not None:
            self.end_recording()
            return
        try:
            self.start_recording()
        except (LivedreamError, ArgumentError) as error:
            self._controller.messages.show(str(error))

    def close(self) -> None:
        """Wait for the snapshots that are being written. The run ends a recording."""
        for thread in self._writing:
            thread.join()

    def _kept(self, what: str, path: Path, about: str = "") -> None:
        # In a folder that was chosen before, the name tells more than the place.
        self._controller.messages.show(f"{what}: {path.resolve() if _is_here(path) else path.name}", about)
        self._on_kept(f"{what}: {path.resolve()}")

    def _open(self, suffix: str) -> tuple[Sink, Path]:
        """Open a sink under a name that is free. Raises LivedreamError, ArgumentError."""
        folder, name = self._folders[suffix], f"livedream-{self._clock():%Y%m%d-%H%M%S}"
        for number in range(1, MAX_FILES):
            stem = name if number == 1 else f"{name}-{number}"
            if any(folder.glob(f"{stem}.*")):  # two within a second
                continue
            path = folder / (stem + suffix)
            try:
                sink = open_sink(path, self._info)
            except (LivedreamError, ArgumentError):
                if any(folder.glob(f"{stem}.*")):  # another livedream took the name meanwhile
                    continue
                raise
            if self._recipe is not None:
                settings, used = self._controller.in_force, self._controller.description
                sink.recipe = dataclasses.replace(self._recipe, settings=settings, used=used)
            return sink, path
        raise SinkError(f"no free name: {name} has more than {MAX_FILES - 1} files already", "wait a second")


def _is_here(path: Path) -> bool:
    """Return whether a path lies in the current folder."""
    return path.parent == Path()
