"""Names of files: numbered ones, and ones that are made from others and fit into a file system."""

import hashlib
import os
import re
from pathlib import Path

NUMBERED = re.compile(r"%(0?)([0-9]{0,2})d")
"""The place of the number in the names of numbered pictures, as for C's printf and ffmpeg; at most 99 digits."""
LONGEST = 255
"""Bytes of a file's name: ext4, APFS, NTFS and the rest take about as many."""


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
