"""What is known about a stream of frames before the first one comes."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

from livedream.side_tracks import SideTracks


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What a sink must know about the frames before the first one comes. A source has attributes of the same names.

        info = StreamInfo(rate=Fraction(25), size=(640, 480))
        with open_sink("out.mp4", info) as sink:
            ...

    Attributes:
        rate (Fraction or None): Frames per second; None if unknown.
        size (tuple or None): (width, height) of the frames in pixels; None if unknown.
        live (bool): Whether frames come in real time, so that a video is encoded fast rather than small.
        stills (bool): Whether the frames are separate images and not a video.
        length (int or None): How many frames are expected; None if unknown.
        time_base (Fraction): The unit of the times, in seconds.
        pixel_aspect (Fraction): The width of a pixel over its height.
        path (Path or None): The file or folder from which the frames are read.
    """

    rate: Fraction | None = None
    """Frames per second; None if unknown."""
    size: tuple[int, int] | None = None
    """(width, height) of the frames in pixels; None if unknown."""
    live: bool = False
    """True when frames come in real time. A video is then encoded fast rather than small."""
    stills: bool = False
    """True when the frames are separate images and not a video."""
    length: int | None = None
    """How many frames are expected; None if unknown."""
    time_base: Fraction = Fraction(1, 90000)
    """The unit of the times, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """The width of a pixel over its height."""
    sound: Path | SideTracks | None = None
    """The file with the sound of the frames, or what provides the sound if that is not a file."""
    lost_sound: str = ""
    """A warning that the sound of the frames cannot be carried along; "" if there is none or it can."""
    warn_lost_sound: bool = True
    """Whether the sink logs that warning."""
    start: Fraction = Fraction(0)
    """What the clock of the `sound` file shows at time 0, in seconds."""
    until: Fraction | None = None
    """The time at which the sound ends, in seconds, if only a part of a video is wanted; None for all of it."""
    picture_track: int | None = None
    """The index of the track from which the frames are read; None for other sources than videos."""
    path: Path | None = None
    """The file or folder from which the frames are read. No sink may write there."""
    files: Sequence[Path] = ()
    """The files from which the frames are read. No sink may replace them."""
    also_read: Mapping[Path, str] = field(default_factory=dict)
    """The other files that the run reads, each with a description: "the preset"."""

    @property
    def other_tracks(self) -> Path | SideTracks | None:
        """What has the sound, subtitles and chapters: a video may have subtitles even if it has no sound.

        None where the sound is lost, as in a looped video: it would come along with the other tracks.
        """
        if self.sound is not None or self.path is None or self.lost_sound or self.stills or self.live:
            return self.sound
        return self.path if self.path.is_file() else None

    @classmethod
    def of(cls, source: object, also_read: Mapping[Path, str] | None = None) -> Self:
        """Return the information about a source.

        Args:
            source: An object with attributes of these names, such as a source that `open_source` returned.
            also_read: The other files that the run reads, each with a description.

        Raises:
            TypeError: `source` lacks one of the attributes.
        """
        names = [field.name for field in dataclasses.fields(cls) if field.name not in ("also_read", "warn_lost_sound")]
        try:
            return cls(**{name: getattr(source, name) for name in names}, also_read=also_read or {})
        except AttributeError as error:
            raise TypeError(
                f"info must be a StreamInfo or a source from open_source, got {type(source).__name__}"
            ) from error


class DescribesFrames(Protocol):
    """An object that describes its frames, as a `Source` does; it also has the other attributes of `StreamInfo`."""

    rate: Fraction | None
    live: bool
    length: int | None
