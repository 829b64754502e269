"""A comment at the end of a GIF (GIF89a, section 24)."""

from pathlib import Path

_LABEL = b"\x21\xfe"
_TRAILER = b"\x3b"
_LARGEST = 1 << 19
"""Bytes at the end of a file in which a comment is looked for."""

_TRIES = 100


def add_comment(path: Path, text: str) -> None:
    """Put `text` into the complete GIF at `path`, after its last picture. Raises OSError."""
    data = text.encode()
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) == _TRAILER:
            file.seek(-1, 2)
            file.write(_LABEL + blocks + b"\0" + _TRAILER)


def last_comment(path: Path) -> str:
    """Return the comment after the last picture of a GIF; "" when there is none. Raises OSError."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _LARGEST))
        tail = file.read()
    place = len(tail)
    for _ in range(_TRIES):
        place = tail.rfind(_LABEL, 0, place)
        if place < 0:
            break
        comment, end = _chain(tail, place + len(_LABEL))
        if tail[end:] == _TRAILER:  # else the two bytes stand in the middle of something
            return comment.decode("utf-8", errors="replace")
    return ""


def _chain(data: bytes, place: int) -> tuple[bytes, int]:
    """Return the content of a chain of blocks, and where it has ended."""
    content = b""
    while place < len(data) and data[place]:
        content += data[place + 1 : place + 1 + data[place]]
        place += 1 + data[place]
    return content, place + 1
