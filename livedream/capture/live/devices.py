"""Which cameras this machine has, and which one is meant."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from livedream.errors import ArgumentError, SourceError

# Listing and opening must go through the same interface of the system, or the numbers do not mean the same camera.
# On Windows DirectShow: it shows virtual cameras too, and opens at once where Media Foundation takes seconds to minutes
# (opencv/opencv#17687, #26495).
_INTERFACES = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
INTERFACE = _INTERFACES.get(sys.platform, cv2.CAP_ANY)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this machine."""

    index: int
    name: str
    path: str
    """Its device file; empty where the system has none."""


@dataclass(frozen=True, slots=True)
class Place:
    """The camera that is meant, to be found again under another number."""

    name: str
    """What to call it."""
    target: int | str
    """What OpenCV called it when it was found: its number or its device file."""
    camera: Camera | None = None
    """As it was listed then; None where it was not listed."""

    @property
    def device(self) -> str | None:
        """What names it for other programs too: its device file, else its name."""
        if self.camera is None:
            return os.path.realpath(self.target) if isinstance(self.target, str) else None
        return self.camera.path if self.camera.path.startswith("/dev/") else self.camera.name

    def again(self) -> int | str:
        """Return what OpenCV calls the camera now. Raises SourceError when it is not plugged in."""
        if self.camera is None:
            return os.path.realpath(self.target) if isinstance(self.target, str) else self.target
        twins = [camera for camera in list_cameras() if camera.name == self.camera.name]
        if not twins:
            raise SourceError(f"{self.name} is not there any more", describe_cameras())
        return next((camera for camera in twins if camera.path == self.camera.path), twins[0]).index


def list_cameras() -> list[Camera]:
    """Return the cameras of this machine, in the order of their index, without opening any."""
    from cv2_enumerate_cameras import enumerate_cameras, supported_backends

    if INTERFACE not in supported_backends:
        return []
    with quiet():
        found = {camera.index: camera for camera in enumerate_cameras(INTERFACE)}
    return [Camera(index, found[index].name, found[index].path or "") for index in sorted(found)]


def find_cameras(name: str) -> list[Camera]:
    """Return the cameras called `name`, or else those with `name` in their name; capitals do not matter."""
    cameras = list_cameras()
    whole = [camera for camera in cameras if camera.name.casefold() == name.casefold()]
    return whole or [camera for camera in cameras if name.casefold() in camera.name.casefold()]


def describe_cameras() -> str:
    """Return in words which cameras there are, for a hint."""
    cameras = list_cameras()
    if not cameras:
        return "this machine has no camera"
    return "cameras: " + ", ".join(f"{camera.index} ({camera.name})" for camera in cameras)


def locate(camera: int | str) -> Place:
    """Return the camera that is meant by its index, its device file or part of its name, without opening it.

    Raises SourceError when no camera is called so, ArgumentError when several are.
    """
    if isinstance(camera, str) and camera.startswith("/dev/"):
        return Place(camera, camera)
    if isinstance(camera, str) and not (camera.isascii() and camera.isdigit()):
        found = find_cameras(camera)
        if not found:
            raise SourceError(f"no camera is called {camera}", describe_cameras())
        if len(found) > 1:
            choices = ", ".join(f"{one.index} ({one.name})" for one in found)
            raise ArgumentError(f"{len(found)} cameras are called {camera}", f"choose by number: {choices}")
        return Place(found[0].name, found[0].index, found[0])
    index = int(camera)
    if not 0 <= index < 100:  # OpenCV takes hundreds as the number of an interface
        raise ArgumentError(f"no camera has the number {index}", describe_cameras())
    cameras = list_cameras()
    known = next((one for one in cameras if one.index == index), None)
    if known is not None:
        return Place(f"camera {index} ({known.name})", index, known)
    if sys.platform == "darwin" and cameras:  # trying a number that is none may crash (hacksider/Deep-Live-Cam#1671)
        raise SourceError(f"there is no camera {index}", describe_cameras())
    return Place(f"camera {index}", index)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV from writing to stderr what our errors say better."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
