"""Fonts and covers of a film, carried into another one."""

from collections.abc import Callable

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition
from av.video.stream import VideoStream

from livedream.errors import SourceError

COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
"""The codecs of covers, and under which name and type Matroska has them."""
_UNKNOWN_TYPE = "application/octet-stream"


def is_cover(stream: av.stream.Stream) -> bool:
    """Return whether the track is the one picture that stands for the whole film."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def attach(stream: AttachmentStream, film: OutputContainer) -> bool:
    """Attach a file, a font as a rule, to `film`; return whether that container holds attachments."""
    if film.format.name != "matroska":
        return False
    data = stream.data
    if data:
        film.add_attachment(stream.name or f"attachment-{stream.index}", stream.mimetype or _UNKNOWN_TYPE, data)
    return bool(data)


def cover_of(stream: VideoStream, again: Callable[[], InputContainer]) -> bytes:
    """Return the picture of a cover as its file holds it; nothing when it is of a kind that no container takes.

    again: opens the same file once more.
    """
    if stream.codec_context is None or stream.codec_context.name not in COVERS:
        return b""
    try:
        with again() as file:
            return next((bytes(packet) for packet in file.demux(file.streams[stream.index]) if packet.size), b"")
    except (av.error.FFmpegError, OSError, SourceError):
        return b""


def attach_cover(stream: VideoStream, film: OutputContainer, picture: bytes) -> bool:
    """Attach a cover with this picture to `film`, a Matroska file; return whether that could be."""
    if picture:
        name, mimetype = COVERS[stream.codec_context.name]
        film.add_attachment(stream.metadata.get("filename") or name, mimetype, picture)
    return bool(picture)
