"""Converts decoded frames to RGB, by the colour tags of the video."""

import logging
from typing import NamedTuple

import av
import av.error
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from livedream.capture.decoding.dolby_vision import dolby_vision, lacks_common_colors
from livedream.capture.decoding.gamut import Gamut
from livedream.capture.decoding.side_data import side_data
from livedream.color.primaries import FOREIGN, HD_HEIGHT, HD_WIDTH
from livedream.color.srgb import profile
from livedream.color.threads import conversion_threads
from livedream.color.tone import HDR
from livedream.errors import SourceError

log = logging.getLogger(__name__)

_TONE_MAP = "out_primaries=bt709:out_transfer=bt709:out_range=full:intent=perceptual"
"""FFmpeg's own tone curve (libswscale/cms.c), which preserves highlights up to the peak stated in the video."""
_RGB, _BT709, _UNSPECIFIED, _BT601, _BT2020 = 0, 1, 2, 5, 9
"""Matrices (ITU-T H.273, table 4)."""
_UNSUPPORTED_MATRICES = {
    8: "YCgCo",
    10: "BT.2020 with constant luminance",
    11: "SMPTE 2085",
    13: "chromaticity-derived with constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
"""Matrices that libswscale silently treats as BT.601."""


_TAGGING = ("mov", "matroska", "mxf", "flv", "yuv4mpegpipe", "nut", "hls", "dash")
"""Containers with colour tags of their own."""


class Tags(NamedTuple):
    """The colour tags of a video, as numbers of ITU-T H.273 (range: of FFmpeg)."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    range: int = 0

    @classmethod
    def of(cls, thing: VideoFrame | VideoCodecContext) -> "Tags":
        """Return the tags of a frame or of the context that decodes it."""
        return cls(thing.color_primaries, thing.color_trc, int(thing.colorspace), int(thing.color_range))

    @classmethod
    def of_container(cls, stream: VideoStream) -> "Tags":
        """Return the tags of the container. Call it before the first packet is decoded.

        Afterwards the context has the tags that the decoder found: for HEVC and ProRes none, if only the container is
        tagged. In containers outside `_TAGGING` they are the decoder's from the beginning, of the last frame it saw.
        """
        return cls.of(stream.codec_context) if stream.container.format.name.startswith(_TAGGING) else cls()


class Colors:
    """Converts the frames of a video to RGB, each in its own size and by its own tags.

    The tags of the bitstream take precedence, as in FFmpeg; missing ones come from the container or are guessed: the
    matrix by the size, see `HD_HEIGHT`, the primaries by the matrix (BT.2020) or BT.709. Wide primaries are converted
    to those of BT.709 (see `Gamut`), ICC profiles to sRGB, and HDR is mapped to the range of an ordinary screen; each
    of these is logged once. Transparent pixels keep their colour, as in FFmpeg.

    Args:
        first: the first frame, which is checked at once.
        name: of the video, for messages.
        container: the tags of the container.

    Raises:
        SourceError: the colours cannot be converted here.
    """

    def __init__(self, first: VideoFrame, name: str, container: Tags = Tags()) -> None:  # noqa: B008  immutable
        self._name = name
        self._container = container
        # One for all frames: a frame's own is slower, and its threads disturb the dreamer that runs at the same time.
        self._scaler = VideoReformatter()
        self._graph: Graph | None = None
        self._graph_input: tuple[object, ...] | None = None
        self._gamuts: dict[tuple[int, int], Gamut] = {}
        self._warned: set[str] = set()
        if any(component.is_alpha for component in first.format.components):
            log.info("%s: transparency is ignored", name)
        self._check(first)  # before any output is written

    def rgb(self, frame: VideoFrame) -> np.ndarray:
        """Return the pixels of a frame, uint8 (height, width, 3)."""
        tags = self._check(frame)
        try:
            if tags.transfer in HDR:
                self._warn_once(f"HDR ({HDR[tags.transfer]}) is mapped to the range of an ordinary screen")
                return self._mapped(frame, tags).to_ndarray(format="rgb24")
            if icc := side_data(frame, Type.ICC_PROFILE):
                return self._from_profile(icc, Image.fromarray(self._plain(frame, "rgb24")))
            if tags.primaries in FOREIGN or tags.transfer == ColorTrc.LINEAR:
                return self._gamut(tags).convert(self._plain(frame, "gbrp16le"))
            # libswscale's fast path from 10 bits to rgb24 is up to 4 levels too dark; to gbrp it is exact, and takes
            # 3.6 ms instead of 1.8 at 1280x720.
            return self._plain(frame, "gbrp" if frame.format.components[0].bits > 8 else "rgb24")
        except (av.error.FFmpegError, ValueError) as error:
            text = f"{self._name}: the pixel format {frame.format.name} cannot be converted"
            raise SourceError(text, "convert it with ffmpeg") from error

    def _check(self, frame: VideoFrame) -> Tags:
        """Return the completed tags of a frame. Raises SourceError if it cannot be converted."""
        if lacks_common_colors(frame):
            raise dolby_vision(self._name)
        tags = self._complete(frame)
        if tags.matrix in _UNSUPPORTED_MATRICES and not _is_rgb(frame):
            name = _UNSUPPORTED_MATRICES[tags.matrix]
            text = f"{self._name}: its colours are coded as {name}, which cannot be converted here"
            raise SourceError(text, "convert it first: ffmpeg -i IN -vf zscale=matrix=709 OUT")
        return tags

    def _complete(self, frame: VideoFrame) -> Tags:
        """Set the missing tags of a frame, and return all of them."""
        own, container = Tags.of(frame), self._container
        primaries = own.primaries if own.primaries not in (0, _UNSPECIFIED) else container.primaries
        transfer = own.transfer if own.transfer not in (0, _UNSPECIFIED) else container.transfer
        matrix = next((one for one in (own.matrix, container.matrix) if one not in (_RGB, _UNSPECIFIED)), _UNSPECIFIED)
        if matrix == 12:  # derived from the primaries
            matrix = _BT2020 if primaries == ColorPrimaries.BT2020 else _BT709
        if primaries in (0, _UNSPECIFIED):
            primaries = ColorPrimaries.BT2020 if matrix == _BT2020 or transfer in HDR else ColorPrimaries.BT709
        if matrix == _UNSPECIFIED:
            if primaries == ColorPrimaries.BT2020 or transfer in HDR:
                matrix = _BT2020
            else:
                matrix = _BT709 if frame.width >= HD_WIDTH or frame.height >= HD_HEIGHT else _BT601
        tags = Tags(primaries, transfer, own.matrix if _is_rgb(frame) else matrix, own.range or container.range)
        if tags != own:
            frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
            frame.colorspace, frame.color_range = tags.matrix, tags.range
        return tags

    def _plain(self, frame: VideoFrame, pix_fmt: str) -> np.ndarray:
        threads = conversion_threads(frame.width, frame.height)
        return self._scaler.reformat(frame, format=pix_fmt, threads=threads).to_ndarray()

    def _gamut(self, tags: Tags) -> Gamut:
        key = tags.primaries, tags.transfer
        if key not in self._gamuts:
            self._gamuts[key] = Gamut(*key)
            name = FOREIGN[tags.primaries][0] if tags.primaries in FOREIGN else "linear light"
            self._warn_once(f"colours are converted from {name} to BT.709")
        return self._gamuts[key]

    def _from_profile(self, icc: bytes, image: Image.Image) -> np.ndarray:
        converted = profile(icc).to_srgb(image, self._name)
        if converted is not image:
            self._warn_once(f"colours are converted from {profile(icc).description} to sRGB")
        return np.array(converted)

    def _mapped(self, frame: VideoFrame, tags: Tags) -> VideoFrame:
        graph_input = frame.width, frame.height, frame.format.name, tags
        if self._graph is None or self._graph_input != graph_input:
            self._graph, self._graph_input = Graph(), graph_input
            self._graph.link_nodes(
                self._graph.add_buffer(None, frame.width, frame.height, frame.format, time_base=frame.time_base),
                self._graph.add("scale", f"{frame.width}:{frame.height}:{_TONE_MAP}"),
                self._graph.add("format", "gbrp"),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            log.warning("%s: %s", self._name, text)


def _is_rgb(frame: VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette
