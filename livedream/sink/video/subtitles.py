"""Carries the subtitles of one video into another: copied where the container supports them, else re-encoded."""

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
"""The encoder for text that a container cannot hold as it is. A GIF has no subtitles."""
UNIT = Fraction(1, 1_000_000)
"""Seconds. With milliseconds, the mp4 muxer of FFmpeg 8 shows an empty text as long as the text before it."""
LONGEST_SAMPLE = Fraction(1000)
"""Seconds after which a sample is written again. FFmpeg's muxer counts its duration in 31 bits of UNIT, 2147 s, and
ends the process (a failed assertion) when the next sample comes later."""
EMPTY_TEXT = b"\0\0"
"""An empty text in an mp4: its length, 0 (3GPP TS 26.245, section 5.17)."""
UNKNOWN_DURATION = Fraction(5)
"""Seconds for which a text of unknown duration is announced; the next one ends it anyway."""


class SubtitleTrack(ABC):
    """One track of subtitles that is carried into `output`, packet by packet, in time order.

    Args:
        source: The track that is read.
        target: The track that is written.
        output: The video that is written.
        until: The time at which the video ends, in seconds, if only a part of it is wanted. No text is shown longer.
    """

    def __init__(
        self, source: SubtitleStream, target: SubtitleStream, output: OutputContainer, until: Fraction | None
    ) -> None:
        self.target = target
        self.target.time_base = UNIT
        self.damaged = 0
        """How many packets could not be decoded."""
        self._source = source
        self._output = output
        self._until = until

    def begin(self) -> None:  # noqa: B027
        """Write what must come before the first frame."""

    def advance(self, time: Fraction) -> None:  # noqa: B027
        """Write what is due before `time`, in seconds. No packet before it will follow."""

    def wants(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> bool:
        """Return whether the packet is still shown at `start` seconds on the clock of the file."""
        end = (packet.pts or 0) + (packet.duration or 0)
        is_shown = end * packet.time_base > start or (not packet.duration and end * packet.time_base >= start)
        return is_shown and bytes(packet) != EMPTY_TEXT

    @abstractmethod
    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        """Write one packet, `start` seconds earlier than its own time."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is held back."""

    def _times(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> tuple[Fraction, Fraction | None]:
        """Return when the text of a packet begins and ends, in seconds; None for an unknown end."""
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
        self._output.mux(packet)


class CopiedSubtitles(SubtitleTrack):
    """Copies the packets as they are, with their times. Texts may overlap, which Matroska allows."""

    def __init__(
        self, source: SubtitleStream, target: SubtitleStream, output: OutputContainer, until: Fraction | None
    ) -> None:
        super().__init__(source, target, output, until)
        # With microseconds, the mp4 muxer of FFmpeg 8 rejects bitmap subtitles that are 36 minutes apart.
        self.target.time_base = source.time_base or UNIT

    def write(self, packet: "av.Packet[SubtitleStream]", start: Fraction) -> None:
        begin, end = self._times(packet, start)
        packet.pts = packet.dts = round(begin / packet.time_base)
        packet.duration = 0 if end is None else max(1, round((end - begin) / packet.time_base))
        packet.stream = self.target
        self._output.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class EncodedSubtitles(SubtitleTrack):
    """Decodes the packets and re-encodes their text with the encoder of `target`. Texts may overlap."""

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
    """A text that is shown now, as mov_text and, if it could be decoded, as ASS."""

    begin: Fraction
    end: Fraction | None
    content: bytes
    ass: bytes | None


class TimedText(SubtitleTrack):
    """Writes text into an mp4 or mov, which shows one sample at a time until the next one (3GPP TS 26.245).

    So texts that are shown together become one sample, and an empty sample fills each gap.

    Args:
        source: The track that is read.
        target: The track that is written.
        output: The video that is written.
        until: See `SubtitleTrack`.
        copied: Whether the source itself is mov_text.
    """

    def __init__(
        self,
        source: SubtitleStream,
        target: SubtitleStream,
        output: OutputContainer,
        until: Fraction | None,
        *,
        copied: bool,
    ) -> None:
        super().__init__(source, target, output, until)
        self._copied = copied
        self._encoder = _text_encoder(source) if copied else target.codec_context
        self._shown: list[_Cue] = []
        self._due: Fraction | None = None
        """When the texts in `_shown` begin, if their sample is still to be written."""
        self._last = Fraction(-1)
        """When the last sample begins."""
        self._held: tuple[bytes, Fraction, Fraction] | None = None
        """The text that is shown now, its begin, and its end if no other text comes. It is written when its end is
        known: a fragment may end in the middle of it, after which its duration cannot be changed."""

    def begin(self) -> None:
        """Write an empty text, which delays the fragments until each track has content."""
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
        # A text without an end ends here.
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
        """Write the sample that is due, once nothing else can change at its time."""
        if self._due is not None and self._due < time:
            due, self._due = self._due, None
            self._sample(due)

    def _sample(self, begin: Fraction) -> None:
        """Write the sample that is shown from `begin` on, until the next one."""
        while begin - self._last > LONGEST_SAMPLE and self._last >= 0:
            self._last += LONGEST_SAMPLE
            if self._held is None:
                self._mux(EMPTY_TEXT, self._last, self._last + UNIT)
            else:
                content, _, planned = self._held
                self._write_held(self._last)
                self._held = content, self._last, max(planned, self._last + UNIT)
        begin = self._last = max(begin, self._last + UNIT)
        self._write_held(begin)
        ends = [cue.end for cue in self._shown if cue.end is not None]
        if self._shown:
            end = min(ends, default=begin + UNKNOWN_DURATION)
            if self._until is not None:
                end = min(end, self._until)
            self._held = self._join_shown(), begin, max(end, begin + UNIT)
        else:
            self._mux(EMPTY_TEXT, begin, begin + UNIT)

    def _write_held(self, end: Fraction) -> None:
        if self._held is not None:
            (content, begin, planned), self._held = self._held, None
            self._mux(content, begin, min(end, planned))

    def _join_shown(self) -> bytes:
        texts = [cue.ass for cue in self._shown if cue.ass]
        if len(self._shown) > 1 and len(texts) == len(self._shown) and self._encoder is not None:
            return _encode(self._encoder, _joined(texts))
        return self._shown[-1].content


def subtitle_track(
    source: SubtitleStream, output: OutputContainer, path: Path | str, until: Fraction | None = None
) -> SubtitleTrack | None:
    """Return the track of `output` for one of the file `path`; None for bitmap subtitles, which cannot be carried.

    Args:
        source: The track that is read.
        output: The video that is written.
        path: The file that is read, for log messages.
        until: See `SubtitleTrack`.
    """
    kind = output.format.name
    timed = kind in ("mp4", "mov")
    if fits(source, kind):
        target = output.add_stream_from_template(source)
        if timed and source.codec_context.name == "mov_text":
            return TimedText(source, target, output, until, copied=True)
        return CopiedSubtitles(source, target, output, until)
    if kind not in ENCODERS or not source.codec_context:
        return None
    if not (header := _header(source)):
        return None
    target = cast(SubtitleStream, output.add_stream(ENCODERS[kind]))
    target.codec_context.subtitle_header = header
    target.codec_context.time_base = UNIT
    text = f"the subtitles ({source.codec_context.name}) are written as {target.name}, as {kind} cannot hold them"
    log.warning("%s: %s", path, text)
    if timed:
        return TimedText(source, target, output, until, copied=False)
    return EncodedSubtitles(source, target, output, until)


def _header(source: SubtitleStream) -> bytes | None:
    """Return the styles of a track as an ASS header; None for bitmap subtitles."""
    with contextlib.suppress(av.error.FFmpegError):
        source.codec_context.open(strict=False)
    return source.codec_context.subtitle_header


def _text_encoder(source: SubtitleStream) -> SubtitleCodecContext | None:
    """Return an encoder for mov_text; None if the track cannot be decoded, so that texts cannot be joined."""
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
    except av.error.FFmpegError:  # damaged: no text is shown for a moment
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
    """Return lines of ASS as one line that shows their texts one below the other."""
    fields = [line.split(b",", 8) for line in lines]
    texts = [field[8] for field in fields if len(field) == 9]
    return b",".join([*fields[0][:8], rb"\N".join(texts)]) if texts else lines[0]


def _joined(lines: list[bytes]) -> SubtitleSet:
    return SubtitleSet.create(_merge(lines), 0, 1000)
