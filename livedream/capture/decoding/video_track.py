"""Chooses the video track: the default one, else the best. Covers and thumbnails are not videos."""

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
"""Dispositions of tracks that are used only if there is no other. `dependent`: it cannot be decoded alone."""
_STILL_CODECS = ("mjpeg", "png", "bmp", "webp", "tiff")
SAMPLE = 400
"""Packets that are read to tell a video from an image, if there are several tracks and the header does not say."""
VIDEO_PACKETS = 10
"""A track with this many packets in the sample is certainly a video. A track with one beside it is an image."""


def video_tracks(
    container: InputContainer, name: str, again: Callable[[], InputContainer] | None = None
) -> list[VideoStream]:
    """Return the video tracks that can be decoded, the best first. If there are several, log which one is used.

    The best one is the default, as in ffmpeg; then the one with the most pixels, and the highest bit rate. A track with
    a single image comes last: it is a thumbnail that is not marked as one.

    Args:
        container: the opened file.
        name: of the file, for messages.
        again: opens the same file again, to look ahead; None if it can be read only once.

    Raises:
        SourceError: there is none.
    """
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks and container.streams.audio:
        raise SourceError(f"{name} has sound but no video track", "name a video")
    if not tracks:
        raise SourceError(f"{name} has no video track", "name a video")
    if _is_cover_of_sound(container, tracks, again):
        raise SourceError(f"{name} has sound but no video track", "name a video")
    decodable = [track for track in tracks if track.codec_context is not None]
    if not decodable:
        codecs = ", ".join(sorted({_codec(container, track) for track in tracks}))
        raise SourceError(
            f"{name}: no decoder for its video track ({codecs})", "convert it first: ffmpeg -i VIDEO converted.mp4"
        )
    videos = [track for track in decodable if not track.disposition & STILLS]
    single = _single_images(videos, again) if len(videos) > 1 else set()

    def rank(track: VideoStream) -> tuple[bool, bool, bool, int, int]:
        return (
            not track.disposition & STILLS,
            track.index not in single,
            bool(track.disposition & Disposition.default),
            track.width * track.height,
            track.bit_rate or 0,
        )

    ranked = sorted(decodable, key=rank, reverse=True)  # stable: the first of equal tracks
    if len(videos) > 1 or len(tracks) > len(decodable):
        _log_choice(container, name, ranked[0], tracks)
    return ranked


def describe_track(container: InputContainer, index: int) -> str:
    """Return `video track 2 of 3 (h264, 1280x720)`, counted among the video tracks."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    number = next(number for number, track in enumerate(tracks) if track.index == index)
    track = tracks[number]
    size = f", {track.width}x{track.height}" if track.codec_context is not None else ""
    return f"video track {number + 1} of {len(tracks)} ({_codec(container, track)}{size})"


def _log_choice(container: InputContainer, name: str, used: VideoStream, tracks: list[VideoStream]) -> None:
    others = len(tracks) - 1
    text = f"{name}: {describe_track(container, used.index)} is used"
    ignored = "the other one is" if others == 1 else f"the {others} others are"
    unknown = sorted({_codec(container, track) for track in tracks if track.codec_context is None})
    why = f"; there is no decoder for {', '.join(unknown)}" if unknown else ""
    log.warning("%s, %s ignored%s", text, ignored, why)


def _codec(container: InputContainer, track: VideoStream) -> str:
    if track.codec_context is not None:
        return str(track.codec_context.codec.canonical_name)
    # PyAV lists no codec without a decoder; FFmpeg's description names it: "Stream #0:1[0x2](eng): Video: vvc (Main)".
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # PyAV takes the description from FFmpeg's log
    try:
        description = container.dumps_format()
    finally:
        av.logging.set_level(level)
    match = re.search(rf"Stream #0:{track.index}\b[^\n]*?: Video: ([^\s,]+)(?: \((.{{4}}) / 0x)?", description)
    if match is None:
        return "unknown"
    return match[2] if match[1] == "none" and match[2] else match[1]


def _is_cover_of_sound(
    container: InputContainer, tracks: list[VideoStream], again: Callable[[], InputContainer] | None
) -> bool:
    """Return whether the only image is a JPEG or PNG beside sound: a cover that is not marked as one."""
    codec = tracks[0].codec_context
    if (
        len(tracks) > 1
        or not container.streams.audio
        or codec is None
        or codec.codec.canonical_name not in _STILL_CODECS
    ):
        return False
    if tracks[0].frames or again is None:
        return tracks[0].frames == 1
    sound = [track.index for track in container.streams.audio]
    counts = _count(again, [tracks[0].index, *sound])
    return counts[tracks[0].index] == 1 and any(counts[index] >= VIDEO_PACKETS for index in sound)


def _single_images(tracks: list[VideoStream], again: Callable[[], InputContainer] | None) -> set[int]:
    """Return the indices of the tracks that are single images beside a video."""
    single = {track.index for track in tracks if track.frames == 1}
    unsure = [track.index for track in tracks if not track.frames]
    if again is not None and unsure:
        counts = _count(again, [track.index for track in tracks])
        if any(count >= VIDEO_PACKETS for count in counts.values()):
            single |= {index for index in unsure if counts[index] == 1}
    return single if len(single) < len(tracks) else set()


def _count(again: Callable[[], InputContainer], tracks: list[int]) -> Counter[int]:
    """Count the packets of each track at the beginning of the file."""
    counts: Counter[int] = Counter()
    with again() as container, contextlib.suppress(av.error.FFmpegError):  # damaged: decide by what was counted
        for number, packet in enumerate(container.demux(*(container.streams[index] for index in tracks))):
            counts[packet.stream_index] += bool(packet.size)
            if number == SAMPLE or all(counts[index] >= VIDEO_PACKETS for index in tracks):
                break
    return counts
