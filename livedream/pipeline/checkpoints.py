"""What a run needs to continue after an interruption: a journal beside the video that is being written.

    film-dream.part.mp4          the video so far
    film-dream.part.resume/
        job.json                 the input and the settings; a run with another job must not continue
        000050.safetensors       the state of the dreamer before frame 50; there are several
        draft.mp4                the video of a resumed run, until it has more than the part

A checkpoint is written every two seconds of video, where the sink begins a closed group of pictures. How much of the
video reached the disk decides from which checkpoint a run can continue.

What can be on disk when a run ends, however it ends, and what `--resume` does then:

    part     draft    checkpoints       left by a run that                              --resume
    none     -        -                 has not begun, or is complete                   starts again, with a message
    empty    -        -, no job.json    was killed while the network was loaded         starts again, with a message
    frames   -        none is reached   was killed in the first seconds                 starts again, into the draft
    frames   -        one is reached    was killed, stopped or failed                   continues, into the draft
    frames   any      one is reached    continued, and was killed before it had more    continues from the longer one
    frames   -        no job.json       is unknown                                      refuses, and changes nothing

Each change from one row to another is one rename or one removal:

    job.json and a checkpoint   are written under another name, brought to the disk, and renamed;
    the draft                   is renamed to the part, and so replaces it, when all frames of the part are in it and on
                                the disk; if the run ends before, it is removed;
    the part                    is renamed to the video when it is complete; after that the journal is removed.

So the part never becomes shorter than an earlier run left it; only `--overwrite` without `--resume` removes it.
"""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.names import journal_of
from livedream.sink.sink import ResumableSink
from livedream.sink.video.salvage import Salvage, SalvagedVideo
from livedream.untrusted import read_text

EVERY = Fraction(2)
"""Seconds of video between two checkpoints."""
KEPT = 6
"""Checkpoints that are kept. An encoder holds back some two seconds of video: the newest may be ahead of it."""

State = Mapping[str, np.ndarray]

_OWN = re.compile(r"(job\.json|\d+\.safetensors)(\.new)?|draft\.\w+")
"""The names of the files in a journal."""
_JOB = "job.json"
_UNFINISHED = ".new"
_NEW_JOB = f"{_JOB}{_UNFINISHED}"
_ANEW = "start again with --overwrite and without --resume"
_IN_WORDS = {
    "encoder": "the encoder",
    "ingredients": "the content of the files that --layers and --weights name",
    "input": "the content of the source",
    "used": "what dreams",
}
"""Descriptions of the entries of a job whose names do not explain them."""


class Stateful(Protocol):
    """A dreamer whose state can be saved and restored; see livedream.Dreamer."""

    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """A point from which a run can continue: `state` is that of the dreamer before frame number `index`."""

    index: int
    time: Fraction
    state: State


