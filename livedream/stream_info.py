"""What is known of a stream of frames before the first one comes."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

from livedream.side_tracks import SideTracks


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What a sink has to know of the frames before the first one comes; the words are those of a source."""

    rate: Fraction | None = None
    """Frames per second, None where nobody knows."""
    size: tuple[int, int] | None = None
    """(width, height) of the frames in pixels, None where nobody knows."""
    live: bool = False
    """True when frames come whether they are wanted or not; a film is then encoded fast rather than small."""
    stills: bool = False
    """True when each frame is a picture of its own."""
    length: int | None = None
    """How many frames are expected."""
    time_base: Fraction = Fraction(1, 90000)
    """The unit of the times, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    sound: Path | SideTracks | None = None
    """The file whose sound belongs to the frames, or what gives it where that is no file."""
    lost_sound: str = ""
    """What to say of sound that belongs to the frames and cannot be carried along."""
    tells_lost_sound: bool = True
    """Whether that is said at all."""
    start: Fraction = Fraction(0)
    """What the clock of the `sound` file shows at time 0."""
    until: Fraction | None = None
    """The time at which the sound ends too, when only a part of a film is wanted; None for all of it."""
    picture_track: int | None = None
    """The index of the track in that file which the frames are read from; None where it is no film."""
    path: Path | None = None
    """The file or folder that the frames are read from; no sink writes there."""
    files: Sequence[Path] = ()
    """The files that the frames are read from, which no sink replaces."""
    also_read: Mapping[Path, str] = field(default_factory=dict)
    """The other files that the run reads, with what they are: "the preset"."""

    @classmethod
    def of(cls, source: object, also_read: Mapping[Path, str] | None = None) -> Self:
        """Return the facts about `source`: anything with attributes of these names, such as a livedream source.

        also_read: what else the run reads, see there.
        """
        names = [field.name for field in dataclasses.fields(cls) if field.name not in ("also_read", "tells_lost_sound")]
        try:
            return cls(**{name: getattr(source, name) for name in names}, also_read=also_read or {})
        except AttributeError as error:
            raise TypeError(f"facts must be a source that open_source returned, got {type(source).__name__}") from error


class DescribesFrames(Protocol):
    """What says of itself what a sink has to know, as a Source does: with the other attributes of `StreamInfo` too."""

    rate: Fraction | None
    live: bool
    length: int | None
