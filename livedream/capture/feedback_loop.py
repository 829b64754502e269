"""Whether what livedream sends would come back to it as its own input: a dream of a dream, brighter each time."""

import os
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.urls import same_place, shown

VIRTUAL_CAMERAS = ("OBS Virtual Camera", "Unity Video Capture")
"""What the virtual cameras of Windows and macOS are called; there is one of each."""
LOOPBACKS = Path("/sys/devices/virtual/video4linux")
"""Where Linux lists the devices of v4l2loopback."""


def refuse_loop(source: Source, target: str) -> None:
    """Raise ArgumentError when what is sent to `target` would come out of `source`.

    target: `virtual-camera`, `virtual-camera:/dev/video10`, an address, a device, or whatever a sink is called.
    """
    if source.place is None:
        return
    if target == "virtual-camera":
        loops = source.place in VIRTUAL_CAMERAS or _only_loopback(source.place)
    else:
        loops = same_place(source.place, target.removeprefix("virtual-camera:"))
    if loops:
        raise ArgumentError(
            f"{source.name} shows what goes to {shown(target)}", "choose another source, or another --to"
        )


def _only_loopback(device: str) -> bool:
    """Return whether `device` is the one loopback device that a virtual camera could use."""
    try:
        return os.listdir(LOOPBACKS) == [Path(device).name]  # noqa: PTH208 (names, to be compared)
    except OSError:  # there is none, or this is no Linux
        return False
