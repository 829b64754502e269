"""Why a camera does not open, and what helps."""

import os
import stat
import sys
from pathlib import Path

from livedream.capture.live.devices import describe_cameras
from livedream.errors import SourceError


class BusyError(SourceError):
    """Another program uses the camera, as far as one can tell."""


def not_opened(name: str, target: int | str) -> SourceError:
    """Return the error for a camera that does not open, or opens and sends nothing.

    name: what to call it. target: its number or its device file.
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
        return SourceError(text, "it is no device")
    if not os.access(device, os.R_OK | os.W_OK):
        cure = f"sudo usermod -aG {_group(device)} $USER, then log in again"
        return SourceError(f"no right to use {name} ({device})", cure)
    if programs := users(device):
        return BusyError(f"{name} is in use by {', '.join(programs)}", "close that program, or choose another camera")
    return BusyError(f"{name} opens but sends no picture", "is another program using it?")


def users(device: Path | str) -> list[str]:
    """Return the programs that have `device` open, as far as this user may know: `zoom (pid 4711)`. Linux alone."""
    found = []
    for process in sorted(Path("/proc").glob("[0-9]*")):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]  # noqa: PTH115 (not to be resolved)
            name = (process / "comm").read_text().strip()
        except OSError:  # somebody else's, or it has just ended
            continue
        if str(device) in links and process.name != str(os.getpid()):
            found.append(f"{name} (pid {process.name})")
    return found


def _group(device: Path) -> str:
    try:
        return device.group()
    except KeyError:
        return "video"
