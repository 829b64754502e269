"""Frames into a film, with the times and the sound of the source."""

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path

import av
import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.frame import Frame
from livedream.hints import option
from livedream.letterbox import letterbox
from livedream.side_tracks import SideTracks
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of
from livedream.sink.partial_file import PartialFile
from livedream.sink.sink import ResumableSink
from livedream.sink.video import embedded_recipe, matroska
from livedream.sink.video.codecs import VIDEO_SUFFIXES, Encoding
from livedream.sink.video.cover import add_cover
from livedream.sink.video.encoder import KEY_EVERY, FrameEncoder
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.passthrough import LATEST, PassthroughTracks
from livedream.sink.video.salvage import Salvage, SalvagedVideo
from livedream.sink.video.scheduling import ordinary_scheduling
from livedream.stream_info import StreamInfo

log = logging.getLogger(__name__)

# Microseconds. Tracks already arrive in time order; without this FFmpeg waits ten seconds for a packet of each track
# before it writes any, for example for subtitles and for sound that begins late or pauses.
_INTERLEAVING = {"max_interleave_delta": "1000"}
# Fragments make an mp4 readable up to the last key frame when the process is killed; hybrid makes it an ordinary one
# when it is not (FFmpeg 7.1; PyAV 17 brings 8). delay_moov and not empty_moov: that one shifts the picture by 67 ms and
# the sound by 21. Not frag_duration: where fragments end among B-frames the last frames can be lost.
_FRAGMENTS = {
    "movflags": "hybrid_fragmented+frag_keyframe+delay_moov",
    "flush_packets": "1",
    **_INTERLEAVING,
    # Microseconds. The first packet of a sound that begins late is written ahead, for the head waits for it; FFmpeg
    # would hold it back until the picture is there.
    "audio_preload": str(int(LATEST * 10**6)),
}
_CLUSTERS = {"cluster_time_limit": "500", "flush_packets": "1", **_INTERLEAVING}
_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": ("mp4", _FRAGMENTS),
    ".mov": ("mov", _FRAGMENTS),
    ".mkv": ("matroska", _CLUSTERS),
    ".webm": ("webm", _CLUSTERS),
    ".gif": ("gif", {"flush_packets": "1"}),
}
"""FFmpeg's name and the options of each kind of file, by the end of its name."""
SURE = 2
"""Key frames that come to a muxer before what is ahead of the first of them is in the file."""
GIF_SHORTEST = 2
"""Hundredths of a second. What a GIF shows for less, browsers show for ten (Firefox, Chrome and Safari alike)."""


