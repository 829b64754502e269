"""Frames into a film: H.264, with the times and the sound of the source."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path

import av
import av.error
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.part import PartFile
from livedream.sink.sink import FILMS, Facts, Sink
from livedream.sink.sound import Sound

CRF = 18
"""Quality of x264, where 0 is lossless and 23 its default; at 18 a dream's fine patterns survive."""
KEY_EVERY = Fraction(2)
"""Seconds from one key frame to the next at most: what a killed process loses."""
UNKNOWN_RATE = Fraction(30)

# Fragments make an mp4 readable up to the last key frame when the process is killed; hybrid makes it an ordinary one
# when it is not (FFmpeg 7.1; PyAV 17 brings 8). delay_moov and not empty_moov: that one shifts the picture by 67 ms
# and the sound by 21.
_FRAGMENTS = {"movflags": "hybrid_fragmented+frag_keyframe+delay_moov", "flush_packets": "1"}
_KINDS = {
    ".mp4": ("mp4", _FRAGMENTS),
    ".mov": ("mov", _FRAGMENTS),
    ".mkv": ("matroska", {"flush_packets": "1", "cluster_time_limit": "1000"}),
}


class VideoSink(Sink):
    """A film in which every frame has its own time.

    H.264 by libx264 in BT.709, limited range, tagged so. An odd width or height gets one more column or row, a copy of
    its neighbour. The sound of the source is copied as it is; when the source ends early, the sound ends with it.
    Matroska rounds times to milliseconds, the others keep them exactly.

    path: .mp4, .mov or .mkv. It is written as NAME.part.EXT and renamed by `close`, also after an error: what was
    written then is a valid film. With no frame there is no file.

    Raises ArgumentError for another kind of file; SinkError when it cannot be written, with how far it got, and when a
    frame has another size than the first.
    """

    def __init__(self, path: str | PathLike[str], facts: Facts | None = None, *, overwrite: bool = False) -> None:
        facts = facts or Facts()
        self.path = Path(path)
        if self.path.suffix.lower() not in FILMS:
            raise ArgumentError(f"{path} is no name of a film", f"end it with {', '.join(FILMS)}")
        preset = "veryfast" if facts.live else "medium"
        self.name = f"{self.path} (libx264 {preset})"
        self.count = 0
        """How many frames are in the file."""
        self._rate = facts.rate or UNKNOWN_RATE
        self._time_base = facts.time_base
        self._step = max(1, round(1 / (self._rate * self._time_base)))
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._key_due = Fraction(0)
        self._failed = self._drained = self._closed = False
        self._sound: Sound | None = None

        self._file = PartFile(self.path, overwrite=overwrite)
        kind, options = _KINDS[self.path.suffix.lower()]
        try:
            # Absolute, so that a colon in a name does not make it an address.
            self._film = av.open(str(self._file.part.absolute()), "w", format=kind, container_options=dict(options))
            self._stream = self._add_stream(preset, facts)
            if facts.sound is not None:
                self._sound = Sound(facts.sound, facts.start, self._film)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._file.discard()
            raise SinkError(f"{self.path} cannot be written: {error}", "is this PyAV built with libx264?") from error
        except BaseException:
            self._file.discard()
            raise

    def write(self, frame: Frame) -> None:
        if self._size is None:
            self._size = frame.size
            self._stream.width, self._stream.height = (side + side % 2 for side in frame.size)
        if frame.size != self._size:
            was, now = ("{}x{}".format(*size) for size in (self._size, frame.size))
            raise SinkError(f"{self.path} holds frames of {was}, not of {now}", "a film has one size")
        picture = _to_bt709(frame.pixels)
        # x264 takes times that repeat or go back, and fails at the end.
        self._last = max(round(frame.time / self._time_base), self._last + 1)
        picture.pts, picture.time_base = self._last, self._time_base
        if frame.time >= self._key_due:  # by time and not by number: a camera slows down in the dark
            picture.pict_type = PictureType.I
            self._key_due = frame.time + KEY_EVERY
        with self._telling():
            self._mux(picture)

    def end(self) -> None:
        if self._size is not None:
            with self._telling():
                self._drain()
                if self._sound is not None:
                    self._sound.write_until()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        failed_before = self._failed
        fault: SinkError | None = None
        try:
            if self._size is not None and not self._failed:
                with self._telling():
                    self._drain()
        except SinkError as error:
            fault = error
        finally:
            try:
                if self._sound is not None:
                    self._sound.close()
                with self._telling():
                    self._film.close()
            except SinkError as error:
                fault = fault or error
            finally:
                if self.count:
                    self._file.finish()
                else:
                    self._file.discard()
        if fault is not None and not failed_before:  # whoever closes after an error knows already
            raise fault

    def _add_stream(self, preset: str, facts: Facts) -> VideoStream:
        options = {"crf": str(CRF), "preset": preset}
        if facts.live:
            options["tune"] = "zerolatency"
        stream = self._film.add_stream("libx264", rate=self._rate, options=options)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._time_base
        context.sample_aspect_ratio = facts.pixel_aspect
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.color_range = ColorRange.MPEG
        return stream

    def _drain(self) -> None:
        """Write the frames that the encoder still holds, and the sound up to the end of the last one."""
        if not self._drained:
            self._drained = True
            self._mux(None)
            if self._sound is not None:
                self._sound.write_until((self._last + self._step) * self._time_base)

    def _mux(self, picture: VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            if self._sound is not None and packet.dts is not None:
                self._sound.write_until(packet.dts * packet.time_base)
            self._film.mux(packet)
            self.count += 1

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what the disk and the encoder say into a SinkError that tells how far the film got."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self._failed = True
            got = f"after {self.count} frames ({float(max(0, self._last) * self._time_base):.1f} s)"
            cure = f"what was written is in {self.path}" if self.count else "nothing was written"
            raise SinkError(f"{self.path}: {error.strerror} {got}", cure) from error


def _to_bt709(pixels: np.ndarray) -> VideoFrame:
    """Return RGB pixels as yuv420p of an even size."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    picture = VideoFrame.from_ndarray(pixels, format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
