"""What a file is: a picture, an animated picture, or a film. What it holds counts more than its name."""

from enum import Enum
from pathlib import Path

from livedream.errors import SourceError
from livedream.image_file import open_frames, read_head, sniff
from livedream.suffixes import PICTURES_IN, RAW

_DRAWINGS = (".svg", ".svgz")
_FILM_HEADS = (
    b"\x1aE\xdf\xa3",
    b"OggS",
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"\0\0\x01\xba",
    b"\0\0\x01\xb3",
)
"""How Matroska, Ogg, FLV, ASF and MPEG begin."""
_MAY_MOVE = {"PNG", "WEBP", "AVIF", "GIF"}


class Kind(Enum):
    IMAGE = "image"
    ANIMATION = "animation"
    """An animated PNG, WebP or AVIF, which Pillow reads."""
    VIDEO = "video"
    """What FFmpeg reads; so is an animated GIF."""


def kind_of(path: Path) -> Kind:
    """Return what the file at `path` is. A file that is not there, or is damaged, is what its name says."""
    if path.suffix.lower() in RAW:
        return Kind.IMAGE  # refused there; FFmpeg would take its preview for a film
    head = read_head(path)
    name = sniff(head)
    if name in _MAY_MOVE and _moves(path, name, head):
        return Kind.VIDEO if name == "GIF" else Kind.ANIMATION
    if name:
        return Kind.IMAGE
    if _is_film(head):
        return Kind.VIDEO
    return Kind.IMAGE if path.suffix.lower() in (*PICTURES_IN, *_DRAWINGS) else Kind.VIDEO


def is_image(path: Path) -> bool:
    """Return whether the file at `path` is one picture that does not move."""
    return kind_of(path) is Kind.IMAGE


def _moves(path: Path, name: str, head: bytes) -> bool:
    """Return whether there is more than one frame."""
    if name == "WEBP" and not (head[12:16] == b"VP8X" and head[20:21] and head[20] & 2):
        return False  # Pillow would read all of it to say the same
    if name == "AVIF" and b"avis" not in head:
        return False
    try:
        with open_frames(path) as image:
            if name == "PNG":  # the default image may be none of its frames
                return getattr(image, "n_frames", 1) - bool(getattr(image, "default_image", False)) > 1
            return bool(getattr(image, "is_animated", False))
    except SourceError:
        return name == "GIF"  # FFmpeg may make something of it


def _is_film(head: bytes) -> bool:
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return True  # the brands of pictures are sorted out before
    return head.startswith(_FILM_HEADS)
