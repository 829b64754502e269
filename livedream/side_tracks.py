"""The contract between capture and sink for sound and subtitles that have no path."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.container import InputContainer


class SideTracks(Protocol):
    """Sound and subtitles of a video on a web server or in a pipe."""

    name: str
    """Where they come from, redacted."""
    reopens: bool
    """Whether they can be opened more than once; a pipe cannot."""

    def open(self) -> "InputContainer":
        """Return a container to read them from; the caller closes it.

        Its `demux` may yield None in place of a packet if there is none yet. Raises SourceError.
        """