class VideoSink(ResumableSink):
    """Writes a video in which every frame has its own time.

    The first frame of a live source gets time 0. The sound of any other source is copied as it is; when the source ends
    early, the sound ends with it. Matroska and WebM round times to milliseconds, GIF to hundredths of a second; the
    others keep them exactly.

    The file is written as NAME.part.EXT and renamed by `close`, also after an error: what was written until then is a
    valid video. It stays the part where an incomplete video would replace a complete one. Without frames there is no
    file. Still images of other sizes are letterboxed.

    Args:
        path: The output: .mp4, .mov, .mkv, .webm or .gif.
        info: What is known about the frames.
        encoding: Codec and quality.
        overwrite: Whether an existing file may be replaced.
        lock: The lock of the output, if the caller holds it already; `close` releases it.
        salvage: What an earlier run left of the video. It comes before the first frame, and its file stays until this
            one has more.

    Raises:
        ArgumentError: The type of file is unknown or does not hold the codec, or the run reads this file.
        SinkError: Another run writes it, it cannot be written (the message says how far it got), or a frame of a video
            has another size than the first one.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        info: StreamInfo | None = None,
        *,
        encoding: Encoding | None = None,
        overwrite: bool = False,
        lock: OutputLock | None = None,
        salvage: Salvage | None = None,
    ) -> None:
        info = info or StreamInfo()
        encoding = encoding or Encoding()
        self.path = Path(path)
        suffix = self.path.suffix.lower()
        if suffix not in VIDEO_SUFFIXES:
            raise ArgumentError(f"{path} is not the name of a film", f"end it with {', '.join(VIDEO_SUFFIXES)}")
        encoder = choose_encoder(suffix, encoding, info.size)
        self.count = 0
        """How many frames are in the file."""
        self._expected = info.length
        self._pixel_aspect = info.pixel_aspect
        self._live = info.live
        self._stills = info.stills
        self._from_zero = info.live and info.sound is None
        self._origin = Fraction(0)
        self._resumable = False
        self._salvage = salvage
        self._keys_beyond = 0
        """How many key frames came after as many frames as an earlier run has left."""
        self._decoded = Fraction(-(10**6))
        """When the last packet is decoded, in seconds."""
        self._is_gif = suffix == ".gif"
        self._left_out = 0
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._ends = 0
        """When the last frame ends, in ticks."""
        self._delay: Fraction | None = None
        """How long before it is shown the first packet is decoded, in seconds."""
        self._durations: dict[int, int] = {}
        """How long frames are shown that say so and are still in the encoder, by their times, in ticks."""
        self._failed = self._drained = self._ended = self._closed = False
        self._tracks: PassthroughTracks | None = None

        self._overwrite = overwrite
        self._inputs = Inputs.of(info)
        self._inputs.refuse_output(self.path)
        self._lock = (lock or OutputLock(self.path)).acquire()
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            draft = salvage.draft if salvage is not None else None
            self._file = PartialFile(self.path, self._lock, overwrite=overwrite, inputs=self._inputs, draft=draft)
            undo.callback(self._file.discard)
            kind, options = _KINDS[suffix]
            try:
                # Absolute, so that a colon in a name does not make it an address.
                self._film = av.open(str(self._file.part.absolute()), "w", format=kind, container_options=dict(options))
                self._encoder = FrameEncoder(self._film, encoder, encoding, info)
                beside = info.sound or _film_of(info)
                if isinstance(beside, Path) or (beside is not None and not self._is_gif):
                    self._tracks = self._other_tracks(beside, info)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise SinkError(f"{self.path} cannot be written: {error}", f"try another {option('codec')}") from error
            undo.pop_all()
        self.name = f"{self.path} ({self._encoder.description})"
        if info.lost_sound and info.tells_lost_sound and not self._is_gif:
            log.warning("%s", info.lost_sound)
        self._time_base = self._encoder.time_base
        self._step = max(1, round(1 / (self._encoder.rate * self._time_base)))

    def _other_tracks(self, beside: Path | SideTracks, info: StreamInfo) -> PassthroughTracks | None:
        try:
            return PassthroughTracks(beside, info.start, self._film, until=info.until, pictures=info.picture_track)
        except SourceError as error:  # the film is the same without it
            log.warning("%s has no sound: %s", self.path, error)
            return None

    def resumable(self) -> None:
        self._resumable = True

    def write(self, frame: Frame) -> None:
        self._write(frame)

    def write_key(self, frame: Frame) -> None:
        self._write(frame, key=True)
        with self._reporting_errors():
            self._file.sync()

    def _write(self, frame: Frame, *, key: bool = False) -> None:
        if self._size is None:
            self._size = frame.size
            if self._from_zero:
                self._origin = frame.time
            self._begin(self._encoder.open(frame.size))
        pixels = frame.pixels
        if frame.size != self._size:
            was, now = ("{}x{}".format(*size) for size in (self._size, frame.size))
            if not self._stills:
                raise SinkError(f"{self.path} holds frames of {was}, not of {now}", "a film has one size")
            log.info("%s: picture of %s fitted into %s", self.path, now, was)
            pixels = letterbox(pixels, self._size)
        ticks = round((frame.time - self._origin) / self._time_base)
        if self._is_gif and self._last >= 0 and ticks < self._last + GIF_SHORTEST:
            if frame.duration is None:
                self._left_out += 1
                return
            ticks = self._last + GIF_SHORTEST
        self._last = max(ticks, self._last + 1)  # x264 takes times that repeat or go back, and fails at the end
        self._ends = self._last + self._step
        if frame.duration is not None:
            lasts = self._durations[self._last] = max(1, round(frame.duration / self._time_base))
            self._ends = self._last + lasts
            # What comes after a key frame is shown after it. So the last packet in the file is that of the last frame,
            # the only one of which the duration does not follow from the next.
            key = key or lasts > max(Fraction(self._step), KEY_EVERY / self._time_base)
        with self._reporting_errors():
            self._mux(self._encoder.encode(pixels, self._last, key=key))

    def end(self) -> None:
        if self._size is not None:
            with self._reporting_errors():
                self._drain()
                if self._tracks is not None:
                    self._tracks.write_until()
        self._ended = True

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        failed_before = self._failed
        fault: SinkError | None = None
        try:
            if self._size is not None and not self._failed:
                with self._reporting_errors():
                    self._drain()
        except SinkError as error:
            fault = error
        finally:
            try:
                if self._tracks is not None:
                    self._tracks.close()
                with self._reporting_errors():
                    self._film.close()
                    self._put_aspect()
                    self._put_recipe()
                    self._put_cover()
            except SinkError as error:
                fault = fault or error
            finally:
                try:
                    self._resolve_draft()
                    self._finish_file()
                finally:
                    self._lock.release()
        if fault is not None and not failed_before:  # whoever closes after an error knows already
            raise fault

    def _resolve_draft(self) -> None:
        """Leave one film to go on from: the draft, or what an earlier run left if that is more."""
        if self._salvage is None or self._file.part != self._salvage.draft:
            return
        complete = self._ended and not self._failed
        if complete or len(SalvagedVideo(self._salvage.draft)) >= self._salvage.total:
            with self._reporting_errors():
                self._file.take_place()
        else:
            self._file.discard()

    def _finish_file(self) -> None:
        """Give the film its name; or leave it as the part, where it is not complete and better not under that name."""
        if not self.count:
            self._file.discard()
        elif self._stays_part:
            self._file.leave()
            if not self._resumable:
                log.warning("%s is not complete: what was written is in %s", self.path, self._file.part)
        else:
            self._file.finish()

    @property
    def _stays_part(self) -> bool:
        """Whether the film, should it be closed now, keeps the name of its part.

        Another run can go on with it, or a whole film would be replaced by less, or it is a GIF without its end, which
        is no GIF. What is live cannot be had again, and ends when somebody stops it.
        """
        if self._resumable:
            return not self._ended or self._failed
        if self._failed and self._is_gif:
            return True
        less = self._failed or (self.cut_short and not self._ended and not self._live)
        return less and self._overwrite and self.path.exists()

    def _drain(self) -> None:
        """Write the frames that the encoder still holds, and the sound up to the end of the last one."""
        if not self._drained:
            self._drained = True
            if self._left_out:
                log.warning("%s: %d frames left out, a GIF shows 50 a second at most", self.path, self._left_out)
            packets = list(self._encoder.flush())
            self._end_with(packets)
            self._mux(iter(packets))
            if self._tracks is not None:
                self._tracks.write_until(self._ends * self._time_base)

    def _end_with(self, packets: "Sequence[Packet[VideoStream]]") -> None:
        """Let the last packets of an mp4 end where the film does.

        It stores of each packet how long after it the next one is decoded; all of these together are the length of the
        track. Where the distances vary, the encoder's decoding times fall behind.
        """
        if self._film.format.name not in ("mp4", "mov") or not packets:
            return
        self._note_delay(packets[0])
        last = packets[-1]
        if last.dts is None or last.pts is None:
            return
        delay = round((self._delay or 0) / last.time_base)
        if last.pts == self._last:
            last.dts = max(last.dts, last.pts - delay)
        else:
            last.duration = max(1, self._ends - delay - last.dts)

    def _note_delay(self, packet: "Packet[VideoStream]") -> None:
        if self._delay is None and packet.pts is not None and packet.dts is not None:
            self._delay = (packet.pts - packet.dts) * packet.time_base

    def _put_aspect(self) -> None:
        if self._size is not None and self._leaves_room:
            matroska.write_aspect(self._file.part, self._pixel_aspect)

    @property
    def _leaves_room(self) -> bool:
        silent = self._encoder.encoder.codec in matroska.SILENT
        return silent and self._pixel_aspect != 1 and self.path.suffix.lower() in matroska.SUFFIXES

    def _put_recipe(self) -> None:
        if self.recipe is not None and self.count and not self._stays_part:
            complete = self._ended and not self._failed and not self.source_ended_early
            embedded_recipe.finish(self._file.part, self.recipe, frames=self.count, complete=complete)

    def _put_cover(self) -> None:
        tracks = self._tracks
        if (
            tracks is not None
            and tracks.cover
            and self.count
            and not add_cover(self._file.part, tracks.cover, tracks.cover_kind)
        ):
            log.warning("%s: the cover is left out", self.path)

    def _begin(self, stream: VideoStream) -> None:
        """Write the recipe into the head of the film; then what an earlier run left, if this one goes on with it."""
        if self._leaves_room:
            stream.metadata["title"] = stream.metadata.get("title", "") + matroska.ROOM
        if self.recipe is not None:
            self._film.metadata["comment"] = embedded_recipe.initial_text(
                self.recipe
            )  # the one tag that every container has, but GIF
        self._file.verify()  # FFmpeg opens it only now, and empties it
        if self._salvage is None:
            return
        with self._reporting_errors():
            with ordinary_scheduling():
                self._film.start_encoding()
            if self._salvage.count and self._size is not None:
                self._encoder.continue_stream(self._size)
            for packet in self._salvage.packets():
                packet.stream = stream
                self._mux(iter([packet]))

    def _mux(self, packets: "Iterator[Packet[VideoStream]]") -> None:
        for packet in packets:
            if self._salvage is not None and packet.dts is not None:
                # The encoder of a run that goes on knows nothing of the packets before its own.
                packet.dts = max(packet.dts, math.floor(self._decoded / packet.time_base) + 1)
                self._decoded = packet.dts * packet.time_base
            self._note_delay(packet)
            if packet.pts is not None and packet.time_base == self._time_base and packet.pts in self._durations:
                packet.duration = self._durations.pop(packet.pts)
            if self._tracks is not None and packet.dts is not None:
                # What is heard before time 0 comes first: by the first packet a muxer tells how far to shift all.
                self._tracks.write_until(max(packet.dts * packet.time_base, Fraction(0)))
            self._film.mux(packet)
            if self._salvage is not None and (packet.is_keyframe or self._is_gif):
                self._replace_part(self._salvage)
            self.count += 1

    def _replace_part(self, salvage: Salvage) -> None:
        """Let the draft be the part, once it has all that is in the part, on the disk; called at each key frame."""
        self._keys_beyond += self.count >= salvage.total
        if self._keys_beyond == SURE:
            self._file.take_place()

    @contextlib.contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        """Turn what the disk and the encoder say into a SinkError that tells how far the film got."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self._failed = True
            of = f" of {self._expected}" if self._expected else ""
            got = f"after {self.count}{of} frames ({float(max(0, self._last) * self._time_base):.1f} s)"
            cure = (
                f"what was written is in {part_of(self.path) if self._stays_part else self.path}"
                if self.count
                else "nothing was written"
            )
            raise SinkError(f"{self.path}: {error.strerror} {got}", cure) from error


def _film_of(info: StreamInfo) -> Path | None:
    """Return the film that the frames come from: it may have subtitles and chapters even if it has no sound.

    None where its sound is lost, as that of a film in a loop: with the other tracks it would come along.
    """
    if info.path is None or info.lost_sound or info.stills or info.live:
        return None
    return info.path if info.path.is_file() else None
