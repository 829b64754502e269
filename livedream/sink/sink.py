"""The contract of every sink."""

from abc import abstractmethod
from types import TracebackType
from typing import Self

from livedream.documented import AbstractDocumented
from livedream.frame import Frame
from livedream.recipe import Recipe


class Sink(metaclass=AbstractDocumented):
    """Where frames go: `write` them in order of time, inside a `with` block. `open_sink` returns one.

        with open_sink("dream.mp4", source) as sink:
            sink.write(frame)

    Errors of the outside world are SinkErrors. One thread at a time calls a sink; a window, only the main thread.

    Attributes:
        name (str): what was opened.
        notice (str or None): what is wrong at the moment, such as a lost connection; None when all is well.
    """

    _machinery = (
        *("cut_short", "end", "given_up", "idle", "live", "notice", "on_main_thread", "recipe", "source_ended_early"),
    )
    """What `help` does not list: values that mean nothing in a class, and what is for other parts of livedream."""

    name: str
    """What was opened, for the first line of output."""
    live: bool = False
    """True when only the newest frame is of use (window); False when each frame counts (file)."""
    on_main_thread: bool = False
    """True when it works on the main thread alone: windows."""
    notice: str | None = None
    """What somebody ought to know about it just now ("no connection, try 3"); None when all is well."""
    given_up: bool = False
    """True when a thread hangs in it for good, as in a device that never answers: nobody may call it any more."""
    cut_short: bool = False
    """True when the run has ended by an error or because somebody stopped it, set before `close`."""
    recipe: Recipe | None = None
    """How its frames are made, set before the first one. Films and pictures carry it inside; for a series of pictures
    there is a TOML file besides. None: nothing is written of it."""

    source_ended_early: bool = False
    """Set before `end` when the source had fewer frames than its header says: what is written is not complete."""

    @property
    def finished(self) -> bool:
        """True once it takes no more frames and nothing is wrong: the window was closed. It ignores further frames."""
        return False

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take one frame. Raises SinkError when it is lost."""

    def idle(self) -> None:
        """Called some thirty times a second while no frame comes; a window answers its keys here."""

    def end(self) -> None:
        """The source has ended and no frame is missing: write what belongs after the last frame."""

    @abstractmethod
    def close(self) -> None:
        """Leave everything written so far in a valid state and let go of it. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_short = self.cut_short or error is not None
        if not self.given_up:
            self.close()


class ResumableSink(Sink):
    """A sink with whose half-written output another run can go on."""

    @abstractmethod
    def resumable(self) -> None:
        """Be such a sink, from before the first frame: without `end`, what is written keeps the name of its part."""

    @abstractmethod
    def write_key(self, frame: Frame) -> None:
        """Write a frame with which a group of pictures begins: it needs none before it, nor do they need it.

        What has left the encoder until then is brought to the disk.
        """
