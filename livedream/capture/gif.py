"""Detects damaged GIF files, which FFmpeg reads without an error."""

import logging
from pathlib import Path

log = logging.getLogger(__name__)

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_LARGEST = 1 << 28
"""Bytes of a file that are examined at most."""


def warn_of_damage(path: Path) -> None:
    """Log a warning if the blocks of the GIF at `path` are cut off or broken (GIF89a, appendix A). Raises OSError."""
    with path.open("rb") as file:
        data = file.read(6)
        if data not in (b"GIF87a", b"GIF89a"):
            return
        data += file.read(_LARGEST)
    frames, place = 0, 13 + _colours(data, 10)
    while place < len(data):
        kind = data[place]
        if kind == _TRAILER:
            return
        if kind == 0:  # some programs leave a zero byte between two blocks
            place += 1
            continue
        if kind == _IMAGE:
            frames += 1
            place = _after_blocks(data, place + 11 + _colours(data, place + 9))
        elif kind == _EXTENSION:
            place = _after_blocks(data, place + 2)
        else:
            log.warning("%s is damaged after frame %d: frames are missing or wrong", path, frames)
            return
    log.warning("%s ends early: frames after number %d are missing, if there were any", path, frames)


def _colours(data: bytes, place: int) -> int:
    """Return the number of bytes of the colour table whose flags are at `place`."""
    flags = data[place] if place < len(data) else 0
    return 3 << (1 + flags % 8) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Return where a chain of blocks that begins at `place` ends; the end of the file if it is cut off."""
    while place < len(data) and data[place]:
        place += 1 + data[place]
    return place + 1
