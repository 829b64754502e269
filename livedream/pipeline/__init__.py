"""The way of a frame: from the source through the dreamer into the sinks, each on a thread of its own."""

from livedream.pipeline.meter import Report, SinkReport
from livedream.pipeline.playback import Playback
from livedream.pipeline.run import run
from livedream.pipeline.sink_changes import Changes

__all__ = ["Changes", "Playback", "Report", "SinkReport", "run"]
