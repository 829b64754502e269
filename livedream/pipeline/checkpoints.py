"""What a run needs to go on after it was cut off: a journal beside the film that is being written.

    film-dream.part.mp4          the film so far
    film-dream.part.resume/
        job.json                 what is dreamt and how; a run with another job must not go on
        000050.safetensors       what the dreamer carried before frame 50; there are several
        draft.mp4                the film of a run that goes on, until it has more than the part

A checkpoint is written every two seconds of film, where the sink begins a group of pictures that needs no other. How
much of the film reached the disk decides from which of them a run can go on.

What can be on disk when a run ends, however it ends, and what `--resume` does then:

    part     draft    checkpoints       left by a run that                              --resume
    none     -        -                 has not begun, or is complete                   begins anew, and says so
    empty    -        -, no job.json    was killed while the network was loaded         begins anew, and says so
    frames   -        none is reached   was killed in the first seconds                 begins anew into the draft
    frames   -        one is reached    was killed, stopped or failed                   goes on into the draft
    frames   any      one is reached    went on, and was killed before it had as much   goes on from the one with more
    frames   -        no job.json       is unknown                                      refuses, and touches nothing

Each change from one row to another is one rename or one removal:

    job.json and a checkpoint   are written under another name, brought to the disk, and renamed;
    the draft                   is renamed to the part, and so replaces it, when all frames of the part are in it and on
                                the disk; if the run ends before, it is removed;
    the part                    is renamed to the film when it is complete; after that the journal is removed.

So there is never less in the part than an earlier run left there; only `--overwrite` without `--resume` removes it.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.names import journal_of
from livedream.untrusted import read_text

EVERY = Fraction(2)
"""Seconds of film between two checkpoints."""
KEPT = 6
"""Checkpoints that stay. An encoder holds back some two seconds of film: the newest may be ahead of it."""

State = Mapping[str, np.ndarray]

_OWN = re.compile(r"(job\.json|\d+\.safetensors)(\.new)?|draft\.\w+")
"""The names of the files in a journal."""
_JOB = "job.json"
_UNFINISHED = ".new"
_NEW_JOB = f"{_JOB}{_UNFINISHED}"
_ANEW = "begin anew with --overwrite and without --resume"
_IN_WORDS = {
    "encoder": "the encoder",
    "ingredients": "the content of the files that --layers and --weights name",
    "input": "the content of the source",
    "used": "what dreams",
}
"""What is said of the job, where its name does not say it."""


class Stateful(Protocol):
    """A dreamer that can be stopped and go on; see livedream.Dreamer."""

    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """Where a run can go on: `state` is what the dreamer carried before frame number `index`."""

    index: int
    time: Fraction
    state: State


class Journal:
    """The journal of one film. One run at a time writes it.

    Raises SinkError when it cannot be written.
    """

    def __init__(self, part: Path, job: Mapping[str, str]) -> None:
        """part: the film while it is written, NAME.part.EXT. job: what is dreamt and how, in words, by name."""
        self.part = part
        self.folder = journal_of(part)
        self.draft = self.folder / f"draft{part.suffix}"
        self._job = dict(job)
        self._due = EVERY

    def begin(self) -> None:
        """Begin anew: what an earlier run noted is removed."""
        with _telling(self.folder):
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
        """Whether an earlier run has left something to go on from, or to compare with."""
        return (self.folder / _JOB).exists()

    def check(self) -> None:
        """Raise ArgumentError when the run that left the journal had another job, or nobody can tell."""
        try:
            before = json.loads(read_text(self.folder / _JOB))
            if not isinstance(before, dict):
                raise ValueError("it is no table")
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
                f"{self.part} was begun otherwise: {'; '.join(changed)}",
                f"resume it with the same input, settings and versions, or {_ANEW}",
            )

    def due(self, frame: Frame) -> bool:
        """Return whether a checkpoint should be taken before `frame` is dreamt."""
        if frame.time < self._due:
            return False
        self._due = frame.time + EVERY
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint down, and forget the oldest. The film must be on the disk as far as the sink has it."""
        with _telling(self.folder):
            path = self.folder / f"{checkpoint.index:06d}.safetensors"
            time = np.array(checkpoint.time.as_integer_ratio(), np.int64)
            with _replacing(path) as file:
                file.write(save({"time": time, **checkpoint.state}))
            for old in self._saved()[:-KEPT]:
                old.unlink(missing_ok=True)

    def checkpoints(self) -> list[Checkpoint]:
        """Return what can be read of the checkpoints, newest first."""
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

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Go on from `checkpoint`: the next one is due when an unbroken run would take it, and later ones are void."""
        self._due = checkpoint.time + EVERY
        with _telling(self.folder):
            for path in self._saved():
                if int(path.stem) > checkpoint.index:
                    path.unlink()

    def promote(self) -> None:
        """Let the draft be the film so far: it has more than the part."""
        with _telling(self.folder):
            self.draft.replace(self.part)

    def drop_draft(self) -> None:
        """Remove the draft: the part has more."""
        with _telling(self.folder):
            self.draft.unlink(missing_ok=True)

    def finish(self) -> None:
        """The film is complete: remove the journal. A folder that holds anything else stays as it is."""
        with contextlib.suppress(OSError):  # the film is there; leftovers are harmless
            if self.folder.exists() and self._is_ours:
                for path in sorted(self.folder.iterdir(), key=lambda path: path.name == _JOB):  # it is a mark of ours
                    path.unlink()
                self.folder.rmdir()

    @property
    def _is_ours(self) -> bool:
        """Whether nothing is in the folder but what a journal writes into it: first the job, which goes last."""
        names = {path.name for path in self.folder.iterdir() if path.is_file()}
        own = len(names) == len(list(self.folder.iterdir())) and all(map(_OWN.fullmatch, names))
        return own and (_JOB in names or names <= {_NEW_JOB}) and not self.folder.is_symlink()

    def _saved(self) -> list[Path]:
        return sorted(
            (path for path in self.folder.glob("*.safetensors") if path.stem.isdecimal() and path.stem.isascii()),
            key=lambda path: int(path.stem),
        )


def _shown(value: object) -> str:
    return "not given" if value is None else str(value) or "none"


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` when it is whole: a killed process leaves the old one."""
    unfinished = path.with_name(f"{path.name}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power cut can leave the name and nothing in it
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()  # the disk is full: it takes room
        raise
    unfinished.replace(path)


@contextlib.contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"{folder} cannot be written: {error.strerror}", "what is in the film so far stays") from error
