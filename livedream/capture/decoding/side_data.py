"""What FFmpeg attaches to decoded pictures."""

from typing import Any, cast

from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame


def _unknown(kinds: type[Type], value: object) -> Type:
    """Return a kind for a number that PyAV's list does not have."""
    kind = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNKNOWN_{value}", cast(Any, value)
    return kind


# PyAV 18 knows the kinds 0 to 27, FFmpeg 8 has more: EXIF, the views of a stereo film. One of them, and PyAV raises
# ValueError where any side data is asked for.
Type._missing_ = classmethod(_unknown)  # type: ignore[assignment]


def side_data(picture: VideoFrame, kind: Type) -> bytes | None:
    """Return the side data of that kind, None where the picture has none."""
    # Not picture.side_data: PyAV 18 keeps that container in the picture, and the picture in the container. Such a cycle
    # waits for the garbage collector, which let a film of 1280x720 hold 100 decoded pictures, 140 MB.
    data: Any = SideDataContainer(picture)  # type: ignore[call-arg]  # its stub lacks it
    found = data.get(kind)
    return None if found is None else bytes(found)
