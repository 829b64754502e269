"""Names of files: numbered ones, and ones that are made from others and fit into a file system."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from livedream.errors import ArgumentError

NUMBERED = re.compile(r"%(0?)([0-9]{0,2})d")
"""The place of the number in the names of numbered pictures, as for C's printf and ffmpeg; at most 99 digits."""
LONGEST = 255
"""Bytes of a file's name: ext4, APFS, NTFS and the rest take about as many."""


@dataclass(frozen=True, slots=True)
class NumberedName:
    """The names of numbered files that a pattern such as `out%06d.png` stands for."""

    before: str
    after: str
    digits: int
    """The fewest digits of a number; shorter ones get zeros in front."""

    @classmethod
    def parse(cls, pattern: str, shown: str) -> "NumberedName":
        """Return the parts of `pattern`, the name of a file.

        shown: how a message calls it. Raises ArgumentError unless it has exactly one place for a number.
        """
        places = list(NUMBERED.finditer(pattern))
        if len(places) != 1:
            raise ArgumentError(f"{shown} has a place for {len(places)} numbers", "name one: frames/%06d.png")
        (place,) = places
        return cls(pattern[: place.start()], pattern[place.end() :], int(place[2] or 1) if place[1] else 1)

    def name(self, number: int) -> str:
        """Return the name of the file with that number."""
        return f"{self.before}{number:0{self.digits}d}{self.after}"

    def digits_in(self, name: str) -> str | None:
        """Return the digits in the place of the number, however many; None where `name` is no such name."""
        found = re.fullmatch(f"{re.escape(self.before)}(\\d+){re.escape(self.after)}", name, re.ASCII)
        return found[1] if found else None

    def number_in(self, name: str) -> int | None:
        """Return the number in `name`, None where the pattern gives no file that name."""
        digits = self.digits_in(name)
        return int(digits) if digits and self.name(int(digits)) == name else None


def fitting(stem: str, ending: str, *, room: int = 0) -> str:
    """Return `stem + ending`, with `stem` cut where that is too long for a file's name.

    What is cut is replaced by eight digits of its checksum, so that two long names stay two. The same names give the
    same result. room: bytes to leave free, for names that are made from this one in turn.
    """
    limit = LONGEST - room
    if _bytes(stem + ending) <= limit:
        return stem + ending
    ending = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    while stem and _bytes(stem + ending) > limit:
        stem = stem[:-1]
    return stem + ending


def is_half_written(path: Path) -> bool:
    """Return whether livedream writes the file `path` just now, or was killed before it had its name.

    Its name says so, NAME.part.EXT, and a lock file lies beside it; of others the name alone proves nothing.
    """
    return path.stem.endswith(".part") and any(path.parent.glob("*.part.lock"))


def _bytes(name: str) -> int:
    return len(os.fsencode(name))
