"""What the library knows about a file."""

from typing import Literal

from pydantic import BaseModel

FileKind = Literal["snapshot", "recording", "upload", "dream"]
"""Where a file comes from."""


class Facts(BaseModel):
    """What a file contains."""

    type: str
    """The media type: `image/png`."""
    width: int | None = None
    """In pixels; None if unknown."""
    height: int | None = None
    """In pixels; None if unknown."""
    seconds: float | None = None
    """The length of a film; None for a picture, and if unknown."""
    film: bool
    """Whether it has several frames, as an animated GIF has."""


class FileEntry(BaseModel):
    """A file of the library."""

    id: str
    name: str
    """For people; unlike the id, it may occur twice."""
    kind: FileKind
    type: str
    """The media type: `video/mp4`."""
    bytes: int
    made: float
    """When it was written, in seconds since 1970."""
    width: int | None
    """In pixels; null if unknown."""
    height: int | None
    """In pixels; null if unknown."""
    seconds: float | None
    """The length of a film; null for a picture, and if unknown."""
