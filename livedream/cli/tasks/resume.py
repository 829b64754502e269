"""`--resume`: which runs can be resumed, and how to continue one."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.capture.source import Source
from livedream.cli.console import remark
from livedream.errors import ArgumentError, SourceError
from livedream.formats.suffixes import VIDEO_SUFFIXES
from livedream.pipeline.checkpoints import Checkpoints, Journal, State, Stateful, frames_left, pick_up
from livedream.recipe import Recipe, library_versions
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of
from livedream.sink.open import leaves_a_file
from livedream.sink.sink import ResumableSink, Sink
from livedream.sink.video.salvage import Salvage

_CHANGED = "settings_changed"


def resumable_video(sink_specs: Sequence[str], source: Source) -> str | None:
    """Return the sink with which the run could be resumed: the only video, if the source is not live."""
    videos = [spec for spec in sink_specs if is_video_file(spec)]
    return videos[0] if len(videos) == 1 and not source.live and not source.stills else None


def begin_again(sink_specs: Sequence[str], source: Source) -> None:
    """Report that a run without a resumable video starts from the beginning, and why; see `resumable_video`.

    Raises ArgumentError when an earlier run has left an output that the user may want to continue.
    """
    videos = sum(map(is_video_file, sink_specs))
    if source.live or source.stills:
        reason = f"{source.name} is {'live' if source.live else 'not a video'}, so it cannot be resumed"
    elif videos > 1:
        reason = f"only one video can be resumed at a time, and {videos} are named"
    else:
        reason = "only a video file can be resumed, not a folder of frames or an output without a file"
    for path in (Path(spec) for spec in sink_specs if leaves_a_file(spec)):
        if part_of(path).exists() or _has_content(path):
            raise ArgumentError(f"{reason}; {path} exists already", "leave out --resume, or name one video: -o out.mp4")
    remark(f"starting from the beginning: {reason}")


def _has_content(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def is_video_file(spec: str) -> bool:
    """Return whether the sink is a video file; an address may have the same suffix."""
    return leaves_a_file(spec) and Path(spec).suffix.lower() in VIDEO_SUFFIXES and not spec.endswith("/")


class Resuming:
    """The journal of a run into the video `spec`, from its first frame or from where an earlier run was interrupted.

    encoder: the name of the encoder. A different one, which --hardware auto may choose the next time, writes other
    headers and cannot continue the video.
    """

    def __init__(self, spec: str, recipe: Recipe, dreamer: Stateful, *, encoder: str) -> None:
        self.part = part_of(Path(spec))
        self._journal = Journal(self.part, {**_job(recipe), "encoder": encoder})
        self._recipe = recipe
        self._dreamer = dreamer
        self._settings = recipe.settings
        self._is_tour = "tour" in recipe.options
        self._resumes = False
        """Whether the journal exists already."""
        self._is_refused = False
        """Whether the run cannot continue the existing part, and leaves it as it is."""
        self.first = 0
        """The number of the frame with which the run begins."""

    def pick_up(self, source: Source, lock: OutputLock) -> Salvage | None:
        """Continue where the earlier run was interrupted, and return what it left. Call it before opening the sink.

        If nothing can be continued, that is reported and the run starts from the beginning.

        Args:
            source: skips the frames that are dreamt already.
            lock: the lock of the video, which the sink takes over.

        Raises:
            ArgumentError: the video was begun with other settings or another source, or that is unknown. Nothing is
                changed.
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
        resumed = pick_up(self._journal)
        if resumed is None:
            return None
        kept, point = resumed
        if point is None:
            self._journal.begin()
            remark(f"{self.part} is too short to resume, or its journal is damaged: starting from the beginning")
            return kept
        self.first = point.index
        if point.state.get(_CHANGED):
            remark("the settings were changed by keys before the interruption: continuing with the initial ones")
        self.restore(point.state)
        source.skip(point.index)
        return kept

    def _refuse_stranger(self, lock: OutputLock) -> None:
        """Raise ArgumentError when a part exists that may not belong to the run to be resumed."""
        if not self.part.exists() or (not self.part.stat().st_size and lock.vouches(self.part)):
            return
        if not self._journal.exists:
            hint = "move it away"
            if lock.vouches(self.part):  # otherwise --overwrite does not replace it either
                hint += ", or start again with --overwrite and without --resume"
            raise ArgumentError(f"{self.part} has no journal, so the settings it was begun with are unknown", hint)
        if not lock.vouches(self.part) and not self._carries_recipe():
            text = f"{self.part} is neither the file that livedream wrote nor a copy with the same recipe"
            raise ArgumentError(text, "move it away, and put back the file that livedream wrote")

    def _carries_recipe(self) -> bool:
        """Return whether the part was made by this recipe: it may be a copy on a larger disk."""
        try:
            return not self._recipe.differences(embedded_recipe(self.part))
        except (ArgumentError, SourceError):
            return False

    def begin(self, sink: Sink) -> Checkpoints:
        """Return the checkpoints for `pipeline.run`."""
        if not isinstance(sink, ResumableSink):
            raise TypeError(f"{sink.name} cannot be resumed")
        if not self._resumes:
            self._journal.begin()
        sink.resumable()
        return Checkpoints(self._journal, sink, self)

    def state(self) -> State:
        """Return the state of the dreamer, and whether its settings were changed by the user, not by a tour."""
        changed = not self._is_tour and getattr(self._dreamer, "settings", self._settings) != self._settings
        return {**self._dreamer.state(), _CHANGED: np.array(changed)}

    def restore(self, state: State) -> None:
        self._dreamer.restore({name: array for name, array in state.items() if name != _CHANGED})

    def report_leftover(self) -> None:
        """Print what is left after a run that ended early."""
        if self._is_refused:
            return
        if frames_left(self._journal):
            remark(f"the video so far is {self.part}; --resume continues it")
        elif not self.part.exists():
            self._journal.finish()

    def finish(self) -> None:
        """Remove the journal: the video is complete and closed."""
        self._journal.finish()


def _job(recipe: Recipe) -> dict[str, str]:
    settings = {name: str(value) for name, value in dataclasses.asdict(recipe.settings).items()}
    options = {name: str(value) for name, value in recipe.options.items()}
    from livedream.dream.compute.precision import rounding  # imports torch, which is loaded by now

    files = {"input": recipe.fingerprint, "ingredients": recipe.ingredients}
    return {**settings, **options, **library_versions(), **files, "used": recipe.used, "processor": rounding()}
