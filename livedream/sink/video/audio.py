"""The sound of a film, carried into another one: copied where the container can hold it, encoded anew elsewhere."""

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
"""What sound is encoded with that a container cannot hold as it is. A GIF holds none."""
NAMES = {"aac": "AAC", "libopus": "Opus"}
USUAL_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""In order of their number of channels: what the channels of an unusual layout are moved into."""
MOST_CHANNELS = 8
"""PyAV reads past its planes when samples of more channels become an array (18.1, AudioFrame.to_ndarray)."""
OPUS_RATE = 48000
"""Samples a second. Every decoder of Opus gives 48 kHz, whatever went in (RFC 7845, section 5.1)."""
SLIP = Fraction(1, 50)
"""Seconds. Samples that begin less than this too early or too late follow on those before: times are rounded."""
BITS_PER_CHANNEL = 64_000
"""A second. FFmpeg's default for AAC is 128 kbit/s whatever the number of channels."""


class AudioTrack(ABC):
    """One sound track on its way into `film`, packet by packet.

    source: the track that is read. target: the one that is written.
    """

    def __init__(self, source: AudioStream, target: AudioStream, film: OutputContainer) -> None:
        self.target = target
        self.damaged = 0
        """How many packets could not be decoded: each is a moment of silence."""
        self.begun = False
        """Whether the muxer has got a packet."""
        self._source = source
        self._film = film

    def begin(self) -> None:  # noqa: B027  (subtitles have something to do here)
        """Nothing comes before the first packet."""

    def advance(self, time: Fraction) -> None:  # noqa: B027
        """Nothing is due without a packet."""

    @staticmethod
    def wants(packet: "av.Packet[AudioStream]", start: Fraction) -> bool:
        """Return whether the packet belongs to the film that begins at `start` seconds on the clock of the file."""
        # From the beginning of the file, a decoder needs what comes before time 0.
        return not start or packet.dts is None or packet.dts * packet.time_base >= start

    @abstractmethod
    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        """Write one packet, `start` seconds earlier than it says."""

    def pass_over(self, packet: "av.Packet[AudioStream]") -> None:  # noqa: B027
        """Take note of a packet that was read before, from another handle of the file, and is written."""

    @abstractmethod
    def finish(self) -> None:
        """Write what an encoder still holds."""

    def _decode(self, packet: "av.Packet[AudioStream]", start: Fraction) -> list[AudioFrame]:
        """Return the samples of a packet, `start` seconds earlier; none where it is damaged."""
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
    """Takes the packets as they are.

    A broadcast (AAC in ADTS, where each packet says what it holds) may change rate and channels in mid-stream; the
    header of the film can name one configuration only. What has another one than the first packet is encoded anew.
    """

    def __init__(self, source: AudioStream, target: AudioStream, film: OutputContainer) -> None:
        super().__init__(source, target, film)
        self._is_adts = source.codec_context.name == "aac" and not source.codec_context.extradata
        self._unwrap = BitStreamFilterContext("aac_adtstoasc", source) if self._is_adts else None
        self._configuration: bytes | None = None
        self._like = source.codec_context.sample_rate, source.codec_context.layout.name
        self._encoder: _Encoder | None = None
        self._last: Fraction | None = None
        """When the last packet that was written is decoded, in seconds."""

    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        if self._is_adts and self._changed(packet):
            if self._encoder is None:
                self._encoder = _Encoder(_open_encoder("aac", *self._like))
            self._mux(self._encoder.encode(self._decode(packet, start)))
            return
        self.finish()
        shift = round(start / packet.time_base)
        packet.dts = packet.dts - shift if packet.dts is not None else None
        packet.pts = packet.pts - shift if packet.pts is not None else None
        try:
            whole = self._unwrap.filter(packet) if self._unwrap else [packet]
        except av.error.FFmpegError:
            self.damaged += 1
            return
        self._mux(whole)

    def finish(self) -> None:
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            self._mux(encoder.flush())

    def _changed(self, packet: "av.Packet[AudioStream]") -> bool:
        """Return whether an ADTS header tells another profile, rate or layout than the first one (ISO/IEC 13818-7)."""
        head = bytes(packet)[:4]
        if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF0 != 0xF0:
            return False
        configuration = bytes((head[2] & 0xFD, head[3] & 0xC0))  # without the bits that are private to the encoder
        if self._configuration is None:
            self._configuration = configuration
        elif configuration != self._configuration and self._encoder is None:
            log.warning("the sound changes its rate or its channels and is encoded anew from there on")
        return configuration != self._configuration

    def _mux(self, packets: "Iterable[av.Packet[AudioStream]]") -> None:
        for packet in packets:
            decoded = packet.dts * packet.time_base if packet.dts is not None else None
            if decoded is not None:
                if self._last is not None and decoded <= self._last:
                    continue  # damaged: a muxer takes no time that goes back
                self._last = decoded
            packet.stream = self.target
            self._film.mux(packet)
            self.begun = True


