"""The files that a run reads. No output may replace one of them."""

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

    They are identified by device and inode and not by name. That covers hard and symbolic links, other spellings of a
    path, and capital letters on file systems that ignore case.

    Args:
        frames: The files or the folder from which frames are read.
        others: The other files that are read, each with a description: "the preset".
    """

    def __init__(self, frames: Iterable[Path] = (), others: Mapping[Path, str] | None = None) -> None:
        self._known: dict[Identity | str, str] = {}
        for path, description in (others or {}).items():
            self._add(path, description)
        for path in frames:
            self._add(path, FRAMES)
        for number, name in enumerate(_STANDARD):  # `livedream run - --to film.mp4 <film.mp4`
            try:
                status = os.fstat(number)
            except OSError:  # closed
                continue
            if stat.S_ISREG(status.st_mode):
                self._known.setdefault((status.st_dev, status.st_ino), f"{name} of this run")

    @classmethod
    def of(cls, info: StreamInfo) -> Self:
        """Return the files that a run reads whose frames `info` describes, as they are now."""
        paths = [path for path in (info.path, info.sound) if isinstance(path, Path)]
        return cls([*info.files, *paths], info.also_read)

    def description(self, path: Path) -> str | None:
        """Return what `path` is for this run ("the preset"), or None when the run does not read it."""
        file = identity(path)
        if file is None:
            return None
        return self._known.get(file) or self._known.get(os.path.realpath(path))

    def refuse(self, *paths: Path) -> None:
        """Raise ArgumentError when the run reads one of `paths`."""
        for path in paths:
            description = self.description(path)
            if description is not None:
                raise ArgumentError(f"{path} is {description}", "choose another name for the output")

    def refuse_output(self, path: Path, *, folder: bool = False) -> None:
        """Check that the run reads no file that belongs to the output `path`, under any of its names.

        Args:
            path: The output.
            folder: Whether `path` is a folder of frames.

        Raises:
            ArgumentError: The run reads such a file.
        """
        self.refuse(path)
        pattern = pattern_of(path, folder=folder)
        temporary = [lock_of(path, folder=folder)]
        if pattern is not None:
            temporary += _named(path if folder else path.parent, pattern)
        else:
            temporary += [part_of(path), *_files_in(journal_of(part_of(path)))]
        if folder:  # for other numbered images the sink checks the recipe
            temporary += [part_of(recipe_in_folder(path)), recipe_in_folder(path)]
        for name in temporary:
            description = self.description(name)
            if description is not None:
                why = f": {path.name} is written as {name.name}" if name == part_of(path) else ""
                raise ArgumentError(f"{name} is {description}", f"choose another name for the output{why}")

    def _add(self, path: Path, description: str) -> None:
        file = identity(path)
        if file is not None and file[1]:
            self._known[file] = description
        else:  # some network disks have no inodes
            self._known[os.path.realpath(path)] = description


def _named(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """Yield the files in `folder` whose names match `pattern`."""
    try:
        yield from (folder / name for name in os.listdir(folder) if pattern.fullmatch(name))  # noqa: PTH208  100,000 names
    except OSError:  # missing or not readable, which is reported when it is opened
        return


def _files_in(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.rglob("*")
    except OSError:
        return
