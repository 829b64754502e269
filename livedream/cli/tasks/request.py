"""What the command line asks of a run, as one value."""

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
    """Where the frames go, as `open_sink` takes it; none means the usual sink of the source."""
    preset: str | None = None
    """None means the usual preset of the source."""
    controls: Mapping[str, Any] = field(default_factory=dict)
    """The controls in which the dream differs from the preset, by name."""
    size: tuple[int, int] | None = None
    """(width, height) in pixels, as `open_source` takes it."""
    rate: Fraction | None = None
    """Frames per second, as `open_source` takes it."""
    start: Fraction | None = None
    """Where the wanted part of a film begins, in seconds."""
    end: Fraction | None = None
    """Where it ends, in seconds."""
    duration: Fraction | None = None
    """How long it is, in seconds, in place of `end`; how long a live source runs."""
    encoding: Encoding = field(default_factory=Encoding)
    overwrite: bool = False
    recipe: bool = True
    """Whether outputs carry their recipe."""
    resume: bool = False
    """Whether to continue a film where an earlier run was cut off."""
    fps: Fraction | None = None
    """The frame rate that the governor holds; None means that of the live source."""
    fixed: bool = False
    """Whether there is no governor."""
    fresh: bool = False
    """Whether a live run without a preset begins with the usual one, not with the settings that the last run ended
    with."""
    tour: Fraction | None = None
    """How many seconds each preset of a tour stays."""
    placement: Placement | None = None
    """Where the window appears, and how; None where nobody says it."""
    playback: PlaybackOptions = field(default_factory=PlaybackOptions)
    """How a film is played."""

    @property
    def until(self) -> Fraction | None:
        """Where the wanted part of a film ends, in seconds; None for its own end."""
        return self.end if self.duration is None else (self.start or 0) + self.duration
