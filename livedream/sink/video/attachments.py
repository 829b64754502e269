"""Copies fonts and covers from one video into another."""

from collections.abc import Callable

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition
from av.video.stream import VideoStream

from livedream.errors import SourceError

COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
"""The codecs of covers, and the file name and MIME type of each in Matroska."""
_UNKNOWN_TYPE = "application/octet-stream"


def is_cover(stream: av.stream.Stream) -> bool:
    """Return whether the track is a cover: the one image that represents the whole video."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def attach(stream: AttachmentStream, output: OutputContainer) -> bool:
    """Attach a file, usually a font, to `output`. Return whether that container supports attachments."""
    if output.format.name != "matroska":
        return False
    data = stream.data
    if data:
        output.add_attachment(stream.name or f"attachment-{stream.index}", stream.mimetype or _UNKNOWN_TYPE, data)
    return bool(data)


def cover_of(stream: VideoStream, reopen: Callable[[], InputContainer]) -> bytes:
    """Return the encoded image of a cover; empty for a codec that no container accepts.

    Args:
        stream: The track of the cover.
        reopen: Opens the same file once more.
    """
    if stream.codec_context is None or stream.codec_context.name not in COVERS:
        return b""
    try:
        with reopen() as file:
            return next((bytes(packet) for packet in file.demux(file.streams[stream.index]) if packet.size), b"")
    except (av.error.FFmpegError, OSError, SourceError):
        return b""


def attach_cover(stream: VideoStream, output: OutputContainer, image: bytes) -> bool:
    """Attach a cover with this encoded image to `output`, a Matroska file. Return whether there was an image."""
    if image:
        name, mimetype = COVERS[stream.codec_context.name]
        output.add_attachment(stream.metadata.get("filename") or name, mimetype, image)
    return bool(image)
