"""What is changed about a run while it is on: sinks that come and go."""

from queue import Empty, SimpleQueue
from typing import NamedTuple

from livedream.sink.sink import Sink


class Change(NamedTuple):
    """One sink that comes, or one that goes."""

    sink: Sink
    comes: bool


class Changes:
    """Given to one run, it lets any thread add sinks to it and take them away: a recording that is switched on and off.

    Asking returns at once; the run does it within a tenth of a second.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Change] = SimpleQueue()

    def add_sink(self, sink: Sink) -> None:
        """Let the run write what is dreamt from now on into `sink`, an open one. The run closes it, at its end at last.

        What it then fails at does not end the run, and stands in the run's reports. Raises ValueError for a sink that
        works on the main thread alone.
        """
        if sink.on_main_thread:
            raise ValueError(f"{sink.name} cannot join a run: it needs the main thread from the beginning")
        self._asked.put(Change(sink, comes=True))

    def remove_sink(self, sink: Sink) -> None:
        """Let the run end and close `sink`, once it has what was dreamt until now. No error if it has left already.

        The last sink that leaves ends the run.
        """
        self._asked.put(Change(sink, comes=False))

    def take(self) -> list[Change]:
        """Return what was asked for since the last time. For the run."""
        taken = []
        while True:
            try:
                taken.append(self._asked.get_nowait())
            except Empty:
                return taken
