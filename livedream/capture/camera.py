"""Frames from a camera: one of this machine, or one on the network."""

import contextlib
import math
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame

# Listing and opening must go through the same interface of the system, or the numbers do not mean the same camera.
# On Windows DirectShow: it shows virtual cameras too, and opens at once where Media Foundation takes seconds to minutes
# (opencv/opencv#17687, #26495).
_INTERFACES = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
_INTERFACE = _INTERFACES.get(sys.platform, cv2.CAP_ANY)

SIZE = (1280, 720)
RATE = 30
TIMEOUT_MS = 5000
"""How long a network camera may take to answer, and to send a frame."""
WARM_UP = 30
"""How many reads may fail before the first frame."""
CLOCK_RATE = 90000
"""Ticks a second of a camera's times."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this machine."""

    index: int
    name: str
    path: str
    """Its device file; empty where the system has none."""


def list_cameras() -> list[Camera]:
    """Return the cameras of this machine, in the order of their index, without opening any."""
    from cv2_enumerate_cameras import enumerate_cameras, supported_backends

    if _INTERFACE not in supported_backends:
        return []
    with _quiet():
        found = {camera.index: camera for camera in enumerate_cameras(_INTERFACE)}
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


class CameraSource(Source):
    """Frames of a camera as they come, each with the time at which it was read.

    camera: its index, its device file, part of its name, or the address of a network camera.
    size, rate: what to ask for, (width, height) in pixels and frames per second; a network camera is asked for nothing.
    clock: nanoseconds that never go back.

    `size` is that of a frame which was read, `rate` what the driver says of itself, which may be too good to be true.
    The times are those of the clock since opening, in 1/90000 s. Raises SourceError when there is no such camera, it
    does not open, or sends nothing; ArgumentError when a name fits several.
    """

    live = True

    def __init__(
        self,
        camera: int | str,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | int | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name, target, interface = _locate(camera)
        self._clock = clock
        self._closed = False
        self._lock = threading.Lock()
        """Held while OpenCV reads: releasing a capture in the middle of that would crash."""
        with _quiet():
            if interface == cv2.CAP_FFMPEG:
                limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
                self._capture = cv2.VideoCapture(str(target), interface, limits)
            else:
                self._capture = cv2.VideoCapture(target, interface)
                _ask(self._capture, size or SIZE, rate or RATE)
            try:
                first = self._first_frame(target, interface)
            except SourceError:
                self._capture.release()
                raise
        # The first frame only tells the size. Who iterates later wants what the camera sees then.
        self.size = first.shape[1], first.shape[0]
        self.rate = _believable(self._capture.get(cv2.CAP_PROP_FPS))
        self.time_base = Fraction(1, CLOCK_RATE)
        self._opened = self._clock()
        self._ticks = -1
        self._index = 0

    def _first_frame(self, target: int | str, interface: int) -> np.ndarray:
        if not self._capture.isOpened():
            raise SourceError(f"{self.name} cannot be opened", _why_not(target, interface))
        for _ in range(WARM_UP):  # many cameras send nothing usable at first
            got, pixels = self._capture.read()
            if got:
                return pixels
        raise SourceError(f"{self.name} opens but sends no picture", "is another program using it?")

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                if self._closed:
                    break
                got, pixels = self._capture.read()
                now = self._clock() - self._opened
            if self._closed:
                break
            if not got:
                raise SourceError(f"{self.name} stopped sending pictures", "check its cable and its connection")
            self._ticks = max(now * CLOCK_RATE // 10**9, self._ticks + 1)
            if (pixels.shape[1], pixels.shape[0]) != self.size:
                pixels = cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA)
            frame = Frame(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), Fraction(self._ticks, CLOCK_RATE), self._index)
            self._index += 1
            yield frame
        self.close()  # for a close() that came while OpenCV was reading

    def close(self) -> None:
        self._closed = True
        # A camera that was unplugged can hold a read for ever (opencv/opencv#4468); whoever reads releases it then.
        if self._lock.acquire(timeout=1):
            try:
                self._capture.release()
            finally:
                self._lock.release()


def _locate(camera: int | str) -> tuple[str, int | str, int]:
    """Return the name of a camera for people, what OpenCV calls it, and the interface to open it with."""
    if isinstance(camera, str) and "://" in camera:
        return _without_password(camera), camera, cv2.CAP_FFMPEG
    if isinstance(camera, str) and camera.startswith("/dev/"):
        return camera, os.path.realpath(camera), _INTERFACE
    if isinstance(camera, str) and not (camera.isascii() and camera.isdigit()):
        found = find_cameras(camera)
        if not found:
            raise SourceError(f"no camera is called {camera}", describe_cameras())
        if len(found) > 1:
            choices = ", ".join(f"{one.index} ({one.name})" for one in found)
            raise ArgumentError(f"{len(found)} cameras are called {camera}", f"choose by number: {choices}")
        return found[0].name, found[0].index, _INTERFACE
    index = int(camera)
    if not 0 <= index < 100:  # OpenCV takes hundreds as the number of an interface
        raise ArgumentError(f"no camera has the number {index}", describe_cameras())
    names = [one.name for one in list_cameras() if one.index == index]
    return (f"camera {index} ({names[0]})" if names else f"camera {index}"), index, _INTERFACE


def _without_password(address: str) -> str:
    """Return the address as it may be shown: without user and password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _ask(capture: cv2.VideoCapture, size: tuple[int, int], rate: Fraction | int) -> None:
    # MJPG first: raw 1080p gets five frames a second through USB 2 (opencv/opencv#9084).
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    capture.set(cv2.CAP_PROP_FPS, float(rate))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # V4L2 keeps four old frames otherwise (opencv/opencv#11047)


def _believable(rate: float) -> Fraction | None:
    """Return the rate that a driver reports as a fraction, 29.97 as 30000/1001; None for 0, -1, nan and nonsense."""
    if not math.isfinite(rate) or not 0.1 <= rate < 1000:
        return None
    for exact in (Fraction(round(rate)), Fraction(round(rate) * 1000, 1001)):
        if abs(exact - Fraction(rate)) < Fraction(1, 200):
            return exact
    return Fraction(rate).limit_denominator(1000)


def _why_not(target: int | str, interface: int) -> str:
    """Return a hint why a camera does not open."""
    if interface == cv2.CAP_FFMPEG:
        return f"check the address, and that it answers within {TIMEOUT_MS // 1000} s"
    if sys.platform == "darwin":
        return f"{describe_cameras()}; allow the camera in System Settings > Privacy & Security > Camera"
    device = Path(target if isinstance(target, str) else f"/dev/video{target}")
    if sys.platform == "linux" and device.exists():
        if not stat.S_ISCHR(device.stat().st_mode):
            return "it is no device"
        if not os.access(device, os.R_OK | os.W_OK):
            return f"no right to use {device}; put yourself into the group `video` and log in again"
        return "is another program using it?"
    return describe_cameras()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from writing to stderr what our errors say better."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; the FFmpeg in OpenCV looks once
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
