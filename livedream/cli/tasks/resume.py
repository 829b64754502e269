"""`--resume`: which runs can be resumed, and how one goes on."""

import dataclasses
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.capture.source import Source
from livedream.cli.console import remark
from livedream.errors import ArgumentError, SourceError
from livedream.pipeline.checkpoints import Journal, State, Stateful
from livedream.pipeline.resuming import frames_left, pick_up
from livedream.pipeline.run import Checkpoints
from livedream.recipe import Recipe
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of
from livedream.sink.open import leaves_a_file
from livedream.sink.sink import ResumableSink, Sink
from livedream.sink.video.codecs import VIDEO_SUFFIXES
from livedream.sink.video.salvage import Salvage

LIBRARIES = ("livedream", "torch", "av", "opencv-python", "numpy")
"""What else decides, in its version, about the last bit of a frame."""
_CHANGED = "settings_changed"


def film_among(sink_specs: Sequence[str], source: Source) -> str | None:
    """Return the sink with which a run could be resumed: the only film, if it is made of a source that waits."""
    films = [spec for spec in sink_specs if leaves_film(spec)]
    return films[0] if len(films) == 1 and not source.live and not source.stills else None


def begin_again(sink_specs: Sequence[str], source: Source) -> None:
    """Say that a run of which `film_among` returns none starts from the beginning, and why.

    Raises ArgumentError when an earlier run has left something that the user may want to be resumed.
    """
    films = sum(map(leaves_film, sink_specs))
    if source.live or source.stills:
        reason = f"{source.name} is {'live' if source.live else 'not a film'}, so it cannot be resumed"
    elif films > 1:
        reason = f"only one film can be resumed at a time, and {films} are named"
    else:
        reason = "only a film file can be resumed, not a folder of frames or what leaves no file"
    for path in (Path(spec) for spec in sink_specs if leaves_a_file(spec)):
        if part_of(path).exists() or _has_content(path):
            raise ArgumentError(
                f"{reason}; {path} is there already", "leave out --resume, or name one film: -o film.mp4"
            )
    remark(f"starting from the beginning: {reason}")


def _has_content(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def leaves_film(spec: str) -> bool:
    """Return whether the sink is a file with which another run could go on; an address may end like one."""
    return leaves_a_file(spec) and Path(spec).suffix.lower() in VIDEO_SUFFIXES and not spec.endswith("/")


class Resuming:
    """The journal of a run into the film `spec`, from the first frame or from where an earlier run was cut off.

    encoder: the name of what encodes the film. Another one, which --hardware auto may find the next time, writes other
    headers and cannot continue it.
    """

    def __init__(self, spec: str, recipe: Recipe, dreamer: Stateful, *, encoder: str) -> None:
        self.part = part_of(Path(spec))
        self._journal = Journal(self.part, {**_job(recipe), "encoder": encoder})
        self._recipe = recipe
        self._dreamer = dreamer
        self._settings = recipe.settings
        self._is_tour = "tour" in recipe.options
        self._resumes = False
        """Whether the journal is begun already."""
        self._is_refused = False
        """Whether the run cannot go on with what is there, and leaves it as it is."""
        self.first = 0
        """The number of the frame with which the run begins."""

    def pick_up(self, source: Source, lock: OutputLock) -> Salvage | None:
        """Go on where the earlier run was cut off, and return what it left; before the sink is opened.

        lock: of the film, held; the sink takes it over.

        Where nothing is left to go on from, the run begins anew, which is said.

        Raises ArgumentError, and changes nothing, when the film was begun with other settings or another source, and
        when nobody can tell how.
        """
        self._resumes = self._is_refused = True
        if not frames_left(self._journal):
            self._refuse_stranger(lock)
            self._is_refused = False
            self._journal.begin()
            self.part.unlink(missing_ok=True)
            remark(f"nothing of {self.part} can be resumed: starting from the beginning")
            return None
        self._refuse_stranger(lock)
        self._journal.check()
        self._is_refused = False
        found = pick_up(self._journal)
        if found is None:
            return None
        kept, point = found
        if point is None:
            self._journal.begin()
            remark(f"{self.part} is too short to resume, or its journal is damaged: starting from the beginning")
            return kept
        self.first = point.index
        if point.state.get(_CHANGED):
            remark("the settings were changed by keys before the interruption: continuing with those it began with")
        self.restore(point.state)
        source.skip(point.index)
        return kept

    def _refuse_stranger(self, lock: OutputLock) -> None:
        """Raise ArgumentError when there is a part that is not known to be of the run that is to be resumed."""
        if not self.part.exists() or (not self.part.stat().st_size and lock.vouches(self.part)):
            return
        if not self._journal.exists:
            cure = "move it away"
            if lock.vouches(self.part):  # else --overwrite leaves it too
                cure += ", or begin anew with --overwrite and without --resume"
            raise ArgumentError(f"{self.part} has no journal, so the settings it was begun with are unknown", cure)
        if not lock.vouches(self.part) and not self._carries_recipe():
            text = f"{self.part} is not the file that livedream wrote there, nor a copy that carries this recipe"
            raise ArgumentError(text, "move it away, and put the one back that livedream wrote")

    def _carries_recipe(self) -> bool:
        """Return whether the part was made by this recipe: whoever runs out of room copies it to a larger disk."""
        try:
            return not self._recipe.differences(embedded_recipe(self.part))
        except (ArgumentError, SourceError):
            return False

    def begin(self, sink: Sink) -> Checkpoints:
        """Return what `pipeline.run` needs to keep the journal."""
        if not isinstance(sink, ResumableSink):
            raise TypeError(f"{sink.name} cannot be resumed")
        if not self._resumes:
            self._journal.begin()
        sink.resumable()
        return Checkpoints(self._journal, sink, self)

    def state(self) -> State:
        """Return what the dreamer carries, and whether somebody has changed its settings; those of a tour change."""
        changed = not self._is_tour and getattr(self._dreamer, "settings", self._settings) != self._settings
        return {**self._dreamer.state(), _CHANGED: np.array(changed)}

    def restore(self, state: State) -> None:
        self._dreamer.restore({name: array for name, array in state.items() if name != _CHANGED})

    def report_leftover(self) -> None:
        """Say what is left, when the run ends too early."""
        if self._is_refused:
            return
        if frames_left(self._journal):
            remark(f"the film so far is {self.part}; --resume goes on with it")
        elif not self.part.exists():
            self._journal.finish()

    def finish(self) -> None:
        """The film is complete and closed."""
        self._journal.finish()


def _job(recipe: Recipe) -> dict[str, str]:
    settings = {name: str(value) for name, value in dataclasses.asdict(recipe.settings).items()}
    options = {name: str(value) for name, value in recipe.options.items()}
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    from livedream.dream.compute.precision import rounding  # torch: three seconds, and loaded by now

    files = {"input": recipe.fingerprint, "ingredients": recipe.ingredients}
    return {**settings, **options, **versions, **files, "used": recipe.used, "processor": rounding()}
