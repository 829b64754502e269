"""What FFmpeg attaches to decoded pictures."""

from typing import Any

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame


def side_data(picture: VideoFrame, kind: Type) -> bytes | None:
    """Return the side data of that kind, None where the picture has none."""
    data: Any = picture.side_data  # PyAV's types take it for a mapping of str
    found = data.get(kind)
    return None if found is None else bytes(found)
