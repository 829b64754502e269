"""Encodes frames into packets with one encoder of FFmpeg."""

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

from livedream.color.threads import conversion_threads
from livedream.sink.video.codecs import Encoder, Encoding
from livedream.sink.video.scheduling import ordinary_scheduling
from livedream.stream_info import StreamInfo

KEY_EVERY = Fraction(4, 5)
"""The largest interval between key frames, in seconds. With `codecs.HELD_BACK` it bounds what a killed process loses,
because each fragment of an mp4 begins with a key frame."""
UNKNOWN_RATE = Fraction(30)
GIF_TICK = Fraction(1, 100)
"""Seconds. GIF counts in hundredths (GIF89a, section 23)."""
QUALITY_OPTIONS = ("crf", "cq", "qp", "qp_i", "global_quality", "profile")
"""The options that state the quality on the scale of an encoder."""

os.environ.setdefault("SVT_LOG", "1")  # the only way to limit what SVT-AV1 prints; 1: errors


class FrameEncoder:
    """Encodes the frames of one video, in BT.709 with limited range or in RGB, and tags them so.

    With chroma subsampling, an odd width or height gets one more column or row, a copy of its neighbour. There is a key
    frame at least every `KEY_EVERY`. The encoder holds back at most the time in `codecs.HELD_BACK` and some frames for
    its threads. Errors are those of PyAV.

    Args:
        output: The container that gets the stream.
        encoder: An encoder from `hardware.choose_encoder`.
        encoding: The quality.
        info: Rate, time base and pixel aspect ratio.
    """

    def __init__(self, output: OutputContainer, encoder: Encoder, encoding: Encoding, info: StreamInfo) -> None:
        self.encoder = encoder
        self.rate = info.rate or UNKNOWN_RATE
        self.time_base = GIF_TICK if encoder.codec == "gif" else info.time_base
        self._even = encoder.pix_fmt.startswith(("yuv", "nv"))
        self._options = encoder.settings(encoding.quality, self.rate, info.live)
        stream = output.add_stream(encoder.name, self.rate, dict(self._options), hwaccel=_acceleration(encoder))
        self._stream = cast(VideoStream, stream)
        context = self._stream.codec_context
        _set_up(context, encoder, self.rate)
        context.time_base = self.time_base
        context.sample_aspect_ratio = info.pixel_aspect
        if encoder.codec == "h265" and output.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players do not support the usual hev1
        self._scaler = VideoReformatter()
        self._palettes: _Palettes | None = None
        self._key_due = Fraction(0)
        self._count = 0

    @property
    def description(self) -> str:
        """`libx264 veryfast crf 16`."""
        quality = [f"{option} {self._options[option]}" for option in QUALITY_OPTIONS if option in self._options]
        return " ".join([self.encoder.name, self._options.get("preset", ""), *quality]).replace("  ", " ").strip()

    def open(self, size: tuple[int, int]) -> VideoStream:
        """Prepare for frames of `size` (width, height), and return their stream."""
        self._stream.width, self._stream.height = (side + side % 2 * self._even for side in size)
        return self._stream

    def continue_stream(self, size: tuple[int, int]) -> None:
        """Prepare for frames that follow those of another encoder in the file.

        FFmpeg's GIF encoder draws the first frame with the palette of the file, and each later one with the same
        palette. So a frame with an unlikely palette is encoded first and discarded: then all others get their own.
        """
        if self.encoder.codec == "gif":
            odd = np.tile(np.array([255, 1, 2, 3], np.uint8), (256, 1))
            drawn: Any = np.zeros(size[::-1], np.uint8), odd  # PyAV's types have no palettes
            video_frame = VideoFrame.from_ndarray(drawn, format="pal8")
            video_frame.pts, video_frame.time_base = 0, self.time_base
            self._stream.encode(video_frame)

    def encode(self, pixels: np.ndarray, ticks: int, *, key: bool = False) -> "Iterator[Packet[VideoStream]]":
        """Yield the packets that are ready after one more frame.

        Args:
            pixels: uint8 RGB (height, width, 3), of the size passed to `open`.
            ticks: The time of the frame in `time_base`; it must increase.
            key: Whether it must be a key frame. Some frames are key frames anyway.
        """
        height, width = pixels.shape[:2]
        if self._even and (height % 2 or width % 2):
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self.encoder.codec == "gif":
            video_frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            video_frame.pts, video_frame.time_base = ticks, self.time_base
            self._palettes = self._palettes or _Palettes(video_frame)
            video_frame = self._palettes.reduce(video_frame)
        else:
            video_frame = _convert(pixels, self.encoder.pix_fmt, self._scaler)
            video_frame.pts, video_frame.time_base = ticks, self.time_base
            if (
                key or ticks * self.time_base >= self._key_due
            ):  # by time and not by number, because a camera slows down in the dark
                video_frame.pict_type = PictureType.I
                self._key_due = ticks * self.time_base + KEY_EVERY
        self._count += 1
        # The first frame opens the encoder.
        with ordinary_scheduling() if self._count == 1 else nullcontext():
            packets = self._stream.encode(video_frame)
        yield from packets

    def flush(self) -> "Iterator[Packet[VideoStream]]":
        """Yield the packets that the encoder still holds. Nothing can be encoded after that."""
        for packet in self._stream.encode(None):
            if self._count <= 2 and self.encoder.name == "libx265":
                packet.dts = packet.pts  # x265 4.2 sets it only from the third frame on; before, it is random
            yield packet


