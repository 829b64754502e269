"""The files that a run reads: nothing that it writes may be one of them."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from livedream.errors import ArgumentError
from livedream.sink.lock_file import Identity, identity
from livedream.sink.names import journal_of, lock_of, part_of, pattern_of, recipe_in_folder
from livedream.stream_info import StreamInfo

FRAMES = "what the frames are read from"
_STANDARD = ("standard input", "standard output", "standard error")


class Inputs:
    """The files that a run reads, as they were when it began.

    They are told by what they are and not by their names: hard and symbolic links, other spellings of a path and names
    in capitals where the file system does not tell them apart.

    frames: what the frames are read from, files or a folder. others: what else is read, with what it is: "the preset".
    """

    def __init__(self, frames: Iterable[Path] = (), others: Mapping[Path, str] | None = None) -> None:
        self._known: dict[Identity | str, str] = {}
        for path, what in (others or {}).items():
            self._add(path, what)
        for path in frames:
            self._add(path, FRAMES)
        for number, name in enumerate(_STANDARD):  # `livedream run - --to film.mp4 <film.mp4`
            try:
                found = os.fstat(number)
            except OSError:  # closed
                continue
            if stat.S_ISREG(found.st_mode):
                self._known.setdefault((found.st_dev, found.st_ino), f"{name} of this run")

    @classmethod
    def of(cls, info: StreamInfo) -> Self:
        """Return the files that are read for frames of which `info` tells, as they are now."""
        places = [place for place in (info.path, info.sound) if isinstance(place, Path)]
        return cls([*info.files, *places], info.also_read)

    def what(self, path: Path) -> str | None:
        """Return what `path` is for this run, "the preset"; None when the run does not read it."""
        found = identity(path)
        if found is None:
            return None
        return self._known.get(found) or self._known.get(os.path.realpath(path))

    def refuse(self, *paths: Path) -> None:
        """Raise ArgumentError when one of `paths` is read."""
        for path in paths:
            what = self.what(path)
            if what is not None:
                raise ArgumentError(f"{path} is {what}", "choose another name for the output")

    def refuse_output(self, path: Path, *, folder: bool = False) -> None:
        """Raise ArgumentError when a file that belongs to the output `path`, under any of its names, is read.

        folder: whether `path` is a folder of frames.
        """
        self.refuse(path)
        pattern = pattern_of(path, folder=folder)
        temporary = [lock_of(path, folder=folder)]
        if pattern is not None:
            temporary += _named(path if folder else path.parent, pattern)
        else:
            temporary += [part_of(path), *_files_in(journal_of(part_of(path)))]
        if folder:  # of other numbered pictures the sink knows the recipe
            temporary += [part_of(recipe_in_folder(path)), recipe_in_folder(path)]
        for name in temporary:
            what = self.what(name)
            if what is not None:
                why = f": {path.name} is written as {name.name}" if name == part_of(path) else ""
                raise ArgumentError(f"{name} is {what}", f"choose another name for the output{why}")

    def _add(self, path: Path, what: str) -> None:
        found = identity(path)
        if found is not None and found[1]:
            self._known[found] = what
        else:  # some network disks do not number their files
            self._known[os.path.realpath(path)] = what


def _named(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """Yield the files in `folder` that have such names."""
    try:
        yield from (folder / name for name in os.listdir(folder) if pattern.fullmatch(name))  # noqa: PTH208  100,000 names
    except OSError:  # not there yet, or closed to us, which is said when it is opened
        return


def _files_in(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.rglob("*")
    except OSError:
        return
