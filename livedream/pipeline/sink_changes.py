"""Sinks that join or leave a run while it is running."""

from queue import Empty, SimpleQueue
from typing import NamedTuple

from livedream.documented import Documented
from livedream.sink.sink import Sink


class Change(NamedTuple):
    """A sink that joins or leaves."""

    sink: Sink
    joins: bool


class Changes(metaclass=Documented):
    """Adds sinks to a run and removes them, from any thread: for a recording that is switched on and off.

        changes = Changes()
        changes.add_sink(open_sink("dream.mp4"))    # while livedream.run(..., changes=changes) is running

    Each method returns at once; the run follows within a tenth of a second. One object serves one run.
    """

    _machinery = ("take",)

    def __init__(self) -> None:
        self._requested: SimpleQueue[Change] = SimpleQueue()

    def add_sink(self, sink: Sink) -> None:
        """Write the frames that are dreamt from now on into `sink`. The run closes it, at its end at the latest.

        An error of this sink does not end the run; it is in the reports.

        Args:
            sink: an open sink.

        Raises:
            ValueError: the sink works only on the main thread, as a window does.
        """
        if sink.on_main_thread:
            raise ValueError(f"{sink.name} cannot join a run: it needs the main thread from the beginning")
        self._requested.put(Change(sink, joins=True))

    def remove_sink(self, sink: Sink) -> None:
        """End and close `sink` once it has the frames that are dreamt already.

        The run ends with its last sink. A sink that has already left is ignored.

        Args:
            sink: a sink of the run.
        """
        self._requested.put(Change(sink, joins=False))

    def take(self) -> list[Change]:
        """Return the changes since the last call. For the run."""
        changes = []
        while True:
            try:
                changes.append(self._requested.get_nowait())
            except Empty:
                return changes
