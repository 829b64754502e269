"""Frames pass from the source through the dreamer to the sinks, each on its own thread."""

from livedream.pipeline.meter import Report, SinkReport
from livedream.pipeline.playback import Playback
from livedream.pipeline.run import run
from livedream.pipeline.sink_changes import Changes

__all__ = ["Changes", "Playback", "Report", "SinkReport", "run"]
