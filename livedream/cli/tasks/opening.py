"""Open the source of a run, as much of it as is wanted, and the loudspeaker for its sound."""

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
"""Frames per second of what does not know its own rate."""


def open_wanted(spec: str, request: Request) -> Source:
    """Return the source that `spec` means, as far as it is wanted: a part of a film, a live source for some time."""
    start, end, duration = request.start, request.until, request.duration
    in_part = (start is not None or end is not None) and takes_part(spec)
    if in_part and duration is not None and start is None and "://" in spec:
        source = open_source(spec)  # only the server knows whether it is a film
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
    """Return what can be watched of a source that `open_wanted` returned; None where it is not live.

    What was watched is no part of its duration.
    """
    inside = source.source if isinstance(source, LimitedSource) else source
    return inside if isinstance(inside, PreviewedSource) else None


def loop_source(source: Source, spec: str, request: Request) -> Source:
    """Return the film `source` in a loop; a picture becomes a film in which nothing moves."""
    if not source.stills:
        return LoopedSource(source, request.playback.rounds, request.duration)
    if len(source.files) != 1:
        raise ArgumentError(f"--loop is for films and one picture, and {source.name} is several", "name one")
    if request.playback.rounds is not None:
        raise ArgumentError("--loop takes no number for a picture: it has no end", "--loop alone goes on dreaming")
    length = None if request.duration is None else max(1, round(request.duration * USUAL_RATE))
    return LoopedImageSource(spec, USUAL_RATE, length)


def speaker_of(film: Source, source: Source, pace: Playback) -> Speaker | None:
    """Return what plays the sound of `film`, of which `source` may be a loop; None where there is none, which is told.

    Raises SinkError.
    """
    if film.sound is None or (not isinstance(film.sound, Path) and not film.sound.reopens):
        why = f"{film.name} has none" if film.sound is None else f"that of {film.name} can be read only once"
        remark(f"warning: no sound is played: {why}")
        return None
    loop = source if isinstance(source, LoopedSource) else None
    return Speaker(
        film.sound,
        pace,
        start=film.start,
        until=film.until,
        round_seconds=None if loop is None else lambda: loop.round_seconds,
    )
