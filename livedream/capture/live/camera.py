"""Frames from a camera of this machine."""

import logging
import math
import time
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from livedream.capture.live.devices import INTERFACE, locate, quiet
from livedream.capture.live.diagnostics import BusyError, not_opened
from livedream.capture.live.freeze_detector import FreezeDetector
from livedream.capture.live.live_source import LiveSource
from livedream.capture.live.reader import Connection
from livedream.errors import SourceError

log = logging.getLogger(__name__)

SIZE = (1280, 720)
RATE = 30
BAD_READS = 30
"""The number of consecutive failed reads after which a camera counts as lost."""
FAILED_SECONDS = 0.01
"""The pause after a failed read."""
WARM_UP_SECONDS = 0.5
"""The time over which the rate is measured before the first frame; the exposure settles meanwhile."""
FLAT_SECONDS = 1.5
"""The maximum wait for an image that is not flat: many cameras begin with black or green images."""
FLAT = 12
"""The maximum range of values in each channel of a flat image, out of 255."""
BUSY_PAUSES = (0.5, 1.0)
"""Seconds before a busy camera is tried again: a program that has just closed it needs a moment to release it."""
TRUSTED = 0.8
"""If a camera delivers less than this fraction of its stated rate, the stated rate is not trusted."""


class CameraSource(LiveSource):
    """Frames of a camera as they arrive.

    `size` and `coding` are those of an image that was read. `rate` is the driver's, unless fewer frames come: then it
    is the measured one. A lost camera is searched by its name and device, since it may get another number when it is
    plugged in again. A camera that repeats one image endlessly is reopened, once for each such image.

    Args:
        camera: its index, its device file, or a part of its name.
        size: to request, (width, height) in pixels.
        rate: to request, in frames per second.
        clock: a monotonic clock, in nanoseconds.

    Raises:
        SourceError: there is no such camera, it cannot be opened, or it sends nothing.
        ArgumentError: the name fits several cameras.
    """

    def __init__(
        self,
        camera: int | str,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | int | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._camera = locate(camera)
        self._requested = size or SIZE, rate or RATE
        self._frozen = FreezeDetector(clock)
        super().__init__(self._camera.name, clock=clock)
        self.place = self._camera.device

    def _connect(self) -> Connection:
        with quiet():
            return _Device(self.name, self._camera.again(), *self._requested, self._frozen)

    def _open(self) -> Connection:
        for seconds in BUSY_PAUSES:
            try:
                return super()._open()
            except BusyError as error:
                log.warning("%s; trying again", error)
                time.sleep(seconds)
        return super()._open()


class _Device(Connection):
    """A camera opened by OpenCV.

    Args:
        name: of the camera, for people.
        target: its index or device file, for OpenCV.
        size: to request, (width, height).
        rate: to request.
        frozen: examines every image.
    """

    def __init__(
        self, name: str, target: int | str, size: tuple[int, int], rate: Fraction | int, frozen: FreezeDetector
    ) -> None:
        self._name, self._target, self._frozen = name, target, frozen
        self._capture = cv2.VideoCapture(target, INTERFACE)
        try:
            if not self._capture.isOpened():
                raise not_opened(name, target)
            self._request(size, rate)
            first, measured = self._warm_up()
        except BaseException:
            self._capture.release()
            raise
        self.size = first.shape[1], first.shape[0]
        self.coding = _codec_name(self._capture.get(cv2.CAP_PROP_FOURCC))
        self.promised = _plausible_rate(self._capture.get(cv2.CAP_PROP_FPS))
        believed = measured is None or (self.promised is not None and measured >= TRUSTED * self.promised)
        self.rate = self.promised if believed else _plausible_rate(round(measured or 0, 1))
        if self.coding in ("", "MJPG"):
            self.slow_hint = "in the dark a camera exposes longer; add light, or switch off automatic exposure"
        else:
            self.slow_hint = f"its connection may be too slow for raw frames ({self.coding}); request a smaller size"

    def read(self) -> np.ndarray:
        pixels = self._next_image()
        if self._frozen.look(pixels):
            raise SourceError(f"{self._name} shows the same picture all the time", "check its cable")
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        self._capture.release()

    def _request(self, size: tuple[int, int], rate: Fraction | int) -> None:
        # MJPG first: raw 1080p gets five frames a second through USB 2 (opencv/opencv#9084).
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        self._capture.set(cv2.CAP_PROP_FPS, float(rate))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # V4L2 keeps four old frames otherwise (opencv/opencv#11047)

    def _warm_up(self) -> tuple[np.ndarray, float | None]:
        """Return the first image that is not flat, and the measured rate, None after a single image."""
        try:
            pixels = self._next_image()
        except SourceError as error:
            raise not_opened(self._name, self._target) from error
        began = last = time.monotonic()
        count = 0
        while last - began < WARM_UP_SECONDS or (last - began < FLAT_SECONDS and _is_flat(pixels)):
            pixels = self._next_image()
            last = time.monotonic()
            count += 1
        return pixels, count / (last - began) if count else None

    def _next_image(self) -> np.ndarray:
        """Return the next image as BGR, as OpenCV has it. Raises SourceError if none comes."""
        for _ in range(BAD_READS):
            is_read, pixels = self._capture.read()
            if is_read:
                return pixels
            time.sleep(FAILED_SECONDS)
        raise SourceError(f"{self._name} stopped sending frames", "check its cable and its connection")


def _is_flat(pixels: np.ndarray) -> bool:
    """Return whether an image is one flat colour, as before the first image of the sensor."""
    sample = pixels[::8, ::8]
    return bool((sample.max((0, 1)).astype(int) - sample.min((0, 1)) <= FLAT).all())


def _codec_name(fourcc: float) -> str:
    """Return the name of a codec, such as MJPG, from its FOURCC; empty if the driver does not state it."""
    if not 0 < fourcc < 2**32:
        return ""
    text = int(fourcc).to_bytes(4, "little").decode("latin-1").strip("\0 ")
    return text if text.isascii() and text.isprintable() else ""


def _plausible_rate(rate: float) -> Fraction | None:
    """Return a stated or measured rate as a fraction, 29.97 as 30000/1001; None for 0, -1, nan and the like."""
    if not math.isfinite(rate) or not 0.1 <= rate < 1000:
        return None
    for exact in (Fraction(round(rate)), Fraction(round(rate) * 1000, 1001)):
        if abs(exact - Fraction(rate)) < Fraction(1, 200):
            return exact
    return Fraction(rate).limit_denominator(1000)
