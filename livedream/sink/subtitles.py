"""The subtitles of a film, carried into another one."""

import contextlib
import logging
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.container import OutputContainer
from av.subtitles.stream import SubtitleStream

from livedream.sink.sound import fits

log = logging.getLogger(__name__)

ENCODERS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
"""What text is encoded with that a file cannot hold as it is. A GIF holds none."""
UNIT = Fraction(1, 1_000_000)
"""Seconds. In milliseconds, the mp4 muxer of FFmpeg 8 lets an empty text last as long as the text before it."""
NOTHING = b"\0\0"
"""No text, as mp4 writes it: the length of it (3GPP TS 26.245, section 5.17)."""


class SubtitleTrack:
    """One track of subtitles on its way: its packets are taken as they are or, without `copied`, encoded anew."""

    def __init__(self, source: SubtitleStream, target: SubtitleStream, film: OutputContainer, *, copied: bool) -> None:
        self.target = target
        self.target.time_base = UNIT
        self._source = source
        self._film = film
        self._copied = copied
        self._blanks = film.format.name in ("mp4", "mov")
        """Whether the time between two texts needs a text too, an empty one."""
        self._last = -1
        """The time of the last packet, in ticks of the file that is read."""

    def begin(self) -> None:
        """Write an empty text into an mp4: it keeps the fragments back until each track has something in it."""
        if self._blanks:
            self._last = 0
            self._mux(NOTHING, 0, 1, self._source.time_base or Fraction(1, 1000))

    def wants(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> bool:
        """Return whether the packet is still shown at `start` seconds on the clock of the file."""
        return ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base > start and bytes(packet) != NOTHING

    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        """Write one packet, so many seconds earlier."""
        content = bytes(packet)
        if not self._copied:
            with contextlib.suppress(av.error.FFmpegError):  # damaged: nothing is read for a moment
                text = self._source.codec_context.decode2(packet)
                content = bytes(self.target.codec_context.encode_subtitle(text)) if text is not None else b""
        begin = (packet.pts or 0) - round(start / packet.time_base)
        end = begin + (packet.duration or 0)
        begin = self._last = max(begin, self._last + 1)  # two at one time are one after the other
        if content:
            end = max(end, begin + 1)
            self._mux(content, begin, end - begin, packet.time_base)
            if self._blanks:
                self._last = end
                self._mux(NOTHING, end, 1, packet.time_base)

    def finish(self) -> None:
        """Nothing is held back."""

    def _mux(self, content: bytes, begin: int, duration: int, time_base: Fraction) -> None:
        packet: av.Packet[Any] = av.Packet(content)
        packet.pts = packet.dts = begin
        packet.duration = duration
        packet.time_base = time_base
        packet.stream = self.target
        packet.is_keyframe = True
        self._film.mux(packet)


def subtitle_track(source: SubtitleStream, film: OutputContainer, path: Path | str) -> SubtitleTrack | None:
    """Return the track of `film` for one of the file `path`; None when it cannot be carried: pictures of text."""
    kind = film.format.name
    if fits(source, kind):
        return SubtitleTrack(source, film.add_stream_from_template(source), film, copied=True)
    if kind not in ENCODERS or not source.codec_context:
        return None
    decoder = source.codec_context
    with contextlib.suppress(av.error.FFmpegError):
        decoder.open(strict=False)
    if not decoder.subtitle_header:  # only decoders of text have one
        return None
    target = cast(SubtitleStream, film.add_stream(ENCODERS[kind]))
    target.codec_context.subtitle_header = decoder.subtitle_header
    target.codec_context.time_base = UNIT
    log.warning(
        "%s: the subtitles (%s) do not fit into the film and are written as %s", path, decoder.name, target.name
    )
    return SubtitleTrack(source, target, film, copied=False)
