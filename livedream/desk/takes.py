"""What is kept of a dream while it runs: snapshots and recordings."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from livedream.desk.desk import Desk
from livedream.desk.recording import Recording
from livedream.errors import ArgumentError, LivedreamError
from livedream.pipeline import Changes, Report
from livedream.recipe import Recipe
from livedream.sink.sink import Facts, Sink, open_sink

MOST_TAKES = 1000
"""In one second."""


class Takes:
    """Takes snapshots and recordings of what the desk puts out, into files named after the time.

    They go into the current folder. What goes wrong is told at the desk.

    facts: what is known of the frames. recipe: of the run; what a take carries has the settings of its moment. None: it
    carries none. on_kept: called with a line for each file that was kept, from any thread.
    """

    def __init__(
        self,
        desk: Desk,
        changes: Changes,
        facts: Facts,
        recipe: Recipe | None,
        *,
        clock: Callable[[], datetime] = datetime.now,
        on_kept: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._desk = desk
        self._on_kept = on_kept
        self._changes = changes
        self._recipe = recipe
        # A recording begins in the middle: no sound belongs to it, and nobody knows how long it gets.
        self._facts = dataclasses.replace(
            facts,
            live=True,
            sound=None,
            lost_sound=facts.lost_sound if facts.live else "",
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
        frame = self._desk.visible
        if frame is None:
            self._desk.notices.tell("there is no picture yet", "snapshot")
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
                self._desk.notices.tell(f"no snapshot: {error}")
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
            self._recording = Recording(film), path
            self._changes.add_sink(self._recording[0])
            self._desk.refresh()
            self._desk.notices.tell(f"recording: {path}", "recording")

    def close(self) -> None:
        """Wait for the snapshots that are being written. A recording ends with the run."""
        for thread in self._writing:
            thread.join()

    def _kept(self, text: str, about: str = "") -> None:
        self._desk.notices.tell(text, about)
        self._on_kept(text)

    def _open(self, suffix: str) -> tuple[Sink, Path] | None:
        name = f"livedream-{self._clock():%Y%m%d-%H%M%S}"
        for number in range(1, MOST_TAKES):
            stem = name if number == 1 else f"{name}-{number}"
            if any(Path().glob(f"{stem}.*")):  # two within a second
                continue
            path = Path(stem + suffix)
            try:
                sink = open_sink(path, self._facts)
            except (LivedreamError, ArgumentError) as error:
                if any(Path().glob(f"{stem}.*")):  # another livedream in this folder was quicker
                    continue
                self._desk.notices.tell(str(error))
                return None
            if self._recipe is not None:
                settings, used = self._desk.in_force, self._desk.description
                sink.recipe = dataclasses.replace(self._recipe, settings=settings, used=used)
            return sink, path
        self._desk.notices.tell(f"{name} has too many takes in one second")
        return None
