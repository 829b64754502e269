"""What is kept of a dream while it runs: snapshots and recordings."""

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

MOST_TAKES = 1000
"""In one second."""


class Recorder:
    """Takes snapshots and recordings of what the desk puts out, into files named after the time.

    They go into the current folder. What goes wrong is told at the desk.

    facts: what is known of the frames. recipe: of the run; what a take carries has the settings of its moment. None: it
    carries none. on_kept: called with a line for each file that was kept, from any thread.
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
        # A recording begins in the middle: no sound belongs to it, and nobody knows how long it gets.
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
        """The name of the film that is being recorded."""
        return None if self._recording is None else self._recording[1].name

    def update(self, report: Report) -> None:
        """Heed what the run says of the recording: one that failed has ended, and the report tells why."""
        if self._recording is not None:
            name = self._recording[0].name
            if any(sink.fault is not None and sink.name == name for sink in report.sinks):
                self._recording = None

    def snapshot(self) -> None:
        """Write the picture that is shown into a PNG, on a thread of its own."""
        frame = self._controller.visible
        if frame is None:
            self._controller.messages.tell("there is no picture yet", "snapshot")
            return
        opened = self._open(".png")
        if opened is None:
            return
        sink, path = opened

        def work() -> None:
            try:
                with sink:
                    sink.write(frame)
            except LivedreamError as error:
                self._controller.messages.tell(f"no snapshot: {error}")
            else:
                self._kept(f"snapshot: {path.resolve()}")

        thread = threading.Thread(target=work, name="livedream-snapshot")
        self._writing = [other for other in self._writing if other.is_alive()] + [thread]
        thread.start()

    def toggle_recording(self) -> None:
        """Begin to record into a film, with the next frame; or end the recording."""
        if self._recording is not None:
            sink, path = self._recording
            self._recording = None
            self._changes.remove_sink(sink)
            self._kept(f"recorded: {path.resolve()}", "recording")
            return
        opened = self._open(".mp4")
        if opened is not None:
            film, path = opened
            self._recording = LateVideo(film), path
            self._changes.add_sink(self._recording[0])
            self._controller.refresh()
            self._controller.messages.tell(f"recording: {path}", "recording")

    def close(self) -> None:
        """Wait for the snapshots that are being written. A recording ends with the run."""
        for thread in self._writing:
            thread.join()

    def _kept(self, text: str, about: str = "") -> None:
        self._controller.messages.tell(text, about)
        self._on_kept(text)

    def _open(self, suffix: str) -> tuple[Sink, Path] | None:
        name = f"livedream-{self._clock():%Y%m%d-%H%M%S}"
        for number in range(1, MOST_TAKES):
            stem = name if number == 1 else f"{name}-{number}"
            if any(Path().glob(f"{stem}.*")):  # two within a second
                continue
            path = Path(stem + suffix)
            try:
                sink = open_sink(path, self._info)
            except (LivedreamError, ArgumentError) as error:
                if any(Path().glob(f"{stem}.*")):  # another livedream in this folder was quicker
                    continue
                self._controller.messages.tell(str(error))
                return None
            if self._recipe is not None:
                settings, used = self._controller.in_force, self._controller.description
                sink.recipe = dataclasses.replace(self._recipe, settings=settings, used=used)
            return sink, path
        self._controller.messages.tell(f"{name} has too many takes in one second")
        return None
