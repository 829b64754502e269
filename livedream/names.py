"""File names: numbered ones, and ones that are derived from others and short enough for a file system."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from livedream.errors import ArgumentError

NUMBERED = re.compile(r"%(0?)([0-9]{0,2})d")
"""The place of the number in the names of numbered images, as in C's printf and ffmpeg; at most 99 digits."""
LONGEST = 255
"""The largest number of bytes of a file name: about the limit of ext4, APFS, NTFS and others."""


@dataclass(frozen=True, slots=True)
class NumberedName:
    """The names of numbered files that a pattern such as `out%06d.png` stands for."""

    before: str
    after: str
    digits: int
    """The minimum number of digits; shorter numbers are padded with zeros."""

    @classmethod
    def parse(cls, pattern: str, shown: str) -> "NumberedName":
        """Return the parts of `pattern`.

        Args:
            pattern: The name of a file with one place for a number.
            shown: The pattern as an error message shows it.

        Raises:
            ArgumentError: There is no place for a number, or more than one.
        """
        matches = list(NUMBERED.finditer(pattern))
        if len(matches) != 1:
            raise ArgumentError(
                f"{shown} has {len(matches)} places for a number, expected one", "for example frames/%06d.png"
            )
        (match,) = matches
        return cls(pattern[: match.start()], pattern[match.end() :], int(match[2] or 1) if match[1] else 1)

    def name(self, number: int) -> str:
        """Return the name of the file with that number."""
        return f"{self.before}{number:0{self.digits}d}{self.after}"

    def digits_in(self, name: str) -> str | None:
        """Return the digits at the place of the number, however many; None if `name` does not match."""
        match = re.fullmatch(f"{re.escape(self.before)}(\\d+){re.escape(self.after)}", name, re.ASCII)
        return match[1] if match else None

    def number_in(self, name: str) -> int | None:
        """Return the number in `name`; None if the pattern does not give any file that name."""
        digits = self.digits_in(name)
        return int(digits) if digits and self.name(int(digits)) == name else None


def fitting(stem: str, ending: str, *, room: int = 0) -> str:
    """Return `stem + ending`, with `stem` shortened if that is too long for a file name.

    The end of the stem is replaced by eight digits of its checksum, so that two long names stay different. The result
    is deterministic.

    Args:
        stem: The name without its ending.
        ending: The ending, which is never shortened.
        room: How many bytes to leave free, for names that are derived from this one.
    """
    limit = LONGEST - room
    if _bytes(stem + ending) <= limit:
        return stem + ending
    ending = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    while stem and _bytes(stem + ending) > limit:
        stem = stem[:-1]
    return stem + ending


def is_half_written(path: Path) -> bool:
    """Return whether `path` is a half-written file of livedream, which is being written or was left by a killed run.

    Its name is NAME.part.EXT, and there is a lock file beside it; the name alone proves nothing.
    """
    return path.stem.endswith(".part") and any(path.parent.glob("*.part.lock"))


def _bytes(name: str) -> int:
    return len(os.fsencode(name))
