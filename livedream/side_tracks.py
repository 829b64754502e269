"""What capture and sink agree on about sound and subtitles that cannot be opened by a path."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.container import InputContainer


class SideTracks(Protocol):
    """Sound and subtitles of a film on a web server, or in a pipe."""

    name: str
    """What may be shown of where they are."""
    reopens: bool
    """Whether they can be opened more than once: not those in a pipe."""

    def open(self) -> "InputContainer":
        """Return a container to read them from, which the caller closes.

        Its `demux` may yield None in place of a packet: none is there yet, ask again later. Raises SourceError.
        """
