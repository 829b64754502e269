"""Decoded pictures into RGB, by the colour tags of the film."""

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
from livedream.conversion import conversion_threads
from livedream.errors import SourceError
from livedream.primaries import FOREIGN, HD_HEIGHT, HD_WIDTH
from livedream.srgb import profile
from livedream.tone import HDR

log = logging.getLogger(__name__)

_TONE_MAP = "out_primaries=bt709:out_transfer=bt709:out_range=full:intent=perceptual"
"""FFmpeg's own tone curve (libswscale/cms.c): it keeps the lights apart, up to the peak that the film names."""
_RGB, _BT709, _UNSPECIFIED, _BT601, _BT2020 = 0, 1, 2, 5, 9
"""Matrices (ITU-T H.273, table 4)."""
_NO_MATRIX = {
    8: "YCgCo",
    10: "BT.2020 with constant luminance",
    11: "SMPTE 2085",
    13: "chromaticity-derived with constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
"""Matrices that libswscale takes for BT.601 without a word."""


_TAGGING = ("mov", "matroska", "mxf", "flv", "yuv4mpegpipe", "nut", "hls", "dash")
"""Containers that have colour tags of their own."""


class Tags(NamedTuple):
    """What a film says of its colours, in the numbers of ITU-T H.273 (range: those of FFmpeg)."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    range: int = 0

    @classmethod
    def of(cls, thing: VideoFrame | VideoCodecContext) -> "Tags":
        """Return the tags of a picture, or of the context that decodes it."""
        return cls(thing.color_primaries, thing.color_trc, int(thing.colorspace), int(thing.color_range))

    @classmethod
    def of_container(cls, stream: VideoStream) -> "Tags":
        """Return what the container says, before the first packet is decoded.

        Afterwards the context has what the decoder found, which with HEVC and ProRes is nothing where only the
        container is tagged. In other containers than those of `_TAGGING` it is the decoder's from the beginning, and
        of whatever picture it saw last.
        """
        return cls.of(stream.codec_context) if stream.container.format.name.startswith(_TAGGING) else cls()


class Colors:
    """Makes RGB of the pictures of the film `name`, each in its own size, by the tags of each.

    What the bitstream says comes first, as in FFmpeg; what it leaves out comes from the `container`, or is guessed:
    the matrix by the size, see `HD_HEIGHT`, the primaries by the matrix (BT.2020) or BT.709. Wide primaries are
    converted to those of BT.709 (see `Gamut`), ICC profiles to sRGB, HDR is mapped to the range of an ordinary screen:
    each is said once. Transparent pixels keep the colour they have, as in FFmpeg.

    Raises SourceError for colours that nothing here converts, of `first` at once.
    """

    def __init__(self, first: VideoFrame, name: str, container: Tags = Tags()) -> None:  # noqa: B008  immutable
        self._name = name
        self._container = container
        # One for all: a picture's own takes longer, with all its threads, and what dreams meanwhile is disturbed.
        self._scaler = VideoReformatter()
        self._graph: Graph | None = None
        self._graph_takes: tuple[object, ...] | None = None
        self._gamuts: dict[tuple[int, int], Gamut] = {}
        self._said: set[str] = set()
        if any(component.is_alpha for component in first.format.components):
            log.info("%s: transparency is ignored", name)
        self._check(first)  # before anything is written

    def rgb(self, picture: VideoFrame) -> np.ndarray:
        """Return its pixels, uint8 (height, width, 3)."""
        tags = self._check(picture)
        try:
            if tags.transfer in HDR:
                self._say(f"HDR ({HDR[tags.transfer]}) is mapped to the range of an ordinary screen")
                return self._mapped(picture, tags).to_ndarray(format="rgb24")
            if icc := side_data(picture, Type.ICC_PROFILE):
                return self._from_profile(icc, Image.fromarray(self._plain(picture, "rgb24")))
            if tags.primaries in FOREIGN or tags.transfer == ColorTrc.LINEAR:
                return self._gamut(tags).convert(self._plain(picture, "gbrp16le"))
            # libswscale's quick way from 10 bits to rgb24 is up to 4 levels too dark; to gbrp it is exact, and takes
            # 3.6 ms instead of 1.8 at 1280x720.
            return self._plain(picture, "gbrp" if picture.format.components[0].bits > 8 else "rgb24")
        except (av.error.FFmpegError, ValueError) as error:
            kind = picture.format.name
            raise SourceError(f"{self._name}: its pixels ({kind}) cannot be shown", "convert it with ffmpeg") from error

    def _check(self, picture: VideoFrame) -> Tags:
        """Return the tags of a picture, completed. Raises SourceError for one that cannot be converted."""
        if lacks_common_colors(picture):
            raise dolby_vision(self._name)
        tags = self._complete(picture)
        if tags.matrix in _NO_MATRIX and not _is_rgb(picture):
            text = f"{self._name}: its colours are coded as {_NO_MATRIX[tags.matrix]}, which cannot be converted here"
            raise SourceError(text, "convert it first: ffmpeg -i IN -vf zscale=matrix=709 OUT")
        return tags

    def _complete(self, picture: VideoFrame) -> Tags:
        """Give the picture the tags that it lacks, and return all of them."""
        own, container = Tags.of(picture), self._container
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
                matrix = _BT709 if picture.width >= HD_WIDTH or picture.height >= HD_HEIGHT else _BT601
        tags = Tags(primaries, transfer, own.matrix if _is_rgb(picture) else matrix, own.range or container.range)
        if tags != own:
            picture.color_primaries, picture.color_trc = tags.primaries, tags.transfer
            picture.colorspace, picture.color_range = tags.matrix, tags.range
        return tags

    def _plain(self, picture: VideoFrame, pix_fmt: str) -> np.ndarray:
        threads = conversion_threads(picture.width, picture.height)
        return self._scaler.reformat(picture, format=pix_fmt, threads=threads).to_ndarray()

    def _gamut(self, tags: Tags) -> Gamut:
        key = tags.primaries, tags.transfer
        if key not in self._gamuts:
            self._gamuts[key] = Gamut(*key)
            name = FOREIGN[tags.primaries][0] if tags.primaries in FOREIGN else "linear light"
            self._say(f"colours are converted from {name} to BT.709")
        return self._gamuts[key]

    def _from_profile(self, icc: bytes, image: Image.Image) -> np.ndarray:
        converted = profile(icc).to_srgb(image, self._name)
        if converted is not image:
            self._say(f"colours are converted from {profile(icc).description} to sRGB")
        return np.array(converted)

    def _mapped(self, picture: VideoFrame, tags: Tags) -> VideoFrame:
        takes = picture.width, picture.height, picture.format.name, tags
        if self._graph is None or self._graph_takes != takes:
            self._graph, self._graph_takes = Graph(), takes
            self._graph.link_nodes(
                self._graph.add_buffer(
                    None, picture.width, picture.height, picture.format, time_base=picture.time_base
                ),
                self._graph.add("scale", f"{picture.width}:{picture.height}:{_TONE_MAP}"),
                self._graph.add("format", "gbrp"),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(picture)
        return self._graph.vpull()

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            log.warning("%s: %s", self._name, text)


def _is_rgb(picture: VideoFrame) -> bool:
    return picture.format.is_rgb or picture.format.has_palette
