"""The sound of a film, carried into another one."""

import contextlib
import io
import logging
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer

log = logging.getLogger(__name__)

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "aac", "webm": "libopus"}
"""What sound is encoded with that a file cannot hold as it is. A GIF holds none."""
OPUS_RATE = 48000
"""Samples a second. Opus knows few rates, and 44100 is none of them (RFC 6716, section 2)."""


class SoundTrack:
    """One sound track on its way: its packets are taken as they are or, without `copied`, encoded anew."""

    def __init__(
        self, target: AudioStream, film: OutputContainer, *, copied: bool, unwrap: BitStreamFilterContext | None = None
    ) -> None:
        self.target = target
        self._film = film
        self._copied = copied
        self._unwrap = unwrap
        """Takes the head off each packet of AAC from a broadcast (ADTS), which a fragmented mp4 refuses."""
        self._last: int | None = None
        """The decoding time of the last packet, in ticks of the file that is read."""

    def begin(self) -> None:
        """Nothing comes before the first packet."""

    def wants(self, packet: "av.Packet[AudioStream]", start: Fraction) -> bool:
        """Return whether the packet belongs to the film that begins at `start` seconds on the clock of the file."""
        # From the beginning of the file, a decoder needs what comes before time 0.
        return not start or packet.dts is None or packet.dts * packet.time_base >= start

    def write(self, packet: "av.Packet[AudioStream]", start: Fraction) -> None:
        """Write one packet, so many seconds earlier."""
        shift = round(start / packet.time_base)
        if self._copied:
            if self._last is not None and packet.dts is not None and packet.dts <= self._last:
                return  # damaged: a muxer takes no time that goes back
            self._last = packet.dts
            packet.dts = packet.dts - shift if packet.dts is not None else None
            packet.pts = packet.pts - shift if packet.pts is not None else None
            for whole in self._unwrap.filter(packet) if self._unwrap else [packet]:
                whole.stream = self.target
                self._film.mux(whole)
            return
        with contextlib.suppress(av.error.InvalidDataError):  # damaged: a moment of silence
            for samples in packet.decode():
                samples.pts = samples.pts - shift if samples.pts is not None else None
                self._film.mux(self.target.encode(samples))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if not self._copied:
            self._film.mux(self.target.encode(None))


def sound_track(source: AudioStream, film: OutputContainer, path: Path | str) -> SoundTrack | None:
    """Return the track of `film` for one of the file `path`; None when it cannot be carried."""
    kind = film.format.name
    if fits(source, kind):
        adts = source.codec_context.name == "aac" and not source.codec_context.extradata
        unwrap = BitStreamFilterContext("aac_adtstoasc", source) if adts else None
        return SoundTrack(film.add_stream_from_template(source), film, copied=True, unwrap=unwrap)
    if kind not in ENCODERS or not source.codec_context:
        return None
    opus = ENCODERS[kind] == "libopus"
    target = film.add_stream("libopus" if opus else "aac", rate=OPUS_RATE if opus else source.codec_context.sample_rate)
    # By number: AVI does not say where its channels belong. What the encoder has no place for becomes stereo.
    target.codec_context.layout = LAYOUTS.get(source.codec_context.channels, "stereo")
    log.warning(
        "%s: the sound (%s) does not fit into the film and is encoded as %s",
        path,
        source.codec_context.name,
        "Opus" if opus else "AAC",
    )
    return SoundTrack(target, film, copied=False)


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
