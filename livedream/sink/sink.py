"""The contract of all sinks."""

from abc import abstractmethod
from types import TracebackType
from typing import Self

from livedream.documented import AbstractDocumented
from livedream.frame import Frame
from livedream.recipe import Recipe


class Sink(metaclass=AbstractDocumented):
    """Where frames go. `write` them in order of time, inside a `with` block. `open_sink` returns a sink.

        with open_sink("dream.mp4", source) as sink:
            sink.write(frame)

    Errors of the outside world are SinkErrors. Only one thread at a time may call a sink; a window belongs to the main
    thread.

    Attributes:
        name (str): What was opened.
        notice (str or None): What is wrong at the moment, such as a lost connection; None when all is well.
    """

    _machinery = (
        *("cut_short", "end", "given_up", "idle", "live", "notice", "on_main_thread", "recipe", "source_ended_early"),
    )
    """What `help` does not list: defaults of attributes, and what only other parts of livedream use."""

    name: str
    """What was opened, for the first line of output."""
    live: bool = False
    """True when only the newest frame matters (window); False when every frame counts (file)."""
    on_main_thread: bool = False
    """True when it works only on the main thread (windows)."""
    notice: str | None = None
    """What is wrong at the moment ("no connection, try 3"); None when all is well."""
    given_up: bool = False
    """True when a thread hangs in it, as in a device that never answers. It must not be called any more."""
    cut_short: bool = False
    """True when the run ended with an error or was stopped. Set before `close`."""
    recipe: Recipe | None = None
    """How its frames are made. Set before the first one. Videos and images carry it inside; a series of images has a
    TOML file beside it. With None no recipe is written."""

    source_ended_early: bool = False
    """Set before `end` when the source had fewer frames than its header says, so that the output is incomplete."""

    @property
    def finished(self) -> bool:
        """True once it takes no more frames although nothing is wrong, as after a window was closed. Further frames are
        ignored."""
        return False

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Write one frame. Raises SinkError when it is lost."""

    def idle(self) -> None:
        """Called about thirty times per second while no frame comes. A window handles its keys here."""

    def end(self) -> None:
        """Write what belongs after the last frame. Called when the source has ended and no frame is missing."""

    @abstractmethod
    def close(self) -> None:
        """Leave everything written so far in a valid state and release it. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_short = self.cut_short or error is not None
        if not self.given_up:
            self.close()


class ResumableSink(Sink):
    """A sink whose half-written output another run can resume."""

    @abstractmethod
    def resumable(self) -> None:
        """Make the output resumable, before the first frame: without `end`, it keeps the name of its part."""

    @abstractmethod
    def write_key(self, frame: Frame) -> None:
        """Write a frame as a key frame: no frame refers across it, in either direction.

        Everything that has left the encoder until then is flushed to the disk.
        """
