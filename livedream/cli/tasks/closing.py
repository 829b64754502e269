"""Closes the sources and sinks of a run, whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from livedream.capture.source import Source
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.signals import Stop, Stopped
from livedream.sink.sink import Sink

Opened = TypeVar("Opened", bound=Source | Sink)


class Opener(Protocol):
    """Registers a source or sink to be closed at the end, and returns it."""

    def __call__(self, thing: Opened, /) -> Opened: ...


@contextmanager
def closing(stop: Stop) -> Iterator[Opener]:
    """Close what is opened in the block in reverse order, whatever happens; signals wait for that.

    Of several errors the first is raised, because it is the cause. Only a signal gives way to an error.
    """
    things: list[Source | Sink] = []

    def opened(thing: Opened, /) -> Opened:
        things.append(thing)
        return thing

    first: BaseException | None = None
    try:
        yield opened
    except BaseException as error:  # noqa: BLE001  raised below
        first = error
    stop.hold()
    for thing in reversed(things):
        if isinstance(thing, Sink):
            thing.cut_short = first is not None
            if thing.given_up:
                continue
        try:
            with Activity(f"finishing {thing.name}", delay=QUICK_SECONDS):
                thing.close()
        except Exception as error:  # noqa: BLE001  raised below, after closing the rest
            first = error if first is None or isinstance(first, Stopped) else first
    if first is not None:
        raise first
    stop.check()
