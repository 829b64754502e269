"""Pictures into packets: one encoder at work."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from typing import Any, cast

import av
import av.error
import av.logging
import numpy as np
from av.codec import Codec, CodecContext
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from livedream.conversion import conversion_threads
from livedream.sink.video.codecs import Encoder, Encoding
from livedream.sink.video.scheduling import ordinary_scheduling
from livedream.stream_info import StreamInfo

KEY_EVERY = Fraction(4, 5)
"""Seconds from one key frame to the next at most. With what `codecs.HELD_BACK` says, it is what a killed process loses:
fragments of an mp4 begin with one."""
UNKNOWN_RATE = Fraction(30)
GIF_TICK = Fraction(1, 100)
"""Seconds. GIF counts in hundredths (GIF89a, section 23)."""
SAID = ("crf", "cq", "qp", "qp_i", "global_quality", "profile")
"""The options that tell the quality, in an encoder's own numbers."""

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 asks nobody else how much it may say on stderr; 1: errors


class FrameEncoder:
    """Encodes the pictures of one film with one encoder, in BT.709 with limited range or in RGB, and tagged so.

    Where colours are stored for two pixels each way, an odd width or height gets one more column or row, a copy of its
    neighbour. A key frame comes at least every `KEY_EVERY`, and no more than the time in `codecs.HELD_BACK` and some
    frames for its threads are held back.

    film: gets the stream. encoder: one that `hardware.choose_encoder` has found. facts: rate, time base, shape of a
    pixel. Errors are those of PyAV.
    """

    def __init__(self, film: OutputContainer, encoder: Encoder, encoding: Encoding, info: StreamInfo) -> None:
        self.encoder = encoder
        self.rate = info.rate or UNKNOWN_RATE
        self.time_base = GIF_TICK if encoder.codec == "gif" else info.time_base
        self._even = encoder.pix_fmt.startswith(("yuv", "nv"))
        self._options = encoder.settings(encoding.quality, self.rate, info.live)
        stream = film.add_stream(encoder.name, self.rate, dict(self._options), hwaccel=_acceleration(encoder))
        self._stream = cast(VideoStream, stream)
        context = self._stream.codec_context
        _set_up(context, encoder, self.rate)
        context.time_base = self.time_base
        context.sample_aspect_ratio = info.pixel_aspect
        if encoder.codec == "h265" and film.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players do not know the usual hev1
        self._scaler = VideoReformatter()
        self._palettes: _Palettes | None = None
        self._key_due = Fraction(0)
        self._count = 0

    @property
    def description(self) -> str:
        """`libx264 veryfast crf 16`."""
        said = [f"{option} {self._options[option]}" for option in SAID if option in self._options]
        return " ".join([self.encoder.name, self._options.get("preset", ""), *said]).replace("  ", " ").strip()

    def open(self, size: tuple[int, int]) -> VideoStream:
        """Prepare for pictures of `size` (width, height), and return the stream that they make."""
        self._stream.width, self._stream.height = (side + side % 2 * self._even for side in size)
        return self._stream

    def continue_stream(self, size: tuple[int, int]) -> None:
        """Prepare for pictures that follow on those of another encoder in the file.

        The first picture of FFmpeg's GIF encoder is drawn in the palette of the file, and so is each later one of the
        same palette. A picture that no palette suits is encoded first and thrown away: then all others have their own.
        """
        if self.encoder.codec == "gif":
            odd = np.tile(np.array([255, 1, 2, 3], np.uint8), (256, 1))
            drawn: Any = np.zeros(size[::-1], np.uint8), odd  # PyAV's types know no palettes
            picture = VideoFrame.from_ndarray(drawn, format="pal8")
            picture.pts, picture.time_base = 0, self.time_base
            self._stream.encode(picture)

    def encode(self, pixels: np.ndarray, ticks: int, *, key: bool = False) -> "Iterator[Packet[VideoStream]]":
        """Yield the packets that are ready after one more picture.

        pixels: uint8 RGB (height, width, 3), of the size that `open` was told. ticks: its time in `time_base`,
        increasing. key: whether it must be a key frame; some are in any case.
        """
        height, width = pixels.shape[:2]
        if self._even and (height % 2 or width % 2):
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self.encoder.codec == "gif":
            picture = VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = ticks, self.time_base
            self._palettes = self._palettes or _Palettes(picture)
            picture = self._palettes.reduce(picture)
        else:
            picture = _convert(pixels, self.encoder.pix_fmt, self._scaler)
            picture.pts, picture.time_base = ticks, self.time_base
            if (
                key or ticks * self.time_base >= self._key_due
            ):  # by time and not by number: a camera slows down in the dark
                picture.pict_type = PictureType.I
                self._key_due = ticks * self.time_base + KEY_EVERY
        self._count += 1
        # The first picture opens the encoder.
        with ordinary_scheduling() if self._count == 1 else nullcontext():
            packets = self._stream.encode(picture)
        yield from packets

    def flush(self) -> "Iterator[Packet[VideoStream]]":
        """Yield the packets that the encoder still holds; nothing can be encoded after that."""
        for packet in self._stream.encode(None):
            if self._count <= 2 and self.encoder.name == "libx265":
                packet.dts = packet.pts  # x265 4.2 knows it from the third frame on; before, it is chance
            yield packet


