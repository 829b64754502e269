"""Frames from a video file."""

from fractions import Fraction
from os import PathLike
from pathlib import Path

from av.container import InputContainer

from livedream.capture.container_source import ContainerSource
from livedream.capture.decoding.container import open_video


class VideoSource(ContainerSource):
    """The frames of the video file at `path`. start, end: see `ContainerSource`."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        start: Fraction | int | None = None,
        end: Fraction | int | None = None,
    ) -> None:
        self.path: Path = Path(path)
        super().__init__(str(self.path), start=start, end=end)

    def _open_container(self) -> InputContainer:
        self._size_in_bytes = _file_size(self.path)
        return open_video(self.path)

    def _shortfall(self) -> str | None:
        was_cut = (_file_size(self.path) or self._size_in_bytes) < self._size_in_bytes  # while it was read
        return self._decoder.ending.shortfall(cut=was_cut)


def _file_size(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it is unknown."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
