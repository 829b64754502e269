"""Fonts and covers of a film, carried into another one."""

import av
import av.error
from av.container import OutputContainer
from av.stream import AttachmentStream, Disposition
from av.video.stream import VideoStream

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


def attach_cover(stream: VideoStream, film: OutputContainer) -> bool:
    """Attach the cover to `film`; return whether that could be.

    Matroska alone: in a fragmented mp4, FFmpeg 8 leaves an empty picture track beside the cover.
    """
    known = COVERS.get(stream.codec_context.name) if stream.codec_context else None
    if film.format.name != "matroska" or known is None:
        return False
    try:
        with av.open(stream.container.name, "r") as file:
            picture = next((bytes(packet) for packet in file.demux(file.streams[stream.index]) if packet.size), b"")
    except (av.error.FFmpegError, OSError):
        return False
    if picture:
        name, mimetype = (stream.metadata.get("filename") or known[0]), known[1]
        film.add_attachment(name, mimetype, picture)
    return bool(picture)