def is_available(encoder: Encoder) -> bool:
    """Return whether this PyAV has the encoder. The hardware itself may still be missing, see `try_encode`."""
    try:
        Codec(encoder.name, "w")
    except UnknownCodecError:
        return False
    return True


def try_encode(encoder: Encoder, size: tuple[int, int] = (256, 256)) -> str:
    """Encode a grey frame of `size` (width, height), both even; return why that cannot be, "" when it can.

    Of hardware, `hardware.failure_reasons` does this in a process of its own.
    """
    if not is_available(encoder):
        return "this PyAV does not have it"
    before, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else the complaint of the encoder before hides the same of this one
    try:
        with av.logging.Capture() as said, ordinary_scheduling():
            packets = _encode_grey(encoder, size)
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        # The first complaint is the one that tells something: "Cannot load libcuda.so.1".
        return said[0][2].strip() if said else str(error)
    finally:
        av.logging.set_level(before)
        av.logging.set_skip_repeated(skips)
    return "" if packets else "it gave nothing"


def _encode_grey(encoder: Encoder, size: tuple[int, int]) -> "list[Packet[Any]]":
    context = cast(VideoCodecContext, CodecContext.create(encoder.name, "w", hwaccel=_acceleration(encoder)))
    _set_up(context, encoder, UNKNOWN_RATE)
    context.width, context.height, context.framerate = *size, UNKNOWN_RATE
    context.time_base = 1 / UNKNOWN_RATE
    context.options = encoder.settings(None, UNKNOWN_RATE, live=True)
    grey = np.full((size[1], size[0], 3), 128, np.uint8)
    if encoder.codec == "gif":
        given = VideoFrame.from_ndarray(grey, "rgb24")
        given.pts, given.time_base = 0, context.time_base
        picture = _Palettes(given).reduce(given)
    else:
        picture = _convert(grey, encoder.pix_fmt, VideoReformatter())
    picture.pts, picture.time_base = 0, context.time_base
    return [*context.encode(picture), *context.encode(None)]


def _acceleration(encoder: Encoder) -> HWAccel | None:
    """VAAPI takes pictures from the memory of the chip alone; with this PyAV carries them there."""
    return HWAccel("vaapi") if encoder.name.endswith("_vaapi") else None


def _set_up(context: VideoCodecContext, encoder: Encoder, rate: Fraction) -> None:
    is_yuv = encoder.pix_fmt.startswith(("yuv", "nv"))
    context.pix_fmt = encoder.pix_fmt
    context.gop_size = max(1, round(rate * KEY_EVERY)) if encoder.codec not in ("ffv1", "prores") else 1
    if encoder.name == "libx264":
        context.thread_count = max(1, min(os.cpu_count() or 1, 8, int(rate / 3)))  # each thread holds a frame back
    if encoder.codec == "gif":
        return
    context.colorspace = Colorspace.ITU709 if is_yuv else 0  # 0: RGB (ITU-T H.273, table 4)
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG if is_yuv else ColorRange.JPEG


def _convert(pixels: np.ndarray, pix_fmt: str, scaler: VideoReformatter) -> VideoFrame:
    """Return RGB (height, width, 3) in the format of an encoder.

    A frame of 1280x720 takes 1.7 ms of a core. With a copy of the pixels and a scaler of its own for each frame it took
    4.5 ms; with threads, which libswscale starts anew for each scaler, three times as long on a busy machine.
    """
    threads = conversion_threads(pixels.shape[1], pixels.shape[0])
    # Without a copy: nothing keeps the picture when it is converted.
    picture = VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")
    if not pix_fmt.startswith(("yuv", "nv")):
        return scaler.reformat(picture, format=pix_fmt, threads=threads)
    converted = scaler.reformat(
        picture, format=pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=threads
    )
    converted.color_primaries, converted.color_trc = ColorPrimaries.BT709, ColorTrc.BT709  # ProRes looks for them here
    return converted


class _Palettes:
    """Brings each picture to the 256 colours that suit it best; the pictures around it are not looked at or kept."""

    def __init__(self, like: VideoFrame) -> None:
        self._graph = Graph()
        given = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=like.time_base
        )
        twins = self._graph.add("split")
        palette = self._graph.add("palettegen", stats_mode="single")
        used = self._graph.add("paletteuse", new="1")
        taken = self._graph.add("buffersink")
        given.link_to(twins)
        twins.link_to(palette, 0, 0)
        twins.link_to(used, 1, 0)
        palette.link_to(used, 0, 1)
        used.link_to(taken)
        self._graph.configure()

    def reduce(self, picture: VideoFrame) -> VideoFrame:
        """Return `picture`, RGB, as palette and indices."""
        self._graph.vpush(picture)
        return self._graph.vpull()
