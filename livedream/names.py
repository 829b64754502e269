"""Names of files: numbered ones, and ones that are made from others and fit into a file system."""

import hashlib
import os
import re

NUMBERED = re.compile(r"%(0?)(\d*)d")
"""The place of the number in the names of numbered pictures, as for C's printf and ffmpeg."""
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


def _bytes(name: str) -> int:
    return len(os.fsencode(name))
