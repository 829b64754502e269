"""The types of files that the library takes and serves, recognized by their first bytes."""

from typing import NamedTuple

from livedream.formats.image_file import sniff

HEAD = 1024
"""The number of bytes that `media_type` needs."""


class MediaType(NamedTuple):
    """A type of file."""

    type: str
    suffix: str
    """In lower case, with its dot."""


_PICTURES = {
    "PNG": MediaType("image/png", ".png"),
    "JPEG": MediaType("image/jpeg", ".jpg"),
    "GIF": MediaType("image/gif", ".gif"),
    "WEBP": MediaType("image/webp", ".webp"),
    "AVIF": MediaType("image/avif", ".avif"),
    "HEIF": MediaType("image/heic", ".heic"),
    "TIFF": MediaType("image/tiff", ".tif"),
    "JXL": MediaType("image/jxl", ".jxl"),
}
_MP4 = MediaType("video/mp4", ".mp4")
_MOV = MediaType("video/quicktime", ".mov")
_WEBM = MediaType("video/webm", ".webm")
_MKV = MediaType("video/x-matroska", ".mkv")
_AVI = MediaType("video/x-msvideo", ".avi")
_TS = MediaType("video/mp2t", ".ts")
_FILMS = (
    (b"OggS", MediaType("video/ogg", ".ogv")),
    (b"FLV\x01", MediaType("video/x-flv", ".flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", MediaType("video/x-ms-wmv", ".wmv")),
    (b"\0\0\x01\xba", MediaType("video/mpeg", ".mpg")),
    (b"\0\0\x01\xb3", MediaType("video/mpeg", ".mpg")),
)
_OLD_MOV = (b"moov", b"mdat", b"wide")
"""The first box of a film that QuickTime wrote before there was `ftyp`."""
_TS_PACKETS = ((0, 188), (4, 192))
"""Where the first packet of a transport stream begins, and the length of a packet; the second is that of cameras."""

TYPES = {
    kind.suffix: kind.type
    for kind in (*_PICTURES.values(), _MP4, _MOV, _WEBM, _MKV, _AVI, _TS, *(kind for _, kind in _FILMS))
}
"""The media types by suffix."""


def media_type(head: bytes) -> MediaType | None:
    """Return the type of a file that begins with `head`; None if the library does not take it.

    Text is never taken, and with it no playlist, script or drawing: FFmpeg would open the files that they name. The
    suffix matters, because FFmpeg guesses from it too.
    """
    picture = sniff(head)
    if picture:
        return _PICTURES.get(picture)
    if head[4:8] == b"ftyp":
        return _MOV if head[8:12] == b"qt  " else _MP4
    if head[4:8] in _OLD_MOV:
        return _MOV
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _WEBM if b"webm" in head[:64] else _MKV
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _AVI
    if any(head[first : first + 3 * step : step] == b"GGG" for first, step in _TS_PACKETS):
        return _TS
    return next((kind for start, kind in _FILMS if head.startswith(start)), None)
