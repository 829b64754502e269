"""Carries the other tracks of a video along with its frames: sound, subtitles, chapters and tags."""

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
from livedream.formats.timeline import OPTIONS, Timeline, may_seek, packets_of
from livedream.recipe import about
from livedream.side_tracks import SideTracks
from livedream.sink.video.attachments import attach, attach_cover, cover_of, is_cover
from livedream.sink.video.audio import AudioTrack, fits, sound_track
from livedream.sink.video.cover import KINDS
from livedream.sink.video.labels import label
from livedream.sink.video.subtitles import SubtitleTrack, subtitle_track

log = logging.getLogger(__name__)

RUN_UP = Fraction(2)
"""Seconds before the start at which reading begins, because not every file can be sought exactly."""
HEADER_WAITS = ("mp4", "mov")
"""Containers whose header is written only when there is a packet of every track, as it states when each begins."""
LATEST = Fraction(2**31 - 2, 10**6)
"""Seconds, the largest `audio_preload`. Later packets cannot be written ahead of their turn."""
OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "duration")
"""Tags that describe a file and not its content, in lower case."""


class PassthroughTracks:
    """Carries every track of `source` except the picture into `output`, packet by packet, with little memory.

    Sound and subtitles that `output` can hold are copied as they are; others are re-encoded with a codec that it can
    hold. What cannot be carried is left out. Both are logged, one line each. Chapters, title and other tags are copied.
    Errors of `output` are those of PyAV.

    Args:
        source: The file that is read, or what provides its tracks.
        start: What the clock of the file shows at time 0 of the video, in seconds. Nothing earlier is written, except
            what a decoder needs before the beginning of the file.
        output: The video that is written.
        until: The time at which all tracks end, in seconds of the video; None for the end of the file.
        video_index: The index of the track from which the frames are made.

    Raises:
        SinkError: The file cannot be opened.
    """

    def __init__(
        self,
        source: Path | SideTracks,
        start: Fraction,
        output: OutputContainer,
        until: Fraction | None = None,
        video_index: int | None = None,
    ) -> None:
        self._source = source
        self._path = source if isinstance(source, Path) else source.name
        self._reopens = isinstance(source, Path) or source.reopens
        self._start = start
        self._until = until
        self._video_index = video_index
        self._output = output
        try:
            self._file = self._open()
        except (av.error.FFmpegError, OSError) as error:
            message = f"the sound of {self._path} cannot be read: {error.strerror}"
            raise SinkError(message, "dream without sound") from error
        self.cover = b""
        """The cover that is added to the video when it is complete, see `livedream.sink.video.cover`."""
        self.cover_kind = 0
        self._tracks: dict[int, AudioTrack | SubtitleTrack] = {}
        self._written_ahead: Counter[int] = Counter()
        """How many packets of each track were written ahead of their turn."""
        self._header_waits = output.format.name in HEADER_WAITS
        try:
            self._add_tracks(self._without_sound() if self._header_waits else set())
            self._copy_tags()
            self._copy_chapters()
        except BaseException:
            self._file.close()
            raise
        self._packets = self._read(self._file, {index: track.wants for index, track in self._tracks.items()})
        self._begun = False
        self._next: av.Packet[Any] | None = next(self._packets, None)

    def write_until(self, time: Fraction | None = None) -> None:
        """Write everything before `time`, in seconds of the video; without `time`, all the rest."""
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
            self._report_damage()
            self._tracks = {}

    def close(self) -> None:
        self._next = None
        self._packets.close()
        self._file.close()

    def _report_damage(self) -> None:
        damaged = sum(track.damaged for track in self._tracks.values())
        if damaged:
            log.warning("%s: %d damaged packets of sound or subtitles were skipped", self._path, damaged)

    def _without_sound(self) -> set[int]:
        """Return the indices of the sound tracks of which no packet belongs to the video, or none can be decoded."""
        if not self._reopens:
            return set()  # a pipe cannot be read ahead
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
            log.warning("%s: sound track %d is left out because it is empty", self._path, index)
        return silent

    def _begin(self) -> None:
        """Give the muxer what its header waits for: a packet of each track, however late that track begins."""
        for track in self._tracks.values():
            track.begin()
        waiting = {index: track for index, track in self._tracks.items() if isinstance(track, AudioTrack)}
        if not waiting or not self._header_waits or not self._reopens:
            return
        with self._open() as file:
            for packet in self._read(file, {index: track.wants for index, track in waiting.items()}, warn=False):
                if packet is None:
                    continue
                index = packet.stream_index
                if index in waiting:
                    if (packet.dts or 0) * packet.time_base - self._start > LATEST:
                        text = "if the run is killed before that, the video cannot be played; a .mkv has no such limit"
                        log.warning("%s: a sound track begins after more than 35 minutes; %s", self._path, text)
                    waiting[index].write(packet, self._start)
                    self._written_ahead[index] += 1
                    if waiting[index].has_written:
                        del waiting[index]
                        if not waiting:
                            break
        for track in waiting.values():
            track.finish()  # it is so short that the encoder still holds all of it

    def _add_tracks(self, silent: Container[int]) -> None:
        left_out = []
        for stream in self._file.streams:
            track: AudioTrack | SubtitleTrack | None = None
            if stream.index in silent:
                continue
            if isinstance(stream, AudioStream):
                track = sound_track(stream, self._output, self._path)
            elif isinstance(stream, SubtitleStream):
                track = subtitle_track(stream, self._output, self._path, self._until)
            if track is not None:
                left_out += [f"{lost} ({_name(stream)})" for lost in label(stream, track.target, self._kind)]
                self._tracks[stream.index] = track
            elif not self._attach(stream):
                left_out.append(_name(stream))
        if self._video_index is not None and self._video_index < len(self._file.streams):
            video = self._file.streams[self._video_index]
            left_out += [f"{lost} (video)" for lost in label(video, self._output.streams.video[0], self._kind)]
        if left_out:
            log.warning("%s: left out because %s cannot hold it: %s", self._path, self._kind, ", ".join(left_out))

    def _attach(self, stream: av.stream.Stream) -> bool:
        """Attach a track that has no packets to copy. Return whether it needs no further handling."""
        if isinstance(stream, AttachmentStream):
            return attach(stream, self._output)
        if is_cover(stream) and isinstance(stream, VideoStream):
            if self._kind == "mp4" and not self.cover and stream.codec_context:
                self.cover, self.cover_kind = self._cover_of(stream), KINDS.get(stream.codec_context.name, 0)
                return bool(self.cover)
            return self._kind == "matroska" and attach_cover(stream, self._output, self._cover_of(stream))
        # The chapters of an mp4 are also a data track (QuickTime File Format, "Chapter Lists").
        return stream.type == "video" or (stream.type == "data" and bool(self._file.chapters()))

    def _cover_of(self, stream: VideoStream) -> bytes:
        return cover_of(stream, self._open) if self._reopens else b""

    @property
    def _kind(self) -> str:
        return self._output.format.name

    def _copy_tags(self) -> None:
        for name, text in self._file.metadata.items():
            if name.lower() not in OWN_TAGS and not (name.lower() == "comment" and about(text)):
                self._output.metadata[name] = text

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
        self._output.set_chapters(chapters)

    def _open(self) -> InputContainer:
        if isinstance(self._source, Path):
            return _open(self._source)
        return self._source.open()

    def _read(
        self, file: InputContainer, wants: "Mapping[int, Callable[[av.Packet[Any], Fraction], bool]]", warn: bool = True
    ) -> "Generator[av.Packet[Any] | None]":
        """Yield the packets that belong to the video, and None while the next one has not come yet.

        Args:
            file: The file that is read.
            wants: For the index of each track that is read, whether a packet belongs to the video.
            warn: Whether damaged data is logged.
        """
        streams = [file.streams[index] for index in wants]
        if not streams:
            return
        # Subtitles are sparse, so the sound tells how far the reading has come.
        steady = {stream.index for stream in streams if stream.type == "audio"} or set(wants)
        ended = set()
        try:
            self._seek(file, file.streams[min(steady)])
            packets: Iterator[av.Packet[Any] | None] = _timed_packets(file) if self._reopens else file.demux(*streams)
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
                log.warning("%s: the sound ends early because the data is damaged (%s)", self._path, error.strerror)

    def _seek(self, file: InputContainer, track: av.stream.Stream) -> None:
        """Seek to shortly before the start, if that is far from the beginning."""
        if not self._reopens:
            return  # a pipe is read from the beginning
        target = self._start - RUN_UP
        if not may_seek(file, target):
            return
        if track.time_base and track.start_time is not None and target > track.start_time * track.time_base:
            with contextlib.suppress(av.error.FFmpegError):  # then everything is read from the beginning
                file.seek(round(target / track.time_base), stream=track)


def _open(path: Path) -> InputContainer:
    # Absolute, so that a colon in the name does not make it an address.
    return av.open(str(path.absolute()), "r", options=dict(OPTIONS), metadata_errors="replace")


def _timed_packets(file: InputContainer) -> "Iterator[av.Packet[Any]]":
    """Yield every packet of the file, with the same corrected times as the reader of its frames."""
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
