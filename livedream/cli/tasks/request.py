"""The request of the command line for a run, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from livedream.cli.playback_options import PlaybackOptions
from livedream.sink.video.codecs import Encoding
from livedream.sink.window.placement import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to dream a source, or each source of a batch. `dataclasses.replace` makes a changed copy."""

    sinks: tuple[str, ...] = ()
    """The sinks, as `open_sink` takes them; empty means the usual sink of the source."""
    preset: str | None = None
    """None means the usual preset of the source."""
    controls: Mapping[str, Any] = field(default_factory=dict)
    """The controls given on top of the preset, by name."""
    size: tuple[int, int] | None = None
    """(width, height) in pixels, as `open_source` takes it."""
    rate: Fraction | None = None
    """Frames per second, as `open_source` takes it."""
    start: Fraction | None = None
    """Where the requested part of a video begins, in seconds."""
    end: Fraction | None = None
    """Where the requested part of a video ends, in seconds."""
    duration: Fraction | None = None
    """The length of the requested part in seconds, instead of `end`; how long a live source runs."""
    encoding: Encoding = field(default_factory=Encoding)
    overwrite: bool = False
    recipe: bool = True
    """Whether outputs carry their recipe."""
    resume: bool = False
    """Whether to continue a video where an earlier run was interrupted."""
    fps: Fraction | None = None
    """The frame rate that the governor holds; None means the rate of the live source."""
    fixed: bool = False
    """Whether to run without a governor."""
    fresh: bool = False
    """Whether a live run without a preset begins with the usual preset, not with the settings at the end of the last
    run."""
    tour: Fraction | None = None
    """The seconds for which each preset of a tour stays; None without a tour."""
    placement: Placement | None = None
    """The position and look of the window; None for the defaults."""
    playback: PlaybackOptions = field(default_factory=PlaybackOptions)
    """How a video is played."""

    @property
    def until(self) -> Fraction | None:
        """Where the requested part of a video ends, in seconds; None for the end of the video."""
        return self.end if self.duration is None else (self.start or 0) + self.duration