class EncodedAudio(AudioTrack):
    """Decodes the packets and encodes their samples with the encoder of `target`."""

    def __init__(self, source: AudioStream, target: AudioStream, film: OutputContainer) -> None:
        super().__init__(source, target, film)
        self._encoder = _Encoder(target.codec_context)
        self._finished = False

    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        self._mux(self._encoder.encode(self._decode(packet, start)))

    def pass_over(self, packet: "av.Packet[AudioStream]") -> None:
        with contextlib.suppress(av.error.FFmpegError):
            packet.decode()  # the decoder of this handle needs it for the next one

    def finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._mux(self._encoder.flush())

    def _mux(self, packets: "Iterable[av.Packet[AudioStream]]") -> None:
        for packet in packets:
            packet.stream = self.target
            self._film.mux(packet)
            self.begun = True


class _Encoder:
    """Encodes samples of any kind, also of one that changes in mid-stream, with one encoder."""

    def __init__(self, context: AudioCodecContext) -> None:
        self._context = context
        self._resampler: AudioResampler | None = None
        self._takes: tuple[object, ...] = ()
        self._next: int | None = None
        """The time of the next sample, in samples."""

    def encode(self, decoded: Iterable[AudioFrame]) -> "Iterator[av.Packet[AudioStream]]":
        for samples in decoded:
            kind = samples.format.name, samples.layout.name, samples.sample_rate, samples.time_base
            if self._resampler is None or kind != self._takes:
                yield from self._drain()
                self._takes = kind
                self._resampler = AudioResampler(self._context.format, self._context.layout, self._context.sample_rate)
            yield from self._packets(self._resampler.resample(samples))

    def flush(self) -> "Iterator[av.Packet[AudioStream]]":
        """Yield what is held back; nothing can be encoded after that."""
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
            samples.time_base = unit  # the encoder wants one unit from the first frame to the last
            following = self._following(samples)
            if following is not None:
                yield from self._timed(self._context.encode(following))

    def _following(self, samples: AudioFrame) -> AudioFrame | None:
        """Return what of `samples` comes after those before, with a time that does not go back; None for none."""
        begin = samples.pts if samples.pts is not None else self._next or 0
        if self._next is not None:
            early = self._next - begin
            if abs(early) <= SLIP * self._context.sample_rate:
                begin = self._next
            elif early >= samples.samples:
                return None
            elif early > 0:
                samples, begin = _without_first(samples, early), self._next
        samples.pts = begin
        self._next = begin + samples.samples
        return samples

    def _timed(self, packets: "list[av.Packet[AudioStream]]") -> "Iterator[av.Packet[AudioStream]]":
        for packet in packets:
            if not packet.time_base:
                packet.time_base = Fraction(1, self._context.sample_rate)
            yield packet


