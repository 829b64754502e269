"""`livedream.run`: a whole live program in one call."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import Literal

from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.dream.dreamer import Dreamer
from livedream.frame import Frame
from livedream.pipeline import run as pipeline_run
from livedream.pipeline.governor import Governor
from livedream.pipeline.meter import Report
from livedream.pipeline.playback import Playback
from livedream.pipeline.sink_changes import Changes
from livedream.presets import FILM, LIVE, STILL
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.stills import StillFrames
from livedream.stream_info import StreamInfo

SinkSpec = Sink | str | os.PathLike[str]
"""An open sink, or what `open_sink` opens."""

USUAL_RATE = Fraction(30)
"""Frames per second to hold where a live source does not know its own rate."""


# Long: the text of the public function is its documentation, which has one entry for each argument and error.
def run(
    source: Source | str | os.PathLike[str] | int,
    dreamer: Callable[[Frame], Frame] | DreamSettings | str | os.PathLike[str] | None = None,
    sinks: SinkSpec | Sequence[SinkSpec] = "window",
    *,
    governor: Governor | Literal["auto"] | None = "auto",
    changes: Changes | None = None,
    playback: Playback | None = None,
    on_progress: Callable[[Report], object] | None = None,
    overwrite: bool = False,
) -> Report:
    """Dream every frame of a source into one or more sinks, until the source ends.

        livedream.run(0)                                                # the first camera, in a window
        livedream.run("film.mp4", "neon", "dream.mp4")                  # every frame of a video
        livedream.run(0, Dreamer(steps=2), ["window", "dream.mp4"])     # both at once, live

    Capturing, dreaming and each sink run on their own threads. A live source (camera, stream, screen) drops the frames
    for which there is no time; any other source loses none. A video that goes to a window alone plays at its own speed.

    Call it on the main thread when a sink is a window. It ends when the source ends, when the window of a live run is
    closed, or with KeyboardInterrupt; files are complete in each case.

    Args:
        source: an open `Source`, which stays open, or what `open_source` opens: the number of a camera, the path of a
            video or photograph, an address, `demo`.
        dreamer: a `Dreamer`, any function from `Frame` to `Frame`, or what `Dreamer` takes: settings, or the name or
            path of a preset. None takes the preset `live` for a live source, `still` for photographs, and `film` for a
            video.
        sinks: an open `Sink`, what `open_sink` opens, or several of these. Each gets every frame.
        governor: lowers the quality of a live dream where this shows least, while the machine is too slow for the
            source's rate. "auto" makes one where `source` is live and `dreamer` is a `Dreamer`. None keeps the quality
            as it is and drops frames.
        changes: adds sinks to the run and removes them while it is running, from any thread.
        playback: the clock of a video that plays at its own speed. Without it, one is made for a video that goes to
            windows and other live sinks alone.
        on_progress: called about ten times a second on this thread, and once at the end. An exception that it raises
            ends the run.
        overwrite: whether files that exist may be replaced.

    Returns:
        What happened: how many frames were captured, dreamt, dropped and written, and how fast.

    Raises:
        ValueError: `sinks` is empty, or `playback` is given for a live source.
        ArgumentError: a source, sink or preset has no meaning.
        SourceError: the source cannot be opened, or failed.
        SinkError: a sink cannot be opened, or failed. A live run continues while another sink remains.
        DeviceError: the device or precision is not available.
        WeightsError: the weights of a network are missing or damaged.
    """
    if isinstance(dreamer, DreamSettings | str | os.PathLike):
        dreamer = Dreamer(dreamer)  # report a wrong one before a camera is opened
    specs = [sinks] if isinstance(sinks, Sink | str | os.PathLike) else sinks
    with ExitStack() as opened:
        frames = source if isinstance(source, Source) else opened.enter_context(open_source(source))
        if dreamer is None:
            dreamer = Dreamer(STILL if frames.stills else LIVE if frames.live else FILM)
        info = StreamInfo.of(frames)
        targets = [
            sink if isinstance(sink, Sink) else opened.enter_context(open_sink(sink, info, overwrite=overwrite))
            for sink in specs
        ]
        dream: Callable[[Frame], Frame] = dreamer
        if isinstance(dreamer, Dreamer):
            dreamer.prepare(frames.size, frames.stills)
            if frames.live and governor == "auto":
                governor = Governor(dreamer, frames.rate or USUAL_RATE)
            if frames.stills:
                dream = StillFrames(dreamer)
        if playback is None and not frames.live and not frames.stills and all(sink.live for sink in targets):
            playback = Playback()
        return pipeline_run(
            frames,
            dream,
            targets,
            on_progress=on_progress,
            governor=None if governor == "auto" else governor,
            changes=changes,
            playback=playback,
        )
