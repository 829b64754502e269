"""Interlaced film: every frame holds two moments, line by line in turn; it is made to show the first alone."""

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
"""Lines and columns below which FFmpeg's bwdif refuses a picture."""


def deinterlaced(pictures: Iterable[tuple[VideoFrame, Time]], name: str) -> Iterator[tuple[VideoFrame, Time]]:
    """Yield the pictures of the film `name` with their times, interlaced ones without combs.

    One comes out for each that goes in, with its own time; pictures that are not interlaced are as they were. From the
    first interlaced one on each is held back until the next is known, for the lines between are made of both (bwdif).
    """
    graph: Graph | None = None
    takes: tuple[int, int, str] | None = None
    waiting: deque[Time] = deque()
    for picture, time in pictures:
        kind = picture.width, picture.height, picture.format.name
        if graph is None and not (picture.interlaced_frame and min(picture.width, picture.height) >= SMALLEST):
            yield picture, time
            continue
        if takes is None:
            log.info("%s is interlaced: of the two moments in each frame the first is dreamt", name)
        if graph is None or takes != kind:
            if graph is not None:
                graph.vpush(None)
                yield from _finished(graph, waiting)
            graph, takes = _bwdif(picture), kind
        waiting.append(time)
        graph.vpush(picture)
        yield from _finished(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _finished(graph, waiting)


def _bwdif(picture: VideoFrame) -> Graph:
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(None, picture.width, picture.height, picture.format, time_base=Fraction(1, 90000)),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _finished(graph: Graph, waiting: "deque[Time]") -> Iterator[tuple[VideoFrame, Time]]:
    while waiting:
        try:
            picture = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield picture, waiting.popleft()
