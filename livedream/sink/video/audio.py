"""Carries the sound of one video into another: copied where the container supports the codec, re-encoded elsewhere."""

import contextlib
import io
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.codec import Codec
from av.container import OutputContainer

log = logging.getLogger(__name__)

ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "aac", "webm": "libopus"}
"""The encoder for sound that a container cannot hold as it is. A GIF has no sound."""
NAMES = {"aac": "AAC", "libopus": "Opus"}
USUAL_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""The layouts to which an unusual one is converted, by number of channels."""
MOST_CHANNELS = 8
"""PyAV reads past its planes when it converts samples of more channels (18.1, AudioFrame.to_ndarray)."""
OPUS_RATE = 48000
"""Samples per second. Every Opus decoder returns 48 kHz, whatever was encoded (RFC 7845, section 5.1)."""
SLIP = Fraction(1, 50)
"""Seconds. Samples whose time is off by less than this continue those before, because times are rounded."""
BITS_PER_CHANNEL = 64_000
"""Bits per second. FFmpeg's default for AAC is 128 kbit/s for any number of channels."""


class AudioTrack(ABC):
    """One sound track that is carried into `output`, packet by packet.

    Args:
        source: The track that is read.
        target: The track that is written.
        output: The video that is written.
    """

    def __init__(self, source: AudioStream, target: AudioStream, output: OutputContainer) -> None:
        self.target = target
        self.damaged = 0
        """How many packets could not be decoded; each is a moment of silence."""
        self.has_written = False
        """Whether the muxer got a packet."""
        self._source = source
        self._output = output

    def begin(self) -> None:  # noqa: B027  (subtitles override it)
        """Write what must come before the first packet: nothing."""

    def advance(self, time: Fraction) -> None:  # noqa: B027
        """Write what is due at `time` without a packet: nothing."""

    @staticmethod
    def wants(packet: "av.Packet[AudioStream]", start: Fraction) -> bool:
        """Return whether the packet belongs to the video, which begins at `start` seconds on the clock of the file."""
        # At the beginning of the file a decoder also needs what comes before time 0.
        return not start or packet.dts is None or packet.dts * packet.time_base >= start

    @abstractmethod
    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        """Write one packet, `start` seconds earlier than its own time."""

    def pass_over(self, packet: "av.Packet[AudioStream]") -> None:  # noqa: B027
        """Skip a packet that was already written after it was read from another handle of the file."""

    @abstractmethod
    def finish(self) -> None:
        """Write what the encoder still holds."""

    def _decode(self, packet: "av.Packet[AudioStream]", start: Fraction) -> list[AudioFrame]:
        """Return the samples of a packet, `start` seconds earlier; none if it is damaged."""
        shift = round(start / packet.time_base)
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            self.damaged += 1
            return []
        for samples in decoded:
            samples.pts = samples.pts - shift if samples.pts is not None else None
        return decoded


class CopiedAudio(AudioTrack):
    """Copies the packets as they are.

    A broadcast (AAC in ADTS, where each packet states its format) may change rate and channels in mid-stream, but the
    header of the video can state only one configuration. Packets that differ from the first one are re-encoded.
    """

    def __init__(self, source: AudioStream, target: AudioStream, output: OutputContainer) -> None:
        super().__init__(source, target, output)
        self._is_adts = source.codec_context.name == "aac" and not source.codec_context.extradata
        self._unwrap = BitStreamFilterContext("aac_adtstoasc", source) if self._is_adts else None
        self._configuration: bytes | None = None
        self._first_format = source.codec_context.sample_rate, source.codec_context.layout.name
        self._encoder: _Encoder | None = None
        self._last: Fraction | None = None
        """The dts of the last packet that was written, in seconds."""

    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        if self._is_adts and self._changed(packet):
            if self._encoder is None:
                self._encoder = _Encoder(_open_encoder("aac", *self._first_format))
            self._mux(self._encoder.encode(self._decode(packet, start)))
            return
        self.finish()
        shift = round(start / packet.time_base)
        packet.dts = packet.dts - shift if packet.dts is not None else None
        packet.pts = packet.pts - shift if packet.pts is not None else None
        try:
            packets = self._unwrap.filter(packet) if self._unwrap else [packet]
        except av.error.FFmpegError:
            self.damaged += 1
            return
        self._mux(packets)

    def finish(self) -> None:
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            self._mux(encoder.flush())

    def _changed(self, packet: "av.Packet[AudioStream]") -> bool:
        """Return whether an ADTS header has another profile, rate or layout than the first one (ISO/IEC 13818-7)."""
        head = bytes(packet)[:4]
        if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF0 != 0xF0:
            return False
        configuration = bytes((head[2] & 0xFD, head[3] & 0xC0))  # without the bits that are private to the encoder
        if self._configuration is None:
            self._configuration = configuration
        elif configuration != self._configuration and self._encoder is None:
            log.warning("the sound changes its rate or its channels and is re-encoded from there on")
        return configuration != self._configuration

    def _mux(self, packets: "Iterable[av.Packet[AudioStream]]") -> None:
        for packet in packets:
            decoded = packet.dts * packet.time_base if packet.dts is not None else None
            if decoded is not None:
                if self._last is not None and decoded <= self._last:
                    continue  # damaged: a muxer accepts no dts that goes back
                self._last = decoded
            packet.stream = self.target
            self._output.mux(packet)
            self.has_written = True


