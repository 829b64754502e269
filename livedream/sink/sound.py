"""The sound of a film, carried into another one."""

import contextlib
import io
import logging
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer

from livedream.errors import SinkError

log = logging.getLogger(__name__)

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@dataclass(slots=True)
class _Track:
    """One sound track on its way."""

    target: AudioStream
    copied: bool
    """Whether its packets are taken as they are; otherwise they are encoded anew."""
    unwrap: BitStreamFilterContext | None = None
    """Takes the head off each packet of AAC from a broadcast (ADTS), which a fragmented mp4 refuses."""
    last: int | None = None
    """The decoding time of the last packet, in ticks of the file that is read."""


class Sound:
    """Every sound track of the file `path`, packet by packet into `film`: nothing is changed, little is in memory.

    A track of a kind that `film` cannot hold is encoded anew as AAC; one that cannot be decoded either is left out;
    both are logged. start: what the clock of the file shows at time 0 of the film, in seconds.

    Raises SinkError when the file cannot be opened. Errors of `film` come out as PyAV raises them.
    """

    def __init__(self, path: Path, start: Fraction, film: OutputContainer) -> None:
        self._path = path
        self._start = start
        self._film = film
        try:
            self._file = av.open(str(path.absolute()), "r")
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"the sound of {path} cannot be read: {error.strerror}", "dream without sound") from error
        try:
            self._tracks = self._add_tracks()
        except BaseException:
            self._file.close()
            raise
        self._packets = self._read()
        self._next = next(self._packets, None)

    def write_until(self, time: Fraction | None = None) -> None:
        """Write what is heard before `time`, in seconds of the film; all the rest without it."""
        while self._next is not None:
            packet = self._next
            if time is not None and packet.dts is not None and packet.dts * packet.time_base - self._start >= time:
                return
            self._write(packet)
            self._next = next(self._packets, None)
        if time is None:
            for track in self._tracks.values():
                if not track.copied:
                    self._film.mux(track.target.encode(None))
            self._tracks = {}

    def close(self) -> None:
        self._next = None
        self._packets.close()
        self._file.close()

    def _add_tracks(self) -> dict[int, _Track]:
        tracks = {}
        for source in self._file.streams.audio:
            if _fits(source, self._film.format.name):
                adts = source.codec_context.name == "aac" and not source.codec_context.extradata
                unwrap = BitStreamFilterContext("aac_adtstoasc", source) if adts else None
                tracks[source.index] = _Track(self._film.add_stream_from_template(source), copied=True, unwrap=unwrap)
                continue
            codec = source.codec_context.name if source.codec_context else "unknown"
            if not source.codec_context:
                log.warning("%s: the sound (%s) cannot be decoded and is left out", self._path, codec)
                continue
            target = self._film.add_stream("aac", rate=source.codec_context.sample_rate)
            # By number: AVI does not say where its channels belong. What AAC has no place for becomes stereo.
            target.codec_context.layout = LAYOUTS.get(source.codec_context.channels, "stereo")
            tracks[source.index] = _Track(target, copied=False)
            log.warning("%s: the sound (%s) does not fit into the film and is encoded as AAC", self._path, codec)
        return tracks

    def _read(self) -> "Generator[av.Packet[AudioStream]]":
        streams = tuple(track for track in self._file.streams.audio if track.index in self._tracks)
        if not streams:
            return
        try:
            for packet in self._file.demux(streams):
                if packet.size and packet.dts is not None:
                    yield packet
        except av.error.FFmpegError as error:
            log.warning("%s: the sound ends early, at damaged data (%s)", self._path, error.strerror)

    def _write(self, packet: "av.Packet[AudioStream]") -> None:
        track = self._tracks[packet.stream_index]
        shift = round(self._start / packet.time_base)
        if track.copied:
            if track.last is not None and packet.dts is not None and packet.dts <= track.last:
                return  # damaged: a muxer takes no time that goes back
            track.last = packet.dts
            packet.dts = packet.dts - shift if packet.dts is not None else None
            packet.pts = packet.pts - shift if packet.pts is not None else None
            for whole in track.unwrap.filter(packet) if track.unwrap else [packet]:
                whole.stream = track.target
                self._film.mux(whole)
            return
        with contextlib.suppress(av.error.InvalidDataError):  # damaged: a moment of silence
            for samples in packet.decode():
                samples.pts = samples.pts - shift if samples.pts is not None else None
                self._film.mux(track.target.encode(samples))


def _fits(source: AudioStream, kind: str) -> bool:
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