def sound_track(source: AudioStream, film: OutputContainer, path: Path | str) -> AudioTrack | None:
    """Return the track of `film` for one of the file `path`; None when it cannot be carried."""
    kind = film.format.name
    if not source.codec_context or not source.codec_context.sample_rate:
        return None  # a track that begins in mid-file, of which FFmpeg knows too little
    if fits(source, kind):
        if is_layout_lost(source.codec_context.name, source.codec_context.layout, kind):
            layout = source.codec_context.layout.name
            log.warning("%s: the film does not say where the channels of %s belong: players guess", path, layout)
        return CopiedAudio(source, film.add_stream_from_template(source), film)
    if kind not in ENCODERS:
        return None
    encoder = ENCODERS[kind]
    rate = nearest_rate(encoder, source.codec_context.sample_rate)
    layout = nearest_layout(encoder, source.codec_context.layout, rate)
    target = cast(AudioStream, film.add_stream(encoder, rate=rate))
    _set_up(target.codec_context, rate, layout)
    lost = ""
    if layout != source.codec_context.layout.name and AudioLayout(layout).nb_channels < source.codec_context.channels:
        lost += f", {source.codec_context.layout.name} mixed down to {layout}"
    if encoder != "libopus" and rate != source.codec_context.sample_rate:
        lost += f", {source.codec_context.sample_rate} Hz resampled to {rate} Hz"
    text = f"the sound ({source.codec_context.name}) does not fit into the film and is encoded as {NAMES[encoder]}"
    log.warning("%s: %s%s", path, text, lost)
    return EncodedAudio(source, target, film)


def nearest_rate(encoder: str, rate: int) -> int:
    """Return the number of samples a second nearest to `rate` that the encoder takes; of two as near the greater."""
    if encoder == "libopus":
        return OPUS_RATE
    rates = Codec(encoder, "w").audio_rates
    return min(rates, key=lambda known: (abs(known - rate), -known)) if rates else rate


def nearest_layout(encoder: str, layout: AudioLayout, rate: int) -> str:
    """Return the layout with which the encoder keeps most channels of `layout`.

    That is `layout` itself where it can be; else the smallest usual one with a place for each of its channels; else,
    or where nobody knows what the channels are, the usual one of as many channels; else the largest usual one.
    """
    if _is_named(layout) and layout.nb_channels <= MOST_CHANNELS and _encodes(encoder, layout.name, rate):
        return layout.name
    able = [AudioLayout(usual) for usual in USUAL_LAYOUTS if _encodes(encoder, usual, rate)]
    as_many = (usual for usual in able if usual.nb_channels == layout.nb_channels)
    roomy = (usual for usual in able if _places(layout) <= _places(usual)) if _is_named(layout) else as_many
    largest = max(able, key=lambda usual: usual.nb_channels)
    return next((usual.name for usual in (*roomy, *as_many)), largest.name)


def is_layout_lost(codec: str, layout: AudioLayout, kind: str) -> bool:
    """Return whether a player of the copied sound takes its channels for others, as it finds but their number.

    FLAC has an unusual layout in a comment that an mp4 does not hold, and Matroska holds none of PCM.
    """
    by_number = (codec == "flac" and kind in ("mp4", "mov")) or (codec.startswith("pcm_") and kind == "matroska")
    usual = [AudioLayout(name) for name in USUAL_LAYOUTS]
    return by_number and _is_named(layout) and all(_places(layout) != _places(known) for known in usual)


def fits(source: av.stream.Stream, kind: str) -> bool:
    """Return whether a file of `kind` can hold the track as it is. Some say so only when their head is written."""
    trial = av.open(io.BytesIO(), "w", format=kind)
    try:
        trial.add_stream_from_template(source)
        trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(av.error.FFmpegError):
            trial.close()
    return True


def _is_named(layout: AudioLayout) -> bool:
    """Return whether it is known where each channel belongs: AVI does not say it."""
    return all(channel.name not in ("NONE", "UNK") and channel.name[:3] != "USR" for channel in layout.channels)


def _places(layout: AudioLayout) -> set[str]:
    """Return where the channels belong; those at the sides are as good as those behind where a layout has one pair."""
    places = {channel.name for channel in layout.channels}
    return places if "BL" in places else {{"SL": "BL", "SR": "BR"}.get(place, place) for place in places}


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
        # More than six bits for a sample is more than AAC can use (ISO/IEC 14496-3, 4.5.3).
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
