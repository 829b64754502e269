"""`--resume`: which runs can be resumed, and how one goes on."""

import dataclasses
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from livedream.capture.source import Source
from livedream.pipeline.journal import Journal, Stateful
from livedream.pipeline.resume import pick_up
from livedream.pipeline.run import Checkpoints
from livedream.recipe import Recipe
from livedream.sink.codecs import RESUMABLE
from livedream.sink.kept import Kept
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of
from livedream.sink.sink import ResumableSink, Sink

LIBRARIES = ("livedream", "torch", "av", "opencv-python", "numpy")
"""What else decides, in its version, about the last bit of a frame."""


def film_among(sink_specs: Sequence[str], source: Source) -> str | None:
    """Return the sink with which a run could be resumed: the only film, if it is made of a source that waits."""
    films = [spec for spec in sink_specs if Path(spec).suffix.lower() in RESUMABLE and not spec.endswith("/")]
    return films[0] if len(films) == 1 and not source.live and not source.stills else None


class Resuming:
    """The journal of a run into the film `spec`, from the first frame or from where an earlier run was cut off."""

    def __init__(self, spec: str, recipe: Recipe, dreamer: Stateful) -> None:
        self.part = part_of(Path(spec))
        self._journal = Journal(self.part, _job(recipe))
        self._dreamer = dreamer
        self._kept: Kept | None = None
        self.first = 0
        """The number of the frame with which the run begins."""

    def pick_up(self, source: Source, lock: OutputLock) -> None:
        """Go on where the earlier run was cut off, before the sink is opened, which takes over the `lock` of the film.

        Raises ArgumentError when there was none, or it had other settings or another source.
        """
        self._journal.check()
        found = pick_up(self._journal, lock)
        if found is not None:
            self._kept, point = found
            self.first = point.index
            self._dreamer.restore(point.state)
            source.skip(point.index)

    def begin(self, sink: Sink) -> Checkpoints:
        """Return what `pipeline.run` needs to keep the journal."""
        if not isinstance(sink, ResumableSink):
            raise TypeError(f"{sink.name} cannot be resumed")
        if self._kept is None:
            self._journal.begin()
        sink.resumable(self._kept)
        return Checkpoints(self._journal, sink, self._dreamer)

    def finish(self) -> None:
        """The film is complete and closed."""
        self._journal.finish()


def _job(recipe: Recipe) -> dict[str, str]:
    settings = {name: str(value) for name, value in dataclasses.asdict(recipe.settings).items()}
    options = {name: str(value) for name, value in recipe.options.items()}
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {**settings, **options, **versions, "input": recipe.fingerprint, "used": recipe.used}
