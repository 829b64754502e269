"""The colours of decoded pictures, as the tags in the film mean them."""

import logging

import av
import av.error
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc, VideoReformatter

from livedream.errors import SourceError

log = logging.getLogger(__name__)

HDR = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
_TONE_MAP = "out_primaries=bt709:out_transfer=bt709:out_range=full:intent=perceptual"
"""FFmpeg's own tone curve (libswscale/cms.c): it keeps the lights apart, up to the peak that the film names."""


class Colors:
    """Makes RGB of every picture of the film `name`, in the size of the `first` one.

    Matrix and range are those of each picture's tags; without tags it is BT.601, limited, as for ffmpeg. HDR is mapped
    to the range of an ordinary screen. What is transparent keeps the colour that lies there, as for ffmpeg.
    """

    def __init__(self, first: VideoFrame, name: str) -> None:
        self._name = name
        self._size = first.width, first.height
        # One for all, on the thread that reads: a picture's own, with threads, takes half as long again (0.62 ms
        # instead of 0.40 at 1280x720), and what dreams meanwhile is disturbed.
        self._scaler = VideoReformatter()
        self._hdr = HDR.get(ColorTrc(first.color_trc)) if first.color_trc in HDR else None
        self._graph: Graph | None = None
        self._graph_takes: tuple[int, int, str] | None = None
        if self._hdr:
            log.info("%s: HDR (%s) is mapped to the range of an ordinary screen", name, self._hdr)
        if any(component.is_alpha for component in first.format.components):
            log.info("%s: what is transparent is dreamt as if it were not", name)

    def rgb(self, picture: VideoFrame) -> np.ndarray:
        """Return its pixels, uint8 (height, width, 3). Raises SourceError for a kind of pixel that nothing converts."""
        if (picture.width, picture.height) != self._size:
            size = f"{picture.width}x{picture.height}"
            log.info("%s: frame of %s scaled to %dx%d", self._name, size, *self._size)
        try:
            if self._hdr:
                return self._mapped(picture).to_ndarray(format="rgb24")
            return self._scaler.reformat(picture, *self._size, "rgb24", threads=1).to_ndarray()
        except (av.error.FFmpegError, ValueError) as error:
            kind = picture.format.name
            raise SourceError(f"{self._name}: its pixels ({kind}) cannot be shown", "convert it with ffmpeg") from error

    def _mapped(self, picture: VideoFrame) -> VideoFrame:
        takes = picture.width, picture.height, picture.format.name
        if self._graph is None or self._graph_takes != takes:
            self._graph, self._graph_takes = Graph(), takes
            self._graph.link_nodes(
                self._graph.add_buffer(None, *takes[:2], picture.format, time_base=picture.time_base),
                self._graph.add("scale", f"{self._size[0]}:{self._size[1]}:{_TONE_MAP}"),
                self._graph.add("format", "gbrp"),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(picture)
        return self._graph.vpull()
