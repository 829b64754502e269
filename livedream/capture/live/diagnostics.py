"""Explains why a camera cannot be opened."""

import os
import stat
import sys
from pathlib import Path

from livedream.capture.live.devices import describe_cameras
from livedream.errors import SourceError


class BusyError(SourceError):
    """Another program probably uses the camera."""


def not_opened(name: str, target: int | str) -> SourceError:
    """Return the error for a camera that cannot be opened or sends nothing.

    Args:
        name: of the camera, for people.
        target: its index or its device file.
    """
    text = f"{name} cannot be opened"
    if sys.platform == "darwin":
        allow = "allow the camera in System Settings > Privacy & Security > Camera"
        return SourceError(text, f"{describe_cameras()}; {allow}")
    if sys.platform == "win32":
        allow = "allow it in Settings > Privacy & security > Camera, and close other programs that use it"
        return SourceError(text, f"{describe_cameras()}; {allow}")
    device = Path(target if isinstance(target, str) else f"/dev/video{target}")
    if not device.exists():
        return SourceError(text, describe_cameras())
    if not stat.S_ISCHR(device.stat().st_mode):
        return SourceError(text, "it is not a device")
    if not os.access(device, os.R_OK | os.W_OK):
        hint = f"sudo usermod -aG {_group(device)} $USER, then log in again"
        return SourceError(f"no permission to use {name} ({device})", hint)
    if programs := users(device):
        return BusyError(f"{name} is in use by {', '.join(programs)}", "close that program, or choose another camera")
    return BusyError(f"{name} opens but delivers no frames", "is another program using it?")


def users(device: Path | str) -> list[str]:
    """Return the programs that have `device` open and that this user may see: `zoom (pid 4711)`. Linux only."""
    programs = []
    for process in sorted(Path("/proc").glob("[0-9]*")):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]  # noqa: PTH115 (resolving would follow the link)
            name = (process / "comm").read_text().strip()
        except OSError:  # another user's process, or it has just ended
            continue
        if str(device) in links and process.name != str(os.getpid()):
            programs.append(f"{name} (pid {process.name})")
    return programs


def _group(device: Path) -> str:
    try:
        return device.group()
    except KeyError:
        return "video"
