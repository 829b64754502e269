"""Saves snapshots and recordings while a dream runs."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from livedream.controls.controller import LiveController
from livedream.controls.late_video import LateVideo
from livedream.errors import ArgumentError, LivedreamError
from livedream.pipeline import Changes, Report
from livedream.recipe import Recipe
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo

MAX_FILES = 1000
"""Snapshots and recordings that begin within one second."""


class Recorder:
    """Saves snapshots and recordings of a controller's frames in the current folder, in files named after the time.

    Errors are shown as messages of the controller.

    Args:
        controller: makes the frames.
        changes: adds the sink of a recording to the run, and removes it.
        info: the stream of the run.
        recipe: the recipe of the run; a file carries it with the settings of its moment. None: files carry none.
        clock: returns the current time.
        on_kept: called with a line for each file that was saved, from any thread.
    """

    def __init__(
        self,
        controller: LiveController,
        changes: Changes,
        info: StreamInfo,
        recipe: Recipe | None,
        *,
        clock: Callable[[], datetime] = datetime.now,
        on_kept: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._controller = controller
        self._on_kept = on_kept
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

    def snapshot(self) -> None:
        """Save the picture that is shown as a PNG, on a separate thread."""
        frame = self._controller.visible
        if frame is None:
            self._controller.messages.show("no picture yet", "snapshot")
            return
        opened = self._open(".png")
        if opened is None:
            return
        sink, path = opened

        def write() -> None:
            try:
                with sink:
                    sink.write(frame)
            except LivedreamError as error:
                self._controller.messages.show(f"no snapshot: {error}")
            else:
                self._kept(f"snapshot: {path.resolve()}")

        thread = threading.Thread(target=write, name="livedream-snapshot")
        self._writing = [other for other in self._writing if other.is_alive()] + [thread]
        thread.start()

    def toggle_recording(self) -> None:
        """Start recording a video with the next frame, or end the recording."""
        if self._recording is not None:
            sink, path = self._recording
            self._recording = None
            self._changes.remove_sink(sink)
            self._kept(f"recorded: {path.resolve()}", "recording")
            return
        opened = self._open(".mp4")
        if opened is not None:
            video, path = opened
            self._recording = LateVideo(video), path
            self._changes.add_sink(self._recording[0])
            self._controller.refresh()
            self._controller.messages.show(f"recording: {path}", "recording")

    def close(self) -> None:
        """Wait for the snapshots that are being written. The run ends a recording."""
        for thread in self._writing:
            thread.join()

    def _kept(self, text: str, about: str = "") -> None:
        self._controller.messages.show(text, about)
        self._on_kept(text)

    def _open(self, suffix: str) -> tuple[Sink, Path] | None:
        name = f"livedream-{self._clock():%Y%m%d-%H%M%S}"
        for number in range(1, MAX_FILES):
            stem = name if number == 1 else f"{name}-{number}"
            if any(Path().glob(f"{stem}.*")):  # two within a second
                continue
            path = Path(stem + suffix)
            try:
                sink = open_sink(path, self._info)
            except (LivedreamError, ArgumentError) as error:
                if any(Path().glob(f"{stem}.*")):  # another livedream took the name meanwhile
                    continue
                self._controller.messages.show(str(error))
                return None
            if self._recipe is not None:
                settings, used = self._controller.in_force, self._controller.description
                sink.recipe = dataclasses.replace(self._recipe, settings=settings, used=used)
            return sink, path
        self._controller.messages.show(f"no free name: {name} has more than {MAX_FILES - 1} files already")
        return None
