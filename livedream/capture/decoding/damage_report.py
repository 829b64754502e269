"""The warnings at the end of a video: what was damaged, missing or left out."""

import contextlib
import logging
from pathlib import Path

from livedream.capture.decoding.container import behind_the_end, missing_bytes
from livedream.capture.decoding.video_decoder import VideoDecoder

log = logging.getLogger(__name__)


def log_damage(decoder: VideoDecoder, path: Path | None, *, ended_early: bool) -> None:
    """Log what was wrong with a video that has been read.

    Args:
        decoder: which has read it.
        path: of the file, None if it cannot be opened again.
        ended_early: whether it has been reported that the video is shorter than its header states.
    """
    name = decoder.name
    if decoder.damaged:
        text = f"{name}: {decoder.damaged} damaged packets were skipped"
        log.warning("%s, %d lost frames repeat the one before", text, decoder.filled)
    if jumps := decoder.timeline.jumps:
        at = f"at {float(jumps[0].time - decoder.origin):.2f} s by {float(jumps[0].by):+.2f} s"
        how = f"jump {at}" if len(jumps) == 1 else f"jump {len(jumps)} times, first {at}"
        log.warning("%s: timestamps %s; picture and sound continue without a gap", name, how)
    _log_holes(decoder)
    if path is not None:
        with contextlib.suppress(OSError):  # it was removed meanwhile: the video has been read all the same
            _log_unread(decoder, path, ended_early=ended_early)
    if decoder.mended:
        log.warning("%s: %d timestamps were missing or went back", name, decoder.mended)


def _log_holes(decoder: VideoDecoder) -> None:
    holes = decoder.holes.found(whole=decoder.is_read)
    if not holes or decoder.timeline.jumps:
        return
    origin = float(decoder.origin)
    where = f"from {holes[0].begin - origin:.2f} to {holes[0].end - origin:.2f} s"
    more = "" if len(holes) == 1 else f", and in {len(holes) - 1} more places"
    log.warning("%s: no data %s%s; the file may be damaged", decoder.name, where, more)


def _log_unread(decoder: VideoDecoder, path: Path, *, ended_early: bool) -> None:
    """Log which part of the file is missing, and which part FFmpeg does not read. Raises OSError."""
    format_name = decoder.container.format.name
    if not ended_early and (missing := missing_bytes(path, format_name)):
        log.warning("%s: the file was cut off, its last %d bytes are missing", decoder.name, missing)
    if decoder.is_read and (unread := behind_the_end(path, format_name, decoder.bytes_read)):
        hint = "join videos with ffmpeg's concat demuxer to have all of them"
        log.warning("%s: %s after the end of the video are left out; %s", decoder.name, unread, hint)