class EncodedAudio(AudioTrack):
    """Decodes the packets and re-encodes their samples with the encoder of `target`."""

    def __init__(self, source: AudioStream, target: AudioStream, output: OutputContainer) -> None:
        super().__init__(source, target, output)
        self._encoder = _Encoder(target.codec_context)
        self._finished = False

    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        self._mux(self._encoder.encode(self._decode(packet, start)))

    def pass_over(self, packet: "av.Packet[AudioStream]") -> None:
        with contextlib.suppress(av.error.FFmpegError):
            packet.decode()  # the decoder of this handle needs it for the next packet

    def finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._mux(self._encoder.flush())

    def _mux(self, packets: "Iterable[av.Packet[AudioStream]]") -> None:
        for packet in packets:
            packet.stream = self.target
            self._output.mux(packet)
            self.has_written = True


class _Encoder:
    """Encodes samples of any format, which may change in mid-stream, with one encoder."""

    def __init__(self, context: AudioCodecContext) -> None:
        self._context = context
        self._resampler: AudioResampler | None = None
        self._format: tuple[object, ...] = ()
        self._next: int | None = None
        """The time of the next sample, in samples."""

    def encode(self, decoded: Iterable[AudioFrame]) -> "Iterator[av.Packet[AudioStream]]":
        for samples in decoded:
            kind = samples.format.name, samples.layout.name, samples.sample_rate, samples.time_base
            if self._resampler is None or kind != self._format:
                yield from self._drain()
                self._format = kind
                self._resampler = AudioResampler(self._context.format, self._context.layout, self._context.sample_rate)
            yield from self._packets(self._resampler.resample(samples))

    def flush(self) -> "Iterator[av.Packet[AudioStream]]":
        """Yield the packets that are held back. Nothing can be encoded after that."""
        yield from self._drain()
        if self._context.is_open:
            yield from self._timed(self._context.encode(None))

    def _drain(self) -> "Iterator[av.Packet[AudioStream]]":
        if self._resampler is not None:
            resampler, self._resampler = self._resampler, None
            yield from self._packets(resampler.resample(None))

    def _packets(self, resampled: Iterable[AudioFrame]) -> "Iterator[av.Packet[AudioStream]]":
        unit = Fraction(1, self._context.sample_rate)
        for samples in resampled:
            if samples.pts is not None and samples.time_base not in (None, unit):
                samples.pts = round(samples.pts * samples.time_base / unit)
            samples.time_base = unit  # the encoder needs the same unit for all frames
            following = self._following(samples)
            if following is not None:
                yield from self._timed(self._context.encode(following))

    def _following(self, samples: AudioFrame) -> AudioFrame | None:
        """Return the part of `samples` that follows those before, with a time that does not go back, or None."""
        begin = samples.pts if samples.pts is not None else self._next or 0
        if self._next is not None:
            overlap = self._next - begin
            if abs(overlap) <= SLIP * self._context.sample_rate:
                begin = self._next
            elif overlap >= samples.samples:
                return None
            elif overlap > 0:
                samples, begin = _without_first(samples, overlap), self._next
        samples.pts = begin
        self._next = begin + samples.samples
        return samples

    def _timed(self, packets: "list[av.Packet[AudioStream]]") -> "Iterator[av.Packet[AudioStream]]":
        for packet in packets:
            if not packet.time_base:
                packet.time_base = Fraction(1, self._context.sample_rate)
            yield packet


def sound_track(source: AudioStream, output: OutputContainer, path: Path | str) -> AudioTrack | None:
    """Return the track of `output` for a track of the file `path`; None when it cannot be carried."""
    kind = output.format.name
    if not source.codec_context or not source.codec_context.sample_rate:
        return None  # a track that begins in mid-file, about which FFmpeg knows too little
    if fits(source, kind):
        if is_layout_lost(source.codec_context.name, source.codec_context.layout, kind):
            layout = source.codec_context.layout.name
            log.warning("%s: the output cannot store the channel layout %s; players will guess it", path, layout)
        return CopiedAudio(source, output.add_stream_from_template(source), output)
    if kind not in ENCODERS:
        return None
    encoder = ENCODERS[kind]
    rate = nearest_rate(encoder, source.codec_context.sample_rate)
    layout = nearest_layout(encoder, source.codec_context.layout, rate)
    target = cast(AudioStream, output.add_stream(encoder, rate=rate))
    _set_up(target.codec_context, rate, layout)
    losses = ""
    if layout != source.codec_context.layout.name and AudioLayout(layout).nb_channels < source.codec_context.channels:
        losses += f", {source.codec_context.layout.name} mixed down to {layout}"
    if encoder != "libopus" and rate != source.codec_context.sample_rate:
        losses += f", {source.codec_context.sample_rate} Hz resampled to {rate} Hz"
    text = f"the sound ({source.codec_context.name}) is encoded as {NAMES[encoder]}, as {kind} cannot hold it"
    log.warning("%s: %s%s", path, text, losses)
    return EncodedAudio(source, target, output)


