"""What a run needs to go on after it was cut off: a journal beside the film that is being written.

    film-dream.part.mp4          the film so far
    film-dream.part.resume/
        job.json                 what is dreamt and how; a run with another job must not go on
        000050.safetensors       what the dreamer carried before frame 50; there are several
        kept.mp4                 the film so far, while its packets are copied into the new one

A checkpoint is written every two seconds of film, where the sink begins a group of pictures that needs no other. How
much of the film reached the disk decides from which of them a run can go on.
"""

import contextlib
import json
import shutil
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
from livedream.strangers import read_text

EVERY = Fraction(2)
"""Seconds of film between two checkpoints."""
KEPT = 6
"""Checkpoints that stay. An encoder holds back some two seconds of film: the newest may be ahead of it."""

State = Mapping[str, np.ndarray]


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
        self.kept = _folder(part) / f"kept{part.suffix}"
        self._folder = _folder(part)
        self._job = dict(job)
        self._due = EVERY

    def begin(self) -> None:
        """Begin anew: what an earlier run left is removed."""
        with _telling(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
            with _replacing(self._folder / "job.json") as file:
                file.write(json.dumps(self._job, indent=1).encode())

    def check(self) -> None:
        """Raise ArgumentError when there is nothing to go on from, or when the run that left it had another job."""
        try:
            before = json.loads(read_text(self._folder / "job.json"))
            if not isinstance(before, dict):
                raise ValueError("it is no JSON object")
        except FileNotFoundError:
            raise ArgumentError(f"nothing to resume: there is no {self._folder}", "start it without --resume") from None
        except (OSError, ValueError, RecursionError) as error:
            raise ArgumentError(f"{self._folder} cannot be read: {error}", "start again with --overwrite") from error
        changed = [
            f"{name} was {before.get(name, 'not there')}, is {self._job.get(name, 'not there')}"
            for name in sorted({*before, *self._job})
            if before.get(name) != self._job.get(name)
        ]
        if changed:
            raise ArgumentError(
                f"{self.part} was begun otherwise: {'; '.join(changed)}",
                "resume it with the same input and settings, or start again with --overwrite",
            )

    def due(self, frame: Frame) -> bool:
        """Return whether a checkpoint should be taken before `frame` is dreamt."""
        if frame.time < self._due:
            return False
        self._due = frame.time + EVERY
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint down, and forget the oldest."""
        with _telling(self._folder):
            path = self._folder / f"{checkpoint.index:06d}.safetensors"
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
                time = Fraction(*map(int, state.pop("time")))
            except (OSError, SafetensorError, KeyError):  # cut off; there is an older one
                continue
            found.append(Checkpoint(int(path.stem), time, state))
        return found

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Go on from `checkpoint`: the next one is due when an unbroken run would take it, and later ones are void."""
        self._due = checkpoint.time + EVERY
        for path in self._saved():
            if int(path.stem) > checkpoint.index:
                path.unlink()

    def finish(self) -> None:
        """The film is complete: remove the journal."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _saved(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.safetensors"), key=lambda path: int(path.stem))


def _folder(part: Path) -> Path:
    return part.with_suffix(".resume")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` when it is whole: a killed process leaves the old one."""
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        yield file
    draft.replace(path)


@contextlib.contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"{folder} cannot be written: {error.strerror}", "what is in the film so far stays") from error
