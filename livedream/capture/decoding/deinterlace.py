"""Deinterlaces: a frame holds two fields, of two moments, in alternating lines; only the first moment is kept."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

Time = TypeVar("Time")

SMALLEST = 4
"""Lines and columns below which FFmpeg's bwdif refuses a frame."""


def deinterlaced(frames: Iterable[tuple[VideoFrame, Time]], name: str) -> Iterator[tuple[VideoFrame, Time]]:
    """Yield frames with their times, interlaced ones without combing.

    Each frame keeps its time, and progressive frames are unchanged. From the first interlaced frame on, each frame is
    delayed until the next one is known, since the missing lines are interpolated from both (bwdif).

    name: of the video, for messages.
    """
    graph: Graph | None = None
    graph_input: tuple[int, int, str] | None = None
    waiting: deque[Time] = deque()
    for frame, time in frames:
        shape = frame.width, frame.height, frame.format.name
        if graph is None and not (frame.interlaced_frame and min(frame.width, frame.height) >= SMALLEST):
            yield frame, time
            continue
        if graph_input is None:
            log.info("%s is interlaced: the first field of each frame is dreamt", name)
        if graph is None or graph_input != shape:
            if graph is not None:
                graph.vpush(None)
                yield from _finished(graph, waiting)
            graph, graph_input = _bwdif(frame), shape
        waiting.append(time)
        graph.vpush(frame)
        yield from _finished(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _finished(graph, waiting)


def _bwdif(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(None, frame.width, frame.height, frame.format, time_base=Fraction(1, 90000)),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _finished(graph: Graph, waiting: "deque[Time]") -> Iterator[tuple[VideoFrame, Time]]:
    while waiting:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame, waiting.popleft()