def is_available(encoder: Encoder) -> bool:
    """Return whether this PyAV has the encoder. The hardware itself may still be missing, see `try_encode`."""
    try:
        Codec(encoder.name, "w")
    except UnknownCodecError:
        return False
    return True


def try_encode(encoder: Encoder, size: tuple[int, int] = (256, 256)) -> str:
    """Encode a grey frame of `size` (width, height), both even. Return why that fails, "" when it works.

    For hardware encoders `hardware.failure_reasons` does this in a separate process.
    """
    if not is_available(encoder):
        return "this build of PyAV lacks it"
    before, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # otherwise the same message of an earlier encoder hides it
    try:
        with av.logging.Capture() as messages, ordinary_scheduling():
            packets = _encode_grey(encoder, size)
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        # The first message is the informative one: "Cannot load libcuda.so.1".
        return messages[0][2].strip() if messages else str(error)
    finally:
        av.logging.set_level(before)
        av.logging.set_skip_repeated(skips)
    return "" if packets else "it returned no packets"


def _encode_grey(encoder: Encoder, size: tuple[int, int]) -> "list[Packet[Any]]":
    context = cast(VideoCodecContext, CodecContext.create(encoder.name, "w", hwaccel=_acceleration(encoder)))
    _set_up(context, encoder, UNKNOWN_RATE)
    context.width, context.height, context.framerate = *size, UNKNOWN_RATE
    context.time_base = 1 / UNKNOWN_RATE
    context.options = encoder.settings(None, UNKNOWN_RATE, live=True)
    grey = np.full((size[1], size[0], 3), 128, np.uint8)
    if encoder.codec == "gif":
        frame = VideoFrame.from_ndarray(grey, "rgb24")
        frame.pts, frame.time_base = 0, context.time_base
        video_frame = _Palettes(frame).reduce(frame)
    else:
        video_frame = _convert(grey, encoder.pix_fmt, VideoReformatter())
    video_frame.pts, video_frame.time_base = 0, context.time_base
    return [*context.encode(video_frame), *context.encode(None)]


def _acceleration(encoder: Encoder) -> HWAccel | None:
    """Return what makes PyAV upload frames for VAAPI, which reads them only from the memory of the chip."""
    return HWAccel("vaapi") if encoder.name.endswith("_vaapi") else None


def _set_up(context: VideoCodecContext, encoder: Encoder, rate: Fraction) -> None:
    is_yuv = encoder.pix_fmt.startswith(("yuv", "nv"))
    context.pix_fmt = encoder.pix_fmt
    context.gop_size = max(1, round(rate * KEY_EVERY)) if encoder.codec not in ("ffv1", "prores") else 1
    if encoder.name == "libx264":
        context.thread_count = max(1, min(os.cpu_count() or 1, 8, int(rate / 3)))  # each thread holds back one frame
    if encoder.codec == "gif":
        return
    context.colorspace = Colorspace.ITU709 if is_yuv else 0  # 0: RGB (ITU-T H.273, table 4)
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG if is_yuv else ColorRange.JPEG


def _convert(pixels: np.ndarray, pix_fmt: str, scaler: VideoReformatter) -> VideoFrame:
    """Convert RGB (height, width, 3) to the pixel format of an encoder.

    A frame of 1280x720 takes 1.7 ms on one core. With a copy of the pixels and a new scaler for each frame it took
    4.5 ms; with threads, which libswscale starts again for each scaler, three times as long on a busy machine.
    """
    threads = conversion_threads(pixels.shape[1], pixels.shape[0])
    # Without a copy: nothing refers to the frame after the conversion.
    video_frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")
    if not pix_fmt.startswith(("yuv", "nv")):
        return scaler.reformat(video_frame, format=pix_fmt, threads=threads)
    converted = scaler.reformat(
        video_frame, format=pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=threads
    )
    converted.color_primaries, converted.color_trc = ColorPrimaries.BT709, ColorTrc.BT709  # ProRes reads them from here
    return converted


class _Palettes:
    """Reduces each frame to the 256 colours that suit it best, independently of the frames around it."""

    def __init__(self, like: VideoFrame) -> None:
        self._graph = Graph()
        frame = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=like.time_base
        )
        split = self._graph.add("split")
        palette = self._graph.add("palettegen", stats_mode="single")
        apply_palette = self._graph.add("paletteuse", new="1")
        sink = self._graph.add("buffersink")
        frame.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(apply_palette, 1, 0)
        palette.link_to(apply_palette, 0, 1)
        apply_palette.link_to(sink)
        self._graph.configure()

    def reduce(self, video_frame: VideoFrame) -> VideoFrame:
        """Return `video_frame`, RGB, as a palette and indices."""
        self._graph.vpush(video_frame)
        return self._graph.vpull()
