"""The subtitles of a film, carried into another one: copied where the container can hold them, else encoded anew."""

import contextlib
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.container import OutputContainer
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from livedream.sink.video.audio import fits

log = logging.getLogger(__name__)

ENCODERS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
"""What text is encoded with that a container cannot hold as it is. A GIF holds none."""
UNIT = Fraction(1, 1_000_000)
"""Seconds. In milliseconds, the mp4 muxer of FFmpeg 8 lets an empty text last as long as the text before it."""
LONGEST_SAMPLE = Fraction(1000)
"""Seconds after which a sample is written again. The muxer of FFmpeg counts its length in 31 bits of UNIT, 2147 s, and
ends the whole process (an assertion) when the next one comes later."""
NOTHING = b"\0\0"
"""No text, as mp4 writes it: the length of it (3GPP TS 26.245, section 5.17)."""
UNTIL_THE_NEXT = Fraction(5)
"""Seconds for which a text is announced whose end nobody knows; the next one ends it, whatever it says."""


class SubtitleTrack(ABC):
    """One track of subtitles on its way into `film`, packet by packet, in the order of their times.

    source: the track that is read. target: the one that is written. until: the time at which the film ends, in seconds
    of the film, where only a part of it is wanted; no text is shown longer.
    """

    def __init__(
        self, source: SubtitleStream, target: SubtitleStream, film: OutputContainer, until: Fraction | None
    ) -> None:
        self.target = target
        self.target.time_base = UNIT
        self.damaged = 0
        """How many packets could not be decoded."""
        self._source = source
        self._film = film
        self._until = until

    def begin(self) -> None:  # noqa: B027
        """The first frame comes: write what must stand before it."""

    def advance(self, time: Fraction) -> None:  # noqa: B027
        """The film has come to `time`, in seconds, and no packet before it is still to come."""

    def wants(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> bool:
        """Return whether the packet is still shown at `start` seconds on the clock of the file."""
        end = (packet.pts or 0) + (packet.duration or 0)
        shown = end * packet.time_base > start or (not packet.duration and end * packet.time_base >= start)
        return shown and bytes(packet) != NOTHING

    @abstractmethod
    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        """Write one packet, `start` seconds earlier than it says."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is held back."""

    def _times(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> tuple[Fraction, Fraction | None]:
        """Return from when and until when the text of a packet is shown, in seconds; None where nobody knows."""
        begin = (packet.pts or 0) * packet.time_base - start
        end = begin + packet.duration * packet.time_base if packet.duration else None
        if end is not None and self._until is not None:
            end = min(end, self._until)
        return max(begin, Fraction(0)), end

    def _mux(self, content: bytes, begin: Fraction, end: Fraction | None) -> None:
        packet: av.Packet[Any] = av.Packet(content)
        packet.pts = packet.dts = round(begin / UNIT)
        packet.duration = 0 if end is None else max(1, round((end - begin) / UNIT))
        packet.time_base = UNIT
        packet.stream = self.target
        packet.is_keyframe = True
        self._film.mux(packet)


class CopiedSubtitles(SubtitleTrack):
    """Takes the packets as they are, with their times: texts may overlap, as Matroska allows it."""

    def __init__(
        self, source: SubtitleStream, target: SubtitleStream, film: OutputContainer, until: Fraction | None
    ) -> None:
        super().__init__(source, target, film, until)
        # In microseconds, the mp4 muxer of FFmpeg 8 takes no pictures of text that are 36 minutes apart.
        self.target.time_base = source.time_base or UNIT

    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        begin, end = self._times(packet, start)
        packet.pts = packet.dts = round(begin / packet.time_base)
        packet.duration = 0 if end is None else max(1, round((end - begin) / packet.time_base))
        packet.stream = self.target
        self._film.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class EncodedSubtitles(SubtitleTrack):
    """Decodes the packets and writes their text with the encoder of `target`; texts may overlap."""

    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        begin, end = self._times(packet, start)
        text = _decode(self._source.codec_context, packet)
        if text is None:
            self.damaged += 1
            return
        content = _encode(self.target.codec_context, text)
        if content:
            self._mux(content, begin, end)

    def finish(self) -> None:
        """Nothing is held back."""


@dataclass(frozen=True, slots=True)
class _Cue:
    """A text that is shown now, in mov_text and, where the decoder could tell, in the words of ASS."""

    begin: Fraction
    end: Fraction | None
    content: bytes
    ass: bytes | None


class TimedText(SubtitleTrack):
    """Text in an mp4 or mov, where one sample is shown at a time and the next one ends it (3GPP TS 26.245).

    So the texts that are shown together become one sample, and where there is none, an empty sample stands.

    copied: whether the source is mov_text itself.
    """

    def __init__(
        self,
        source: SubtitleStream,
        target: SubtitleStream,
        film: OutputContainer,
        until: Fraction | None,
        *,
        copied: bool,
    ) -> None:
        super().__init__(source, target, film, until)
        self._copied = copied
        self._encoder = _text_encoder(source) if copied else target.codec_context
        self._shown: list[_Cue] = []
        self._due: Fraction | None = None
        """From when on the texts in `_shown` are shown, if that is still to be written."""
        self._last = Fraction(-1)
        """When the last sample begins."""
        self._held: tuple[bytes, Fraction, Fraction] | None = None
        """The text that is shown now, from when on, and until when if no other comes. It is written when its end is
        known: a fragment of the file may end in the middle of it, and then its length can be changed no more."""

    def begin(self) -> None:
        """Write an empty text: it keeps the fragments back until each track has something in it."""
        self._sample(Fraction(0))

    def advance(self, time: Fraction) -> None:
        while ends := [cue.end for cue in self._shown if cue.end is not None and cue.end <= time]:
            end = min(ends)
            self._write_due(end)
            self._shown = [cue for cue in self._shown if cue.end is None or cue.end > end]
            self._due = end
        self._write_due(time)

    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        begin, end = self._times(packet, start)
        text = _decode(self._source.codec_context, packet) if self._encoder is not None else None
        content = bytes(packet) if self._copied else b"" if text is None else _encode(self._encoder, text)
        if not content:
            self.damaged += text is None
            return
        if end is not None and end <= begin:
            return
        self.advance(begin)
        # What has no end of its own ends here.
        self._shown = [cue for cue in self._shown if cue.end is not None or cue.begin == begin]
        self._shown.append(_Cue(begin, end, content, None if text is None else _dialogue(text)))
        self._due = begin

    def finish(self) -> None:
        ends = [cue.end for cue in self._shown if cue.end is not None]
        self.advance(max([*ends, *([] if self._due is None else [self._due])], default=Fraction(0)) + UNIT)
        if self._held is not None:
            self._shown = []
            self._sample(self._held[2])

    def _write_due(self, time: Fraction) -> None:
        """Write the sample that is due, once it is certain that nothing else changes at its time."""
        if self._due is not None and self._due < time:
            due, self._due = self._due, None
            self._sample(due)

    def _sample(self, begin: Fraction) -> None:
        """Write what is shown from `begin` on; the next sample ends it."""
        while begin - self._last > LONGEST_SAMPLE and self._last >= 0:
            self._last += LONGEST_SAMPLE
            if self._held is None:
                self._mux(NOTHING, self._last, self._last + UNIT)
            else:
                content, _, planned = self._held
                self._write_held(self._last)
                self._held = content, self._last, max(planned, self._last + UNIT)
        begin = self._last = max(begin, self._last + UNIT)
        self._write_held(begin)
        ends = [cue.end for cue in self._shown if cue.end is not None]
        if self._shown:
            end = min(ends, default=begin + UNTIL_THE_NEXT)
            if self._until is not None:
                end = min(end, self._until)
            self._held = self._together(), begin, max(end, begin + UNIT)
        else:
            self._mux(NOTHING, begin, begin + UNIT)

    def _write_held(self, end: Fraction) -> None:
        if self._held is not None:
            (content, begin, planned), self._held = self._held, None
            self._mux(content, begin, min(end, planned))

    def _together(self) -> bytes:
        texts = [cue.ass for cue in self._shown if cue.ass]
        if len(self._shown) > 1 and len(texts) == len(self._shown) and self._encoder is not None:
            return _encode(self._encoder, _joined(texts))
        return self._shown[-1].content


def subtitle_track(
    source: SubtitleStream, film: OutputContainer, path: Path | str, until: Fraction | None = None
) -> SubtitleTrack | None:
    """Return the track of `film` for one of the file `path`; None when it cannot be carried: pictures of text.

    until: see SubtitleTrack.
    """
    kind = film.format.name
    timed = kind in ("mp4", "mov")
    if fits(source, kind):
        target = film.add_stream_from_template(source)
        if timed and source.codec_context.name == "mov_text":
            return TimedText(source, target, film, until, copied=True)
        return CopiedSubtitles(source, target, film, until)
    if kind not in ENCODERS or not source.codec_context:
        return None
    if not (header := _header(source)):
        return None
    target = cast(SubtitleStream, film.add_stream(ENCODERS[kind]))
    target.codec_context.subtitle_header = header
    target.codec_context.time_base = UNIT
    text = f"the subtitles ({source.codec_context.name}) do not fit into the film and are written as {target.name}"
    log.warning("%s: %s", path, text)
    if timed:
        return TimedText(source, target, film, until, copied=False)
    return EncodedSubtitles(source, target, film, until)


def _header(source: SubtitleStream) -> bytes | None:
    """Return the styles of a track, in the words of ASS; only decoders of text have some."""
    with contextlib.suppress(av.error.FFmpegError):
        source.codec_context.open(strict=False)
    return source.codec_context.subtitle_header


def _text_encoder(source: SubtitleStream) -> SubtitleCodecContext | None:
    """Return an encoder of mov_text; None where the track cannot be decoded and texts cannot be joined."""
    header = _header(source)
    if not header:
        return None
    encoder = av.CodecContext.create("mov_text", "w")
    encoder.subtitle_header = header
    encoder.time_base = UNIT
    return encoder


def _decode(decoder: SubtitleCodecContext, packet: "av.Packet[SubtitleStream]") -> SubtitleSet | None:
    try:
        return decoder.decode2(packet)
    except av.error.FFmpegError:  # damaged: nothing is read for a moment
        return None


def _encode(encoder: SubtitleCodecContext | None, text: SubtitleSet) -> bytes:
    if encoder is None:
        return b""
    try:
        return bytes(encoder.encode_subtitle(text))
    except av.error.FFmpegError:
        return b""


def _dialogue(text: SubtitleSet) -> bytes | None:
    """Return a decoded text as one line of ASS (ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text)."""
    lines = [part.ass for part in text if isinstance(part, AssSubtitle)]
    return _merge(lines) if lines else None


def _merge(lines: list[bytes]) -> bytes:
    """Return lines of ASS as one that shows their texts one below the other."""
    fields = [line.split(b",", 8) for line in lines]
    texts = [field[8] for field in fields if len(field) == 9]
    return b",".join([*fields[0][:8], rb"\N".join(texts)]) if texts else lines[0]


def _joined(lines: list[bytes]) -> SubtitleSet:
    return SubtitleSet.create(_merge(lines), 0, 1000)
