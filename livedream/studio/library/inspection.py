"""Looks at an untrusted file in a process of its own: is it a picture or a film, and how large?

    python -m livedream.studio.library.inspection PATH TYPE

It prints a line of JSON, `{"facts": {...}}` or `{"message": ..., "hint": ...}`, and after facts a small JPEG.

A decoder that a file misleads meets the limits of this process: it can write no file, and soon runs out of memory or
time. The first bytes of the file (`media_types`) decide which decoder reads it, and FFmpeg's demuxer is compared with
what these bytes promise: no demuxer of playlists, which opens other files, is ever used.
"""

import io
import json
import signal
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from livedream.capture.decoding.container import length_of, missing_bytes, open_video
from livedream.capture.decoding.video_track import video_tracks
from livedream.capture.kind import Kind, kind_of
from livedream.capture.open import open_source
from livedream.errors import ArgumentError, LivedreamError, SourceError
from livedream.formats.image_file import open_frames
from livedream.formats.mp4_boxes import outermost_boxes
from livedream.image import read_image
from livedream.studio.library.entries import Facts
from livedream.studio.library.limits import give_way, limit
from livedream.untrusted import open_regular

MOST_PIXELS = 50_000_000
"""Of a picture."""
LONGEST_SIDE = 4096
"""Pixels of a film's frame."""
PREVIEW_SIDE = 320
"""Pixels of the longer side of the preview."""
MEMORY = 2 << 30
"""Bytes. A picture of 50 megapixels takes 1.0 GiB as JPEG, and 1.5 GiB, the most, as WebP with transparency."""
CPU_SECONDS = 20
SECONDS = 40
"""Of the clock, if the studio, which does not wait that long, was killed meanwhile."""
_DEMUXERS = {
    "video/mp4": "mp4",
    "video/quicktime": "mp4",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/mp2t": "mpegts",
    "video/ogg": "ogg",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "video/mpeg": "mpeg",
    "image/gif": "gif",
}
"""A part of the name of FFmpeg's demuxer for each type of film."""


def inspect(path: Path, media_type: str) -> tuple[Facts, bytes]:
    """Return what the file contains, and a small JPEG of its first frame.

    Raises:
        LivedreamError: it cannot be decoded, or is too large.
        ArgumentError: the same.
    """
    if media_type not in _DEMUXERS or kind_of(path) is Kind.IMAGE:
        pixels = read_image(path, MOST_PIXELS)
        facts = Facts(type=media_type, width=pixels.shape[1], height=pixels.shape[0], film=False)
        if kind_of(path) is not Kind.ANIMATION:
            return facts, _preview(pixels)
    return _inspect_film(path, media_type)


def _inspect_film(path: Path, media_type: str) -> tuple[Facts, bytes]:
    seconds = None
    if kind_of(path) is Kind.VIDEO:
        seconds = _check_header(path, media_type)
    else:
        with open_frames(path) as image:
            _check_size(image.width, image.height)
    with open_source(path) as source:
        width, height = source.size
        _check_size(width, height)
        frame = next(iter(source), None)
        if frame is None:
            raise SourceError(f"{path}: no frame can be decoded", "play it with another program to check")
        if seconds is None and source.length and source.rate:
            seconds = float(source.length / source.rate)
        return Facts(type=media_type, width=width, height=height, seconds=seconds, film=True), _preview(frame.pixels)


def _check_header(path: Path, media_type: str) -> float | None:
    """Return the length of a video in seconds. Raises SourceError if its header says that it must not be decoded."""
    if _DEMUXERS.get(media_type) == "mp4" and _has_cut_box(path):
        raise _cut_off(path)
    with open_video(path) as video:
        name = video.format.name
        if _DEMUXERS.get(media_type, "?") not in name:
            raise SourceError(f"{path} is not the kind of film that it begins as", "save it again")
        for track in video.streams.video:
            _check_size(track.width, track.height)
        length = length_of(video, video_tracks(video, path.name)[0])
    if missing_bytes(path, name):
        raise _cut_off(path)
    return None if length is None else float(length)


def _cut_off(path: Path) -> SourceError:
    return SourceError(f"{path} is cut off", "copy it again")


def _has_cut_box(path: Path) -> bool:
    """Return whether the index or a box with frames ends after the end of an mp4 file."""
    size = path.stat().st_size
    with open_regular(path) as file:
        return any(box.name in (b"moov", b"moof", b"mdat") and box.end > size for box in outermost_boxes(file))


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LONGEST_SIDE:
        raise SourceError(
            f"the frames are too large: {width}x{height}", f"make them smaller: at most {LONGEST_SIDE}x{LONGEST_SIDE}"
        )


def _preview(pixels: Any) -> bytes:
    """Return RGB pixels as a small JPEG."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "jpeg", quality=80)
    return buffer.getvalue()


def main(path: str, media_type: str) -> int:
    """Inspect a file, print the result, and return the exit code."""
    limit(DATA=MEMORY, AS=2 * MEMORY, CPU=CPU_SECONDS, FSIZE=0, CORE=0)
    give_way()
    if hasattr(signal, "alarm"):
        signal.alarm(SECONDS)
    document: dict[str, Any]
    preview = b""
    try:
        facts, preview = inspect(Path(path), media_type)
        document = {"facts": facts.model_dump()}
    except (LivedreamError, ArgumentError) as error:
        document = {"message": str(error), "hint": str(error.hint)}
    except MemoryError:
        document = {"message": f"{path} needs too much memory", "hint": "make it smaller first"}
    sys.stdout.buffer.write(json.dumps(document).encode() + b"\n" + preview)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
