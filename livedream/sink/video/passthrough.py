"""What comes along with the pictures of a film: sound, subtitles, chapters, its title."""

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from livedream.errors import SinkError
from livedream.recipe import about
from livedream.side_tracks import SideTracks
from livedream.sink.video.attachments import attach, attach_cover, cover_of, is_cover
from livedream.sink.video.audio import AudioTrack, fits, sound_track
from livedream.sink.video.cover import KINDS
from livedream.sink.video.labels import label
from livedream.sink.video.subtitles import SubtitleTrack, subtitle_track
from livedream.timeline import OPTIONS, Timeline, may_seek, packets_of

log = logging.getLogger(__name__)

RUN_UP = Fraction(2)
"""Seconds before the start of a part at which reading begins: not every file finds a time exactly."""
HEAD_WAITS = ("mp4", "mov")
"""Kinds of file whose head is written when there is a packet of every track: only then is known when each begins."""
LATEST = Fraction(2**31 - 2, 10**6)
"""Seconds, the largest `audio_preload`. What is later does not come to the muxer before its turn."""
OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "duration")
"""What a file says of itself and not of its content, in small letters."""


class PassthroughTracks:
    """Every track of `source` but the pictures, packet by packet into `film`; little is in memory.

    Sound and subtitles that `film` can hold are copied as they are; others are encoded anew in the kind that it holds.
    What cannot be carried is left out. Both are logged, a line each. Chapters, title and the like come along.

    start: what the clock of the file shows at time 0 of the film, in seconds; nothing before it is written, but for
    what a decoder wants to hear before the beginning of the file. until: the time at which all of it ends, in seconds
    of the film. pictures: the index of the track which the pictures of the film are made from.

    Raises SinkError when the file cannot be opened. Errors of `film` come out as PyAV raises them.
    """

    def __init__(
        self,
        source: Path | SideTracks,
        start: Fraction,
        film: OutputContainer,
        *,
        until: Fraction | None = None,
        pictures: int | None = None,
    ) -> None:
        self._source = source
        self._path = source if isinstance(source, Path) else source.name
        self._reopens = isinstance(source, Path) or source.reopens
        self._start = start
        self._until = until
        self._pictures = pictures
        self._film = film
        try:
            self._file = self._open()
        except (av.error.FFmpegError, OSError) as error:
            message = f"the sound of {self._path} cannot be read: {error.strerror}"
            raise SinkError(message, "dream without sound") from error
        self.cover = b""
        """The cover that the film gets when it is complete, see `livedream.sink.video.cover`."""
        self.cover_kind = 0
        self._tracks: dict[int, AudioTrack | SubtitleTrack] = {}
        self._written_ahead: Counter[int] = Counter()
        """How many packets of each track were written before their turn."""
        self._head_waits = film.format.name in HEAD_WAITS
        try:
            self._add_tracks(self._without_sound() if self._head_waits else set())
            self._copy_tags()
            self._copy_chapters()
        except BaseException:
            self._file.close()
            raise
        self._packets = self._read(self._file, {index: track.wants for index, track in self._tracks.items()})
        self._begun = False
        self._next: av.Packet[Any] | None = next(self._packets, None)

    def write_until(self, time: Fraction | None = None) -> None:
        """Write what is heard or read before `time`, in seconds of the film; all the rest without it."""
        if not self._begun:
            self._begun = True
            self._begin()
        while (packet := self._next or next(self._packets, None)) is not None:
            self._next = packet
            if time is not None and (packet.dts or 0) * packet.time_base - self._start >= time:
                break
            track = self._tracks[packet.stream_index]
            if self._written_ahead[packet.stream_index] and isinstance(track, AudioTrack):
                self._written_ahead[packet.stream_index] -= 1
                track.pass_over(packet)
            else:
                track.write(packet, self._start)
            self._next = None
        for track in self._tracks.values():
            if time is None:
                track.finish()
            else:
                track.advance(time)
        if time is None:
            self._tell_of_damage()
            self._tracks = {}

    def close(self) -> None:
        self._next = None
        self._packets.close()
        self._file.close()

    def _tell_of_damage(self) -> None:
        damaged = sum(track.damaged for track in self._tracks.values())
        if damaged:
            log.warning("%s: %d damaged packets of sound or subtitles were skipped", self._path, damaged)

    def _without_sound(self) -> set[int]:
        """Return the sound tracks, by index, of which no packet belongs to the film, or none can be decoded."""
        if not self._reopens:
            return set()  # a pipe does not tell beforehand
        copied = {stream.index for stream in self._file.streams.audio if fits(stream, self._kind)}
        silent = {stream.index for stream in self._file.streams.audio if stream.index in copied or stream.codec_context}
        if silent:
            with self._open() as file:
                for packet in self._read(file, dict.fromkeys(silent, AudioTrack.wants), warn=False):
                    if packet is None:
                        continue
                    index = packet.stream_index
                    if index in silent and (index in copied or _is_decodable(packet)):
                        silent.remove(index)
                        if not silent:
                            break
        for index in sorted(silent):
            log.warning("%s: sound track %d is left out: there is nothing in it", self._path, index)
        return silent

    def _begin(self) -> None:
        """Give the muxer what its head waits for: a packet of each track, however late it is heard."""
        for track in self._tracks.values():
            track.begin()
        waiting = {index: track for index, track in self._tracks.items() if isinstance(track, AudioTrack)}
        if not waiting or not self._head_waits or not self._reopens:
            return
        with self._open() as file:
            for packet in self._read(file, {index: track.wants for index, track in waiting.items()}, warn=False):
                if packet is None:
                    continue
                index = packet.stream_index
                if index in waiting:
                    if (packet.dts or 0) * packet.time_base - self._start > LATEST:
                        text = "until then nothing can be played if the run is killed; a .mkv has no such limit"
                        log.warning("%s: a sound track begins after more than 35 minutes: %s", self._path, text)
                    waiting[index].write(packet, self._start)
                    self._written_ahead[index] += 1
                    if waiting[index].begun:
                        del waiting[index]
                        if not waiting:
                            break
        for track in waiting.values():
            track.finish()  # so short that the encoder holds all of it

    def _add_tracks(self, silent: Container[int]) -> None:
        left_out = []
        for stream in self._file.streams:
            track: AudioTrack | SubtitleTrack | None = None
            if stream.index in silent:
                continue
            if isinstance(stream, AudioStream):
                track = sound_track(stream, self._film, self._path)
            elif isinstance(stream, SubtitleStream):
                track = subtitle_track(stream, self._film, self._path, self._until)
            if track is not None:
                left_out += [f"{lost} ({_name(stream)})" for lost in label(stream, track.target, self._kind)]
                self._tracks[stream.index] = track
            elif not self._attached(stream):
                left_out.append(_name(stream))
        if self._pictures is not None and self._pictures < len(self._file.streams):
            pictures = self._file.streams[self._pictures]
            left_out += [f"{lost} (video)" for lost in label(pictures, self._film.streams.video[0], self._kind)]
        if left_out:
            log.warning("%s: what %s cannot hold is left out: %s", self._path, self._kind, ", ".join(left_out))

    def _attached(self, stream: av.stream.Stream) -> bool:
        """Return whether all is done for a track without packets of its own."""
        if isinstance(stream, AttachmentStream):
            return attach(stream, self._film)
        if is_cover(stream) and isinstance(stream, VideoStream):
            if self._kind == "mp4" and not self.cover and stream.codec_context:
                self.cover, self.cover_kind = self._cover_of(stream), KINDS.get(stream.codec_context.name, 0)
                return bool(self.cover)
            return self._kind == "matroska" and attach_cover(stream, self._film, self._cover_of(stream))
        # Chapters of an mp4 are a track of data too (QuickTime File Format, "Chapter Lists").
        return stream.type == "video" or (stream.type == "data" and bool(self._file.chapters()))

    def _cover_of(self, stream: VideoStream) -> bytes:
        return cover_of(stream, self._open) if self._reopens else b""

    @property
    def _kind(self) -> str:
        return self._film.format.name

    def _copy_tags(self) -> None:
        for name, text in self._file.metadata.items():
            if name.lower() not in OWN_TAGS and not (name.lower() == "comment" and about(text)):
                self._film.metadata[name] = text

    def _copy_chapters(self) -> None:
        chapters = []
        for chapter in self._file.chapters():
            unit = chapter["time_base"] or Fraction(1)
            first = max(chapter["start"] * unit - self._start, Fraction(0))
            last = chapter["end"] * unit - self._start
            if self._until is not None:
                last = min(last, self._until)
            if first < last:
                chapter["start"], chapter["end"] = round(first / unit), round(last / unit)
                chapters.append(chapter)
        self._film.set_chapters(chapters)

    def _open(self) -> InputContainer:
        if isinstance(self._source, Path):
            return _open(self._source)
        return self._source.open()

    def _read(
        self, file: InputContainer, wants: "Mapping[int, Callable[[av.Packet[Any], Fraction], bool]]", warn: bool = True
    ) -> "Generator[av.Packet[Any] | None]":
        """Yield the packets of the film that is made; None when the next one has not come yet.

        wants: of the tracks that are read, by their index.
        """
        streams = [file.streams[index] for index in wants]
        if not streams:
            return
        # Subtitles come when somebody speaks; it is the sound that tells how far the reading is.
        steady = {stream.index for stream in streams if stream.type == "audio"} or set(wants)
        ended = set()
        try:
            self._seek(file, file.streams[min(steady)])
            packets: Iterator[av.Packet[Any] | None] = _timed(file) if self._reopens else file.demux(*streams)
            for packet in packets:
                if packet is None:
                    yield None
                    continue
                if packet.stream_index not in wants or not packet.size or packet.dts is None:
                    continue
                if self._until is not None and packet.dts * packet.time_base - self._start >= self._until:
                    ended.add(packet.stream_index)
                    if steady <= ended:
                        return
                elif wants[packet.stream_index](packet, self._start):
                    yield packet
        except av.error.FFmpegError as error:
            if warn:
                log.warning("%s: the sound ends early, at damaged data (%s)", self._path, error.strerror)

    def _seek(self, file: InputContainer, track: av.stream.Stream) -> None:
        """Go to shortly before the start, where that is far from the beginning."""
        if not self._reopens:
            return  # a pipe is read from its beginning
        target = self._start - RUN_UP
        if not may_seek(file, target):
            return
        if track.time_base and track.start_time is not None and target > track.start_time * track.time_base:
            with contextlib.suppress(av.error.FFmpegError):  # then all is read, from the beginning
                file.seek(round(target / track.time_base), stream=track)


def _open(path: Path) -> InputContainer:
    # Absolute, so that a colon in a name does not make it an address.
    return av.open(str(path.absolute()), "r", options=dict(OPTIONS), metadata_errors="replace")


def _timed(file: InputContainer) -> "Iterator[av.Packet[Any]]":
    """Every packet of the file, with the times that the reader of its pictures gives it too."""
    timeline = Timeline(file)
    for packet in packets_of(file):
        yield from timeline.feed(packet)


def _is_decodable(packet: "av.Packet[Any]") -> bool:
    try:
        return bool(packet.decode())
    except av.error.FFmpegError:
        return False


def _name(stream: av.stream.Stream) -> str:
    """`subtitle (srt)`, `attachment (DejaVuSans.ttf)`, `cover`."""
    if is_cover(stream):
        return "cover"
    if isinstance(stream, AttachmentStream):
        return f"attachment ({stream.name or 'without a name'})"
    if stream.type == "data":
        return "data"
    return f"{stream.type} ({stream.codec_context.name if stream.codec_context else 'unknown'})"
