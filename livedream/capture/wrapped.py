"""A source that forwards to another one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livedream.capture.source import Source


class WrappedSource(Source):
    """Has the attributes of `source`, and closes it. A subclass yields the frames."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files

    def close(self) -> None:
        self._source.close()


def _of_source(name: str) -> Any:
    return property(lambda wrapped: getattr(wrapped._source, name))


# The attributes of a live source change while it runs, so each access is forwarded.
for _name in Source.__annotations__:
    setattr(WrappedSource, _name, _of_source(_name))
