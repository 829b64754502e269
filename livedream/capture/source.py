"""The contract of every source."""

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from livedream.documented import AbstractDocumented
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.side_tracks import SideTracks


class Source(metaclass=AbstractDocumented):
    """A sequence of frames: iterate over it inside a `with` block. `open_source` returns one.

        with open_source("film.mp4") as source:
            print(source.size, source.rate)
            for frame in source:                # frame.pixels: RGB uint8 (height, width, 3)
                ...

    Iterating raises SourceError when the source fails, and stops when the source ends. A second iteration continues
    where the first one stopped. Times strictly increase. `close()` may be called twice, and from another thread; the
    iteration then stops soon.

    Attributes: what the source delivers, which is not always what was requested.
        name (str): what was opened: a file name or the name of a camera.
        size (tuple[int, int]): (width, height) of the frames in pixels; of the first frame where they differ.
        rate (Fraction or None): frames per second; the average where it varies, None if unknown.
        length (int or None): the expected number of frames, None if unknown.
        live (bool): True if frames that are not taken in time are lost (a camera), False if they wait (a file).
        pixel_aspect (Fraction): width of a pixel over its height.
        notice (str or None): the current problem, such as a lost camera; None when all is well.
    """

    _machinery = (
        *("coding", "ended_early", "files", "identity", "length", "live", "lost", "lost_sound", "notice", "path"),
        *("picture_track", "pixel_aspect", "place", "rate_is_assumed", "rewind", "rewinds", "skip", "sound", "start"),
        *("stills", "time_base", "until"),
    )
    """Names that `help` does not list: values that only instances have, and members for other parts of livedream."""

    name: str
    """What was opened, for the first line of output: a file name or the name of a camera."""
    size: tuple[int, int]
    """(width, height) of the frames in pixels; of the first frame where they differ."""
    rate: Fraction | None
    """Frames per second, exact; the average where it varies, None if unknown."""
    rate_is_assumed: bool = False
    """True if neither the source nor the caller stated the rate."""
    live: bool
    """True if frames that are not taken in time are lost (camera, stream), False if they wait (file)."""

    stills: bool = False
    """True if each frame is an independent image, not part of a video: photographs."""
    length: int | None = None
    """The expected number of frames, None if unknown. It comes from the header and is not a count."""
    time_base: Fraction = Fraction(1, 90000)
    """The unit of time in seconds: the time of every frame is a multiple of it."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    sound: Path | SideTracks | None = None
    """The file whose sound belongs to the frames, or an object that opens the sound where it is not a file."""
    lost_sound: str = ""
    """Why the sound that belongs to the frames cannot be kept; empty if there is no such sound."""
    start: Fraction = Fraction(0)
    """The timestamp of the `sound` file at time 0, in seconds: recordings of a broadcast begin at any time."""
    until: Fraction | None = None
    """The time at which the sound ends too, if only a part of a video is wanted; None for all of it."""
    picture_track: int | None = None
    """The stream index of the video track that the frames come from; None if the source is not a video."""
    path: Path | None = None
    """The file or folder that is read, None if there is none; a sink must not write there."""
    identity: str = ""
    """Distinguishes its frames from those of another source, where there are no `files` to compare."""
    place: str | None = None
    """The device file, device or address that is read, None if there is none; a sink must not send there."""
    coding: str = ""
    """The codec of a camera or stream, such as MJPG or h264; empty if unknown or irrelevant."""
    lost: int = 0
    """The number of images that could not be read. Each failure was logged."""
    notice: str | None = None
    """The current problem of the source, for people: "camera C922 lost, reconnecting (try 3)"; None when all is well.
    It may change at any time, and any thread may read it."""

    ended_early: str | None = None
    """After the iteration: how much of the video was there, such as `0.2 of 1.0 s`, if its header promises more frames
    than came because the file is cut off or damaged. None if it was complete."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that are read, in order; none for a camera."""
        return (self.path,) if self.path else ()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def skip(self, count: int) -> None:
        """Skip the next `count` frames. Those that follow are the same as if these had been taken."""
        for _ in itertools.islice(self, count):
            pass

    rewinds: bool = False
    """Whether it can start again from its first frame, as a file can."""

    def rewind(self) -> None:
        """Start again: the next frame is the first one. Problems that were logged are not logged again.

        Call it from the thread that iterates.

        Raises:
            ArgumentError: `rewinds` is False.
        """
        raise ArgumentError(f"{self.name} cannot be played again", "save it to a file first")

    @abstractmethod
    def close(self) -> None:
        """Release the camera or file. The end of a `with` block does so."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