class Journal:
    """The journal of one video. One run at a time writes it.

    Raises SinkError when it cannot be written.
    """

    def __init__(self, part: Path, job: Mapping[str, str], *, begins: Fraction = Fraction(0)) -> None:
        """Name the journal; nothing is read or written yet.

        Args:
            part: the video while it is written, NAME.part.EXT.
            job: the input and the settings in words, by name.
            begins: the time of the first frame, in seconds.
        """
        self.part = part
        self.folder = journal_of(part)
        self.draft = self.folder / f"draft{part.suffix}"
        self._job = dict(job)
        self._due = begins + EVERY

    def begin(self) -> None:
        """Start a new journal and remove that of an earlier run."""
        with _reporting(self.folder):
            self.folder.mkdir(exist_ok=True)
            if not self._is_ours:
                raise SinkError(f"{self.folder} contains files that livedream did not write", "move it away")
            for path in self.folder.iterdir():
                if path.name != _JOB:  # that one is replaced
                    path.unlink()
            with _replacing(self.folder / _JOB) as file:
                file.write(json.dumps(self._job, indent=1).encode())

    @property
    def exists(self) -> bool:
        """Whether there is a journal of an earlier run."""
        return (self.folder / _JOB).exists()

    @property
    def matches(self) -> bool:
        """Whether the run that left the journal had the same job, and the journal can be read."""
        try:
            self.check()
        except ArgumentError:
            return False
        return True

    def check(self) -> None:
        """Raise ArgumentError if the run that left the journal had another job, or the journal cannot be read."""
        try:
            before = json.loads(read_text(self.folder / _JOB))
            if not isinstance(before, dict):
                raise ValueError("not a JSON object")
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ArgumentError(f"{self.folder / _JOB} cannot be read: {reason}", _ANEW) from error
        changed = [
            f"{_IN_WORDS.get(name, name)} was {_shown(before.get(name))}, is {_shown(self._job.get(name))}"
            for name in sorted({*before, *self._job})
            if before.get(name) != self._job.get(name)
        ]
        if changed:
            raise ArgumentError(
                f"{self.part} was started differently: {'; '.join(changed)}",
                f"resume it with the same input, settings and versions, or {_ANEW}",
            )

    def due(self, frame: Frame) -> bool:
        """Return whether a checkpoint should be taken before `frame` is dreamt."""
        if frame.time < self._due:
            return False
        self._due = frame.time + EVERY
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove the oldest. All that the sink has of the video must be on the disk."""
        with _reporting(self.folder):
            path = self.folder / f"{checkpoint.index:06d}.safetensors"
            time = np.array(checkpoint.time.as_integer_ratio(), np.int64)
            with _replacing(path) as file:
                file.write(save({"time": time, **checkpoint.state}))
            for old in self._saved()[:-KEPT]:
                old.unlink(missing_ok=True)

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints that can be read, newest first."""
        found = []
        for path in reversed(self._saved()):
            try:
                state = load(path.read_bytes())
                numerator, denominator = map(int, state.pop("time"))
                time = Fraction(numerator, denominator)
            except (OSError, SafetensorError, KeyError, ValueError, TypeError, ZeroDivisionError):
                continue  # cut off or damaged; there is an older one
            found.append(Checkpoint(int(path.stem), time, state))
        return found

    def continue_from(self, checkpoint: Checkpoint) -> None:
        """Continue from `checkpoint`: the next one is due when an unbroken run would take it; later ones are void."""
        self._due = checkpoint.time + EVERY
        with _reporting(self.folder):
            for path in self._saved():
                if int(path.stem) > checkpoint.index:
                    path.unlink()

    def promote(self) -> None:
        """Replace the part by the draft, which has more."""
        with _reporting(self.folder):
            self.draft.replace(self.part)

    def drop_draft(self) -> None:
        """Remove the draft: the part has more."""
        with _reporting(self.folder):
            self.draft.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove the journal of a complete video. A folder that contains anything else is left alone."""
        with contextlib.suppress(OSError):  # the video is complete; leftovers are harmless
            if self.folder.exists() and self._is_ours:
                for path in sorted(
                    self.folder.iterdir(), key=lambda path: path.name == _JOB
                ):  # it marks the folder as ours
                    path.unlink()
                self.folder.rmdir()

    @property
    def _is_ours(self) -> bool:
        """Whether the folder contains only files of a journal. The job comes first and goes last."""
        names = {path.name for path in self.folder.iterdir() if path.is_file()}
        own = len(names) == len(list(self.folder.iterdir())) and all(map(_OWN.fullmatch, names))
        return own and (_JOB in names or names <= {_NEW_JOB}) and not self.folder.is_symlink()

    def _saved(self) -> list[Path]:
        return sorted(
            (path for path in self.folder.glob("*.safetensors") if path.stem.isdecimal() and path.stem.isascii()),
            key=lambda path: int(path.stem),
        )


class Checkpoints(NamedTuple):
    """The journal of a run, with the sink and the dreamer whose progress it keeps."""

    journal: Journal
    sink: ResumableSink
    dreamer: Stateful


def frames_left(journal: Journal) -> bool:
    """Return whether an earlier run has left a part of its video that can be read."""
    return any(len(SalvagedVideo(file)) for file in (journal.part, journal.draft))


def pick_up(journal: Journal) -> tuple[Salvage, Checkpoint | None] | None:
    """Return what can be kept of the video up to the newest checkpoint that it reaches, and that checkpoint.

    Without a checkpoint the run starts again, and the video stays until the new one has more. The video keeps the name
    of the part.

    Returns:
        None when no frame of the video can be read.
    """
    points = journal.checkpoints()
    best: tuple[Salvage, Checkpoint | None] | None = None
    # Both videos: a resumed run may have been killed when its draft had more than the part.
    for file in (journal.part, journal.draft):
        remains = SalvagedVideo(file)
        found: tuple[Salvage, Checkpoint | None] = Salvage(file, journal.draft, 0, len(remains)), None
        for point in points:
            kept = remains.first(point.index, point.time, journal.draft)
            if kept is not None:
                found = kept, point
                break
        if best is None or _reach(found) > _reach(best):
            best = found
    assert best is not None  # noqa: S101  there were two
    kept, reached = best
    if kept.path == journal.draft:
        journal.promote()
        kept = dataclasses.replace(kept, path=journal.part)
    else:
        journal.drop_draft()
    if reached is not None:
        journal.continue_from(reached)
    if not kept.total:
        journal.part.unlink(missing_ok=True)  # no frame of it can be read
        return None
    return kept, reached


def _reach(found: tuple[Salvage, Checkpoint | None]) -> tuple[int, int]:
    kept, point = found
    return (point.index if point is not None else 0), kept.total


def _shown(value: object) -> str:
    return "not given" if value is None else str(value) or "none"


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` once it is complete: a killed process leaves the old one."""
    unfinished = path.with_name(f"{path.name}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # otherwise a power cut can leave an empty file
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()  # the disk may be full
        raise
    unfinished.replace(path)


@contextlib.contextmanager
def _reporting(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"{folder} cannot be written: {error.strerror}", "the video so far is kept") from error
