"""Detects that the output would come back as the input: a dream of a dream, brighter each time."""

import os
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.hints import either
from livedream.urls import redact, same_place

VIRTUAL_CAMERAS = ("OBS Virtual Camera", "Unity Video Capture")
"""The names of the virtual cameras on Windows and macOS; there is one of each."""
LOOPBACKS = Path("/sys/devices/virtual/video4linux")
"""Where Linux lists the devices of v4l2loopback."""


def refuse_loop(source: Source, target: str) -> None:
    """Refuse a sink whose output would come back from `source`.

    Args:
        source: the input.
        target: the sink: `virtual-camera`, `virtual-camera:/dev/video10`, an address, a device, or any other name.

    Raises:
        ArgumentError: it would.
    """
    if source.place is None:
        return
    if target == "virtual-camera":
        loops = source.place in VIRTUAL_CAMERAS or _only_loopback(source.place)
    else:
        loops = same_place(source.place, target.removeprefix("virtual-camera:"))
    if loops:
        raise ArgumentError(
            f"{source.name} shows the output that is sent to {redact(target)}",
            f"choose another source, or another {either('--to', 'sink')}",
        )


def _only_loopback(device: str) -> bool:
    """Return whether `device` is the only loopback device that a virtual camera could use."""
    try:
        return os.listdir(LOOPBACKS) == [Path(device).name]  # noqa: PTH208 (only the names are compared)
    except OSError:  # there are none, or this is not Linux
        return False
