"""Whether a file is an image, an animated image or a video. Its content counts more than its name."""

from enum import Enum
from pathlib import Path

from livedream.errors import SourceError
from livedream.formats.image_file import open_frames, read_head, sniff
from livedream.formats.suffixes import IMAGE_SUFFIXES_IN, RAW

_DRAWINGS = (".svg", ".svgz")
_VIDEO_HEADS = (
    b"\x1aE\xdf\xa3",
    b"OggS",
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"\0\0\x01\xba",
    b"\0\0\x01\xb3",
)
"""The first bytes of Matroska, Ogg, FLV, ASF and MPEG files."""
_MAY_BE_ANIMATED = {"PNG", "WEBP", "AVIF", "GIF"}


class Kind(Enum):
    IMAGE = "image"
    ANIMATION = "animation"
    """An animated PNG, WebP or AVIF, which Pillow reads."""
    VIDEO = "video"
    """Read by FFmpeg, as is an animated GIF."""


def kind_of(path: Path) -> Kind:
    """Return the kind of the file at `path`; for a missing or damaged file, by its name."""
    if path.suffix.lower() in RAW:
        return Kind.IMAGE  # refused later; FFmpeg would take its preview for a video
    head = read_head(path)
    name = sniff(head)
    if name in _MAY_BE_ANIMATED and _is_animated(path, name, head):
        return Kind.VIDEO if name == "GIF" else Kind.ANIMATION
    if name:
        return Kind.IMAGE
    if _is_video(head):
        return Kind.VIDEO
    return Kind.IMAGE if path.suffix.lower() in (*IMAGE_SUFFIXES_IN, *_DRAWINGS) else Kind.VIDEO


def is_image(path: Path) -> bool:
    """Return whether the file at `path` is an image that is not animated."""
    return kind_of(path) is Kind.IMAGE


def _is_animated(path: Path, name: str, head: bytes) -> bool:
    """Return whether the file has more than one frame."""
    if name == "WEBP" and not (head[12:16] == b"VP8X" and head[20:21] and head[20] & 2):
        return False  # Pillow would read the whole file to find that out
    if name == "AVIF" and b"avis" not in head:
        return False
    try:
        with open_frames(path) as image:
            if name == "PNG":  # the default image need not be one of its frames
                return getattr(image, "n_frames", 1) - bool(getattr(image, "default_image", False)) > 1
            return bool(getattr(image, "is_animated", False))
    except SourceError:
        return name == "GIF"  # FFmpeg may be able to read it


def _is_video(head: bytes) -> bool:
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return True  # the brands of images are recognized before
    return head.startswith(_VIDEO_HEADS)
