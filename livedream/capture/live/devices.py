"""Lists the cameras of this machine and finds one by name or number."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from livedream.errors import ArgumentError, SourceError

# Listing and opening must use the same system interface, or the numbers do not mean the same camera. On Windows that is
# DirectShow: it lists virtual cameras too, and opens at once where Media Foundation takes seconds to minutes
# (opencv/opencv#17687, #26495).
_INTERFACES = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
INTERFACE = _INTERFACES.get(sys.platform, cv2.CAP_ANY)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this machine."""

    index: int
    name: str
    path: str
    """Its device file; empty if the system has none."""


@dataclass(frozen=True, slots=True)
class Place:
    """A camera that can be found again under another number."""

    name: str
    """Its name, for people."""
    target: int | str
    """Its index or device file for OpenCV when it was found."""
    camera: Camera | None = None
    """Its entry in the list then; None if it was not listed."""

    @property
    def device(self) -> str | None:
        """Its device file, else its name: identifies it for other programs too."""
        if self.camera is None:
            return os.path.realpath(self.target) if isinstance(self.target, str) else None
        return self.camera.path if self.camera.path.startswith("/dev/") else self.camera.name

    def again(self) -> int | str:
        """Return the current index or device file for OpenCV. Raises SourceError if it is not plugged in."""
        if self.camera is None:
            return os.path.realpath(self.target) if isinstance(self.target, str) else self.target
        twins = [camera for camera in list_cameras() if camera.name == self.camera.name]
        if not twins:
            raise SourceError(f"{self.name} is no longer connected", describe_cameras())
        return next((camera for camera in twins if camera.path == self.camera.path), twins[0]).index


def list_cameras() -> list[Camera]:
    """Return the cameras of this machine by index, without opening them."""
    from cv2_enumerate_cameras import enumerate_cameras, supported_backends

    if INTERFACE not in supported_backends:
        return []
    with quiet():
        by_index = {camera.index: camera for camera in enumerate_cameras(INTERFACE)}
    return [Camera(index, by_index[index].name, by_index[index].path or "") for index in sorted(by_index)]


def find_cameras(name: str) -> list[Camera]:
    """Return the cameras called `name`, else those with `name` in their name, ignoring case."""
    cameras = list_cameras()
    whole = [camera for camera in cameras if camera.name.casefold() == name.casefold()]
    return whole or [camera for camera in cameras if name.casefold() in camera.name.casefold()]


def describe_cameras() -> str:
    """List the cameras in words, for a hint."""
    cameras = list_cameras()
    if not cameras:
        return "this machine has no camera"
    return "cameras: " + ", ".join(f"{camera.index} ({camera.name})" for camera in cameras)


def locate(camera: int | str) -> Place:
    """Return the camera with this index, device file or part of a name, without opening it.

    Raises:
        SourceError: there is no such camera.
        ArgumentError: there are several.
    """
    if isinstance(camera, str) and camera.startswith("/dev/"):
        return Place(camera, camera)
    if isinstance(camera, str) and not (camera.isascii() and camera.isdigit()):
        matches = find_cameras(camera)
        if not matches:
            raise SourceError(f"no camera is called {camera}", describe_cameras())
        if len(matches) > 1:
            choices = ", ".join(f"{one.index} ({one.name})" for one in matches)
            raise ArgumentError(f"{len(matches)} cameras are called {camera}", f"choose by number: {choices}")
        return Place(matches[0].name, matches[0].index, matches[0])
    index = int(camera)
    if not 0 <= index < 100:  # OpenCV takes the hundreds as the number of an interface
        raise ArgumentError(f"no camera has the number {index}", describe_cameras())
    cameras = list_cameras()
    known = next((one for one in cameras if one.index == index), None)
    if known is not None:
        return Place(f"camera {index} ({known.name})", index, known)
    if sys.platform == "darwin" and cameras:  # trying a wrong number may crash (hacksider/Deep-Live-Cam#1671)
        raise SourceError(f"there is no camera {index}", describe_cameras())
    return Place(f"camera {index}", index)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV from writing to stderr; our errors are clearer."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
