"""Writes frames into a video file, with the times and the sound of the source."""

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
from livedream.formats.suffixes import VIDEO_SUFFIXES
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
from livedream.sink.video.codecs import Encoder, Encoding
from livedream.sink.video.containers import CONTAINER_FORMATS
from livedream.sink.video.cover import add_cover
from livedream.sink.video.encoder import KEY_EVERY, FrameEncoder
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.passthrough import PassthroughTracks
from livedream.sink.video.salvage import Salvage, SalvagedVideo
from livedream.sink.video.scheduling import ordinary_scheduling
from livedream.stream_info import StreamInfo

log = logging.getLogger(__name__)

SAFE_KEY_FRAMES = 2
"""How many key frames a muxer must get before everything ahead of the first of them is certainly in the file."""
GIF_SHORTEST = 2
"""Hundredths of a second. Browsers show a shorter GIF frame for ten (Firefox, Chrome and Safari alike)."""


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
        self._suffix = self.path.suffix.lower()
        if self._suffix not in VIDEO_SUFFIXES:
            raise ArgumentError(
                f"{path} is not the name of a video", f"choose a name that ends with {', '.join(VIDEO_SUFFIXES)}"
            )
        encoder = choose_encoder(self._suffix, encoding, info.size)
        self.count = 0
        """How many frames are in the file."""
        self._info = info
        self._is_gif = self._suffix == ".gif"
        self._from_zero = info.live and info.sound is None
        self._origin = Fraction(0)
        self._resumable = False
        self._salvage = salvage
        self._keys_beyond = 0
        """How many key frames came after as many frames as an earlier run left."""
        self._last_dts = Fraction(-(10**6))
        """When the last packet is decoded, in seconds."""
        self._left_out = 0
        self._size: tuple[int, int] | None = None
        self._last = -1
        """The time of the last frame, in ticks."""
        self._ends = 0
        """When the last frame ends, in ticks."""
        self._delay: Fraction | None = None
        """How many seconds before it is shown the first packet is decoded."""
        self._durations: dict[int, int] = {}
        """The durations of frames that state one and are still in the encoder, by their times, in ticks."""
        self._failed = self._drained = self._ended = self._closed = False
        self._overwrite = overwrite
        self._inputs = Inputs.of(info)
        self._inputs.refuse_output(self.path)
        self._lock = (lock or OutputLock(self.path)).acquire()
        self._open(encoder, encoding)
        self.name = f"{self.path} ({self._encoder.description})"
        if info.lost_sound and info.warn_lost_sound and not self._is_gif:
            log.warning("%s", info.lost_sound)
        self._time_base = self._encoder.time_base
        self._step = max(1, round(1 / (self._encoder.rate * self._time_base)))

    def _open(self, encoder: Encoder, encoding: Encoding) -> None:
        """Make the file, the encoder and the other tracks. If one fails, the lock is released and no file remains."""
        self._tracks: PassthroughTracks | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            draft = self._salvage.draft if self._salvage is not None else None
            self._file = PartialFile(self.path, self._lock, overwrite=self._overwrite, inputs=self._inputs, draft=draft)
            undo.callback(self._file.discard)
            try:
                self._container = av.open(
                    str(self._file.part.absolute()),  # absolute, so that a colon in a name does not make it an address
                    "w",
                    format=CONTAINER_FORMATS[self._suffix].name,
                    container_options=self._container_options,
                )
                self._encoder = FrameEncoder(self._container, encoder, encoding, self._info)
                origin = self._info.other_tracks
                if isinstance(origin, Path) or (origin is not None and not self._is_gif):
                    self._tracks = self._other_tracks(origin)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise SinkError(f"{self.path} cannot be written: {error}", f"try another {option('codec')}") from error
            undo.pop_all()

    @property
    def _container_options(self) -> dict[str, str]:
        return dict(CONTAINER_FORMATS[self._suffix].options)

    def _other_tracks(self, origin: Path | SideTracks) -> PassthroughTracks | None:
        info = self._info
        try:
            return PassthroughTracks(origin, info.start, self._container, info.until, info.picture_track)
        except SourceError as error:  # the picture is the same without it
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
            first, current = ("{}x{}".format(*size) for size in (self._size, frame.size))
            if not self._info.stills:
                raise SinkError(
                    f"{self.path} holds frames of {first}, got {current}", "all frames of a video must have one size"
                )
            log.info("%s: image of %s fitted into %s", self.path, current, first)
            pixels = letterbox(pixels, self._size)
        ticks = round((frame.time - self._origin) / self._time_base)
        if self._is_gif and self._last >= 0 and ticks < self._last + GIF_SHORTEST:
            if frame.duration is None:
                self._left_out += 1
                return
            ticks = self._last + GIF_SHORTEST
        self._last = max(ticks, self._last + 1)  # x264 accepts times that repeat or go back, and fails at the end
        self._ends = self._last + self._step
        if frame.duration is not None:
            duration = self._durations[self._last] = max(1, round(frame.duration / self._time_base))
            self._ends = self._last + duration
            # Everything after a key frame is shown after it. So the last packet in the file is that of the last frame,
            # the only one whose duration does not follow from the next frame.
            key = key or duration > max(Fraction(self._step), KEY_EVERY / self._time_base)
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
        first_error: SinkError | None = None
        try:
            if self._size is not None and not self._failed:
                with self._reporting_errors():
                    self._drain()
        except SinkError as error:
            first_error = error
        finally:
            try:
                if self._tracks is not None:
                    self._tracks.close()
                with self._reporting_errors():
                    self._container.close()
                    self._write_aspect()
                    self._write_recipe()
                    self._write_cover()
            except SinkError as error:
                first_error = first_error or error
            finally:
                try:
                    self._resolve_draft()
                    self._finish_file()
                finally:
                    self._lock.release()
        if first_error is not None and not failed_before:  # after an earlier error the caller knows already
            raise first_error

    def _resolve_draft(self) -> None:
        """Leave one video to resume from: the draft, or what an earlier run left if that is more."""
        if self._salvage is None or self._file.part != self._salvage.draft:
            return
        complete = self._ended and not self._failed
        if complete or len(SalvagedVideo(self._salvage.draft)) >= self._salvage.total:
            with self._reporting_errors():
                self._file.take_place()
        else:
            self._file.discard()

    def _finish_file(self) -> None:
        """Give the video its name, or leave it as the part (see `_stays_part`)."""
        if not self.count:
            self._file.discard()
        elif self._stays_part:
            self._file.leave()
            if not self._resumable:
                log.warning("%s is not complete; what was written is in %s", self.path, self._file.part)
        else:
            self._file.finish()

    @property
    def _stays_part(self) -> bool:
        """Whether the video, if it were closed now, would keep the name of its part.

        It does where another run can resume it, where it would replace a complete video by less, and where it is a GIF
        without its end, which is invalid. A live recording ends when somebody stops it, so it is always complete.
        """
        if self._resumable:
            return not self._ended or self._failed
        if self._failed and self._is_gif:
            return True
        is_incomplete = self._failed or (self.cut_short and not self._ended and not self._info.live)
        return is_incomplete and self._overwrite and self.path.exists()

    def _drain(self) -> None:
        """Write the frames that the encoder still holds, and the sound up to the end of the last one."""
        if not self._drained:
            self._drained = True
            if self._left_out:
                log.warning("%s: %d frames left out: a GIF has at most 50 frames per second", self.path, self._left_out)
            packets = list(self._encoder.flush())
            self._end_with(packets)
            self._mux(iter(packets))
            if self._tracks is not None:
                self._tracks.write_until(self._ends * self._time_base)

    def _end_with(self, packets: "Sequence[Packet[VideoStream]]") -> None:
        """Make the last packet of an mp4 end where the video does.

        An mp4 stores how long after each packet the next one is decoded; the sum is the length of the track. Where the
        frames are not evenly spaced, the encoder's decoding times fall behind.
        """
        if self._container.format.name not in ("mp4", "mov") or not packets:
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

    def _write_aspect(self) -> None:
        if self._size is not None and self._reserves_room:
            matroska.write_aspect(self._file.part, self._info.pixel_aspect)

    @property
    def _reserves_room(self) -> bool:
        lacks_aspect = self._encoder.encoder.codec in matroska.SILENT
        return lacks_aspect and self._info.pixel_aspect != 1 and self.path.suffix.lower() in matroska.SUFFIXES

    def _write_recipe(self) -> None:
        if self.recipe is not None and self.count and not self._stays_part:
            complete = self._ended and not self._failed and not self.source_ended_early
            embedded_recipe.finish(self._file.part, self.recipe, frames=self.count, complete=complete)

    def _write_cover(self) -> None:
        tracks = self._tracks
        if (
            tracks is not None
            and tracks.cover
            and self.count
            and not add_cover(self._file.part, tracks.cover, tracks.cover_kind)
        ):
            log.warning("%s: the cover is left out", self.path)

    def _begin(self, stream: VideoStream) -> None:
        """Write the recipe into the header of the video; then what an earlier run left, if this one resumes it."""
        if self._reserves_room:
            stream.metadata["title"] = stream.metadata.get("title", "") + matroska.ROOM
        if self.recipe is not None:
            self._container.metadata["comment"] = embedded_recipe.initial_text(
                self.recipe
            )  # the one tag that every container has, but GIF
        self._file.verify()  # FFmpeg opens the file only now, and truncates it
        if self._salvage is None:
            return
        with self._reporting_errors():
            with ordinary_scheduling():
                self._container.start_encoding()
            if self._salvage.count and self._size is not None:
                self._encoder.continue_stream(self._size)
            for packet in self._salvage.packets():
                packet.stream = stream
                self._mux(iter([packet]))

    def _mux(self, packets: "Iterator[Packet[VideoStream]]") -> None:
        for packet in packets:
            if self._salvage is not None and packet.dts is not None:
                # The encoder of a resumed run does not know the packets before its own.
                packet.dts = max(packet.dts, math.floor(self._last_dts / packet.time_base) + 1)
                self._last_dts = packet.dts * packet.time_base
            self._note_delay(packet)
            if packet.pts is not None and packet.time_base == self._time_base and packet.pts in self._durations:
                packet.duration = self._durations.pop(packet.pts)
            if self._tracks is not None and packet.dts is not None:
                # Sound before time 0 comes first: the muxer shifts everything by the time of its first packet.
                self._tracks.write_until(max(packet.dts * packet.time_base, Fraction(0)))
            self._container.mux(packet)
            if self._salvage is not None and (packet.is_keyframe or self._is_gif):
                self._replace_part(self._salvage)
            self.count += 1

    def _replace_part(self, salvage: Salvage) -> None:
        """Replace the part by the draft, at the key frame from which the draft on disk has all of the part."""
        self._keys_beyond += self.count >= salvage.total
        if self._keys_beyond == SAFE_KEY_FRAMES:
            self._file.take_place()

    @contextlib.contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        """Turn errors of the disk and the encoder into a SinkError that says how far the video got."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self._failed = True
            of = f" of {self._info.length}" if self._info.length else ""
            got = f"after {self.count}{of} frames ({float(max(0, self._last) * self._time_base):.1f} s)"
            place = part_of(self.path) if self._stays_part else self.path
            hint = f"what was written is in {place}" if self.count else "nothing was written"
            raise SinkError(f"{self.path}: {error.strerror} {got}", hint) from error