def nearest_rate(encoder: str, rate: int) -> int:
    """Return the supported sample rate nearest to `rate`; the greater of two that are equally near."""
    if encoder == "libopus":
        return OPUS_RATE
    rates = Codec(encoder, "w").audio_rates
    return min(rates, key=lambda known: (abs(known - rate), -known)) if rates else rate


def nearest_layout(encoder: str, layout: AudioLayout, rate: int) -> str:
    """Return the layout with which the encoder keeps the most channels of `layout`.

    That is `layout` itself if it is supported; else the smallest usual one with a place for each of its channels; else,
    or if the channels are unknown, the usual one with the same number of channels; else the largest usual one.
    """
    if _is_known(layout) and layout.nb_channels <= MOST_CHANNELS and _encodes(encoder, layout.name, rate):
        return layout.name
    supported = [AudioLayout(usual) for usual in USUAL_LAYOUTS if _encodes(encoder, usual, rate)]
    same_count = (usual for usual in supported if usual.nb_channels == layout.nb_channels)
    large_enough = (
        (usual for usual in supported if _positions(layout) <= _positions(usual)) if _is_known(layout) else same_count
    )
    largest = max(supported, key=lambda usual: usual.nb_channels)
    return next((usual.name for usual in (*large_enough, *same_count)), largest.name)


def is_layout_lost(codec: str, layout: AudioLayout, kind: str) -> bool:
    """Return whether a player would mistake the channels of the copied sound, because it knows only their number.

    FLAC stores an unusual layout in a comment, which an mp4 drops, and Matroska stores no layout for PCM.
    """
    stores_only_number = (codec == "flac" and kind in ("mp4", "mov")) or (
        codec.startswith("pcm_") and kind == "matroska"
    )
    usual = [AudioLayout(name) for name in USUAL_LAYOUTS]
    return stores_only_number and _is_known(layout) and all(_positions(layout) != _positions(known) for known in usual)


def fits(source: av.stream.Stream, kind: str) -> bool:
    """Return whether a file of `kind` can hold the track as it is. Some muxers fail only when they write the header."""
    muxer = av.open(io.BytesIO(), "w", format=kind)
    try:
        muxer.add_stream_from_template(source)
        muxer.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(av.error.FFmpegError):
            muxer.close()
    return True


def _is_known(layout: AudioLayout) -> bool:
    """Return whether the position of each channel is known. AVI does not store it."""
    return all(channel.name not in ("NONE", "UNK") and channel.name[:3] != "USR" for channel in layout.channels)


def _positions(layout: AudioLayout) -> set[str]:
    """Return the positions of the channels. Side channels count as back channels where a layout has one pair."""
    positions = {channel.name for channel in layout.channels}
    return positions if "BL" in positions else {{"SL": "BL", "SR": "BR"}.get(place, place) for place in positions}


def _without_first(samples: AudioFrame, count: int) -> AudioFrame:
    """Return the samples from number `count` on."""
    values = samples.to_ndarray()
    width = 1 if samples.format.is_planar else samples.layout.nb_channels
    rest = AudioFrame.from_ndarray(values[:, count * width :], samples.format.name, samples.layout.name)
    rest.sample_rate, rest.time_base = samples.sample_rate, samples.time_base
    return rest


def _set_up(context: AudioCodecContext, rate: int, layout: str) -> None:
    context.sample_rate = rate
    context.layout = layout
    if context.name == "aac":
        # AAC cannot use more than six bits per sample (ISO/IEC 14496-3, 4.5.3).
        channels = AudioLayout(layout).nb_channels
        context.bit_rate = min(max(96_000, BITS_PER_CHANNEL * channels), 6 * rate * channels)


def _encodes(encoder: str, layout: str, rate: int) -> bool:
    try:
        _open_encoder(encoder, rate, layout)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _open_encoder(encoder: str, rate: int, layout: str) -> AudioCodecContext:
    context = cast(AudioCodecContext, av.CodecContext.create(encoder, "w"))
    formats = Codec(encoder, "w").audio_formats
    if formats:
        context.format = formats[0].name
    _set_up(context, rate, layout)
    context.open(strict=False)
    return context
