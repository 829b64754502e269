"""Which picture track of a film is read: the default one, else the best; covers and thumbnails are no films."""

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Callable

import av.error
import av.logging
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from livedream.errors import SourceError

log = logging.getLogger(__name__)

STILLS = Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
"""What a track is taken for only where there is no other. `dependent`: it cannot be decoded alone."""
_PICTURES = ("mjpeg", "png", "bmp", "webp", "tiff")
SAMPLE = 400
"""Packets that are read to tell a film from a picture, where there are several tracks and the header does not say."""
FILM = 10
"""Packets in the sample from which on a track is a film for certain. A track with one beside it is a picture."""


def video_tracks(
    container: InputContainer, name: str, again: Callable[[], InputContainer] | None = None
) -> list[VideoStream]:
    """Return the picture tracks that can be decoded, the best first, and log which one that is if there are several.

    Best is the default one, as in ffmpeg; then the one with most pixels, and the highest bit rate. A track of a single
    picture comes after all others: a thumbnail that is not marked as one.

    again: opens the same file once more, to look ahead; None where it can be read only once.
    Raises SourceError when there is none.
    """
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks and container.streams.audio:
        raise SourceError(f"{name} has sound but no pictures", "name a film")
    if not tracks:
        raise SourceError(f"{name} has no pictures", "name a film")
    if _is_cover_of_sound(container, tracks, again):
        raise SourceError(f"{name} has sound but no pictures", "name a film")
    decodable = [track for track in tracks if track.codec_context is not None]
    if not decodable:
        codecs = ", ".join(sorted({_codec(container, track) for track in tracks}))
        raise SourceError(
            f"{name}: no decoder for its pictures ({codecs})", "convert it first: ffmpeg -i FILM converted.mp4"
        )
    films = [track for track in decodable if not track.disposition & STILLS]
    single = _single_pictures(films, again) if len(films) > 1 else set()

    def rank(track: VideoStream) -> tuple[bool, bool, bool, int, int]:
        return (
            not track.disposition & STILLS,
            track.index not in single,
            bool(track.disposition & Disposition.default),
            track.width * track.height,
            track.bit_rate or 0,
        )

    ranked = sorted(decodable, key=rank, reverse=True)  # stable: of equals the first
    if len(films) > 1 or len(tracks) > len(decodable):
        _tell(container, name, ranked[0], tracks)
    return ranked


def describe_track(container: InputContainer, index: int) -> str:
    """`track 2 of 3 (h264, 1280x720)`, counted among the picture tracks."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    number = next(number for number, track in enumerate(tracks) if track.index == index)
    track = tracks[number]
    size = f", {track.width}x{track.height}" if track.codec_context is not None else ""
    return f"track {number + 1} of {len(tracks)} ({_codec(container, track)}{size})"


def _tell(container: InputContainer, name: str, taken: VideoStream, tracks: list[VideoStream]) -> None:
    others = len(tracks) - 1
    text = f"{name}: picture {describe_track(container, taken.index)} is taken"
    left_out = "the other one is" if others == 1 else f"the {others} others are"
    unknown = sorted({_codec(container, track) for track in tracks if track.codec_context is None})
    why = f"; there is no decoder for {', '.join(unknown)}" if unknown else ""
    log.warning("%s, %s left out%s", text, left_out, why)


def _codec(container: InputContainer, track: VideoStream) -> str:
    if track.codec_context is not None:
        return str(track.codec_context.codec.canonical_name)
    # PyAV knows no codec without a decoder; FFmpeg's own description does: "Stream #0:1[0x2](eng): Video: vvc (Main)".
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # PyAV takes the description from the log
    try:
        description = container.dumps_format()
    finally:
        av.logging.set_level(level)
    found = re.search(rf"Stream #0:{track.index}\b[^\n]*?: Video: ([^\s,]+)(?: \((.{{4}}) / 0x)?", description)
    if found is None:
        return "unknown"
    return found[2] if found[1] == "none" and found[2] else found[1]


def _is_cover_of_sound(
    container: InputContainer, tracks: list[VideoStream], again: Callable[[], InputContainer] | None
) -> bool:
    """Return whether all pictures are one JPEG or PNG beside a record: a cover that is not marked as one."""
    codec = tracks[0].codec_context
    if len(tracks) > 1 or not container.streams.audio or codec is None or codec.codec.canonical_name not in _PICTURES:
        return False
    if tracks[0].frames or again is None:
        return tracks[0].frames == 1
    sound = [track.index for track in container.streams.audio]
    counts = _count(again, [tracks[0].index, *sound])
    return counts[tracks[0].index] == 1 and any(counts[index] >= FILM for index in sound)


def _single_pictures(tracks: list[VideoStream], again: Callable[[], InputContainer] | None) -> set[int]:
    """Return the indices of the tracks that are single pictures beside a film."""
    single = {track.index for track in tracks if track.frames == 1}
    unsure = [track.index for track in tracks if not track.frames]
    if again is not None and unsure:
        counts = _count(again, [track.index for track in tracks])
        if any(count >= FILM for count in counts.values()):
            single |= {index for index in unsure if counts[index] == 1}
    return single if len(single) < len(tracks) else set()


def _count(again: Callable[[], InputContainer], tracks: list[int]) -> Counter[int]:
    """Return how many packets of each track are at the beginning of the file."""
    counts: Counter[int] = Counter()
    with again() as container, contextlib.suppress(av.error.FFmpegError):  # damaged: what was counted decides
        for number, packet in enumerate(container.demux(*(container.streams[index] for index in tracks))):
            counts[packet.stream_index] += bool(packet.size)
            if number == SAMPLE or all(counts[index] >= FILM for index in tracks):
                break
    return counts
