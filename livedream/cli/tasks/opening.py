"""Opens the source of a run, or the requested part of it, and the loudspeaker for its sound."""

from fractions import Fraction
from pathlib import Path

from livedream.capture.limited import LimitedSource
from livedream.capture.looped import LoopedSource
from livedream.capture.looped_image import LoopedImageSource
from livedream.capture.open import open_source, takes_part
from livedream.capture.previewed import PreviewedSource
from livedream.capture.source import Source
from livedream.cli.console import remark
from livedream.cli.tasks.request import Request
from livedream.errors import ArgumentError
from livedream.pipeline import Playback
from livedream.sink.speaker import Speaker

USUAL_RATE = Fraction(30)
"""Frames per second of a source without a known rate."""


def open_requested(spec: str, request: Request) -> Source:
    """Open the source `spec`, limited to the requested part of a video or time of a live source."""
    start, end, duration = request.start, request.until, request.duration
    in_part = (start is not None or end is not None) and takes_part(spec)
    if in_part and duration is not None and start is None and "://" in spec:
        source = open_source(spec)  # only the server knows whether it is live
        if source.live:
            return LimitedSource(PreviewedSource(source), duration)
        source.close()
    if in_part:
        return open_source(spec, size=request.size, rate=request.rate, start=start, end=end)
    source = open_source(spec, size=request.size, rate=request.rate)
    if source.live:
        source = PreviewedSource(source)
    return source if duration is None else LimitedSource(source, duration)


def preview_of(source: Source) -> PreviewedSource | None:
    """Return the source for a preview before the dream begins; None if the source is not live.

    source: as `open_requested` returns it. The time of the preview does not count as its duration.
    """
    inside = source.source if isinstance(source, LimitedSource) else source
    return inside if isinstance(inside, PreviewedSource) else None


def loop_source(source: Source, spec: str, request: Request) -> Source:
    """Return the video `source` in a loop; a picture becomes a video without motion."""
    if not source.stills:
        return LoopedSource(source, request.playback.rounds, request.duration)
    if len(source.files) != 1:
        raise ArgumentError(
            f"--loop is for videos and single pictures, and {source.name} is several pictures", "name one picture"
        )
    if request.playback.rounds is not None:
        raise ArgumentError(
            "--loop takes no number for a picture, which has no end", "use --loop alone to keep dreaming"
        )
    length = None if request.duration is None else max(1, round(request.duration * USUAL_RATE))
    return LoopedImageSource(spec, USUAL_RATE, length)


def speaker_of(video: Source, source: Source, clock: Playback) -> Speaker | None:
    """Return the loudspeaker for the sound of `video`; None, with a warning, if it has no sound.

    source: the video, or a loop of it. Raises SinkError.
    """
    if video.sound is None or (not isinstance(video.sound, Path) and not video.sound.reopens):
        reason = "has no sound" if video.sound is None else "can be read only once"
        remark(f"warning: no sound is played: {video.name} {reason}")
        return None
    loop = source if isinstance(source, LoopedSource) else None
    return Speaker(
        video.sound,
        clock,
        start=video.start,
        until=video.until,
        round_seconds=None if loop is None else lambda: loop.round_seconds,
    )
