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
    """Frames, one after the other: iterate over it, inside a `with` block. `open_source` returns one.

        with open_source("film.mp4") as source:
            print(source.size, source.rate)
            for frame in source:                # frame.pixels: RGB uint8 (height, width, 3)
                ...

    Iterating raises SourceError when the source fails; it ends when the source ends. A second iteration goes on where
    the first one stopped. Times strictly increase. `close()` may be called twice, and by another thread, after which
    the iteration ends soon.

    Attributes: what the source delivers, which is not always what was asked of it.
        name (str): what was opened, a file name or a camera's name.
        size (tuple[int, int]): (width, height) of its frames in pixels; of the first one where they differ.
        rate (Fraction or None): frames per second; the average where it varies, None where nobody knows.
        length (int or None): how many frames are expected in all, None where nobody knows.
        live (bool): True when frames that nobody takes in time are lost (a camera), False when they wait (a file).
        pixel_aspect (Fraction): width of a pixel over its height.
        notice (str or None): what is wrong at the moment, such as a lost camera; None when all is well.
    """

    _machinery = (
        *("coding", "ended_early", "files", "identity", "length", "live", "lost", "lost_sound", "notice", "path"),
        *("picture_track", "pixel_aspect", "place", "rate_is_assumed", "rewind", "rewinds", "skip", "sound", "start"),
        *("stills", "time_base", "until"),
    )
    """What `help` does not list: values that mean nothing in a class, and what is for other parts of livedream."""

    name: str
    """What was opened, for the first line of output: a file name, a camera's name."""
    size: tuple[int, int]
    """(width, height) of its frames in pixels; of the first one where they differ."""
    rate: Fraction | None
    """Frames per second, exact; the average where it varies, None where nobody knows."""
    rate_is_assumed: bool = False
    """True when neither the source nor anybody else says its rate."""
    live: bool
    """True when frames that nobody takes are lost (camera, stream), False when they wait (file)."""

    stills: bool = False
    """True when each frame is a picture of its own and no film: photographs."""
    length: int | None = None
    """How many frames are expected in all, None where nobody knows. A promise of the header, not a count."""
    time_base: Fraction = Fraction(1, 90000)
    """The unit of which every frame's time is a multiple, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    sound: Path | SideTracks | None = None
    """The file whose sound belongs to the frames, or what gives it where that is no file."""
    lost_sound: str = ""
    """What to say of sound that belongs to the frames and cannot be carried along; empty where there is none."""
    start: Fraction = Fraction(0)
    """What the clock of the `sound` file shows at time 0, in seconds: recordings of a broadcast begin anywhere."""
    until: Fraction | None = None
    """The time at which the sound ends too, when only a part of a film is wanted; None for all of it."""
    picture_track: int | None = None
    """The index of the track in the film whose pictures are the frames; None where there is no film."""
    path: Path | None = None
    """The file or folder that is read, None where there is none; a sink must not write there."""
    identity: str = ""
    """What tells its frames from those of another source, where there are no `files` to compare."""
    place: str | None = None
    """The device file, device or address that is read, None where there is none; a sink must not send there."""
    coding: str = ""
    """How the pictures of a camera or stream come, MJPG or h264; empty where nobody knows, or it does not matter."""
    lost: int = 0
    """How many of its pictures could not be read, which was logged; the others were."""
    notice: str | None = None
    """What is wrong with the source at the moment, for people: "camera C922 lost, reconnecting (try 3)"; None when all
    is well. It may change at any time, and may be asked for by any thread."""

    ended_early: str | None = None
    """Once the iteration has ended: how much there was of how much, `0.2 of 1.0 s`, where the header of a film promises
    more frames than came, because the file was cut off or is damaged. None when it was all."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that are read, in order; none for a camera."""
        return (self.path,) if self.path else ()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def skip(self, count: int) -> None:
        """Pass over the next `count` frames; those that follow are as they would be if these had been taken."""
        for _ in itertools.islice(self, count):
            pass

    rewinds: bool = False
    """Whether it can begin again with its first frame, as a file can."""

    def rewind(self) -> None:
        """Begin again: the next frame is the first one. What is wrong with it, and was logged, is not logged again.

        By the thread that iterates. Raises ArgumentError where `rewinds` is False.
        """
        raise ArgumentError(f"{self.name} cannot be played again", "save it to a file first")

    @abstractmethod
    def close(self) -> None:
        """Let go of the camera or file. A `with` block does so at its end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
