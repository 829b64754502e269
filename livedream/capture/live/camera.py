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
"""How many reads may fail in a row before a camera counts as lost."""
FAILED_SECONDS = 0.01
"""How long to wait after a read that failed."""
WARM_UP_SECONDS = 0.5
"""Over how long the rate is measured before the first frame; the exposure settles meanwhile."""
FLAT_SECONDS = 1.5
"""How long to wait at most for a picture that shows something: many cameras begin with black or green ones."""
FLAT = 12
"""Levels of 255 between the darkest and the brightest value, in each channel, of a picture that shows nothing."""
BUSY_PAUSES = (0.5, 1.0)
"""Seconds before a camera that is in use is tried again: whoever has just closed it needs a moment to let go."""
TRUSTED = 0.8
"""A camera that gives less than this part of the rate of which it speaks is not believed."""


class CameraSource(LiveSource):
    """Frames of a camera as they come.

    camera: its index, its device file, or part of its name.
    size, rate: what to ask for, (width, height) in pixels and frames per second.

    `size` and `coding` are those of a picture that was read. `rate` is the driver's word, unless fewer come: then it is
    what was measured. A camera that is lost is looked for by its name and device: plugged in again it may get another
    number. One that repeats a picture for ever is opened again, once for each such picture.

    Raises SourceError when there is no such camera, it does not open, or sends nothing; ArgumentError when a name fits
    several.
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
        self._wanted = size or SIZE, rate or RATE
        self._frozen = FreezeDetector(clock)
        super().__init__(self._camera.name, clock=clock)
        self.place = self._camera.device

    def _connect(self) -> Connection:
        with quiet():
            return _Device(self.name, self._camera.again(), *self._wanted, self._frozen)

    def _open(self) -> Connection:
        for seconds in BUSY_PAUSES:
            try:
                return super()._open()
            except BusyError as error:
                log.warning("%s; trying again", error)
                time.sleep(seconds)
        return super()._open()


class _Device(Connection):
    """A camera, opened by OpenCV.

    name: what to call it. target: what OpenCV calls it. size, rate: what to ask for. frozen: looks at every picture.
    """

    def __init__(
        self, name: str, target: int | str, size: tuple[int, int], rate: Fraction | int, frozen: FreezeDetector
    ) -> None:
        self._name, self._target, self._frozen = name, target, frozen
        self._capture = cv2.VideoCapture(target, INTERFACE)
        try:
            if not self._capture.isOpened():
                raise not_opened(name, target)
            self._ask(size, rate)
            first, measured = self._warm_up()
        except BaseException:
            self._capture.release()
            raise
        self.size = first.shape[1], first.shape[0]
        self.coding = _letters(self._capture.get(cv2.CAP_PROP_FOURCC))
        self.promised = _believable(self._capture.get(cv2.CAP_PROP_FPS))
        believed = measured is None or (self.promised is not None and measured >= TRUSTED * self.promised)
        self.rate = self.promised if believed else _believable(round(measured or 0, 1))
        if self.coding in ("", "MJPG"):
            self.slow_hint = "in the dark a camera exposes longer; give it light, or switch off automatic exposure"
        else:
            self.slow_hint = f"its cable may be too slow for raw pictures ({self.coding}); ask for a smaller size"

    def read(self) -> np.ndarray:
        pixels = self._picture()
        if self._frozen.look(pixels):
            raise SourceError(f"{self._name} shows the same picture all the time", "check its cable")
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        self._capture.release()

    def _ask(self, size: tuple[int, int], rate: Fraction | int) -> None:
        # MJPG first: raw 1080p gets five frames a second through USB 2 (opencv/opencv#9084).
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        self._capture.set(cv2.CAP_PROP_FPS, float(rate))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # V4L2 keeps four old frames otherwise (opencv/opencv#11047)

    def _warm_up(self) -> tuple[np.ndarray, float | None]:
        """Return a first picture that shows something, and how many came per second, None after a single one."""
        try:
            pixels = self._picture()
        except SourceError as error:
            raise not_opened(self._name, self._target) from error
        began = last = time.monotonic()
        count = 0
        while last - began < WARM_UP_SECONDS or (last - began < FLAT_SECONDS and _is_flat(pixels)):
            pixels = self._picture()
            last = time.monotonic()
            count += 1
        return pixels, count / (last - began) if count else None

    def _picture(self) -> np.ndarray:
        """Return the next picture as OpenCV has it, blue first. Raises SourceError when none comes."""
        for _ in range(BAD_READS):
            got, pixels = self._capture.read()
            if got:
                return pixels
            time.sleep(FAILED_SECONDS)
        raise SourceError(f"{self._name} sends no more pictures", "check its cable and its connection")


def _is_flat(pixels: np.ndarray) -> bool:
    """Return whether a picture shows nothing, as those before the sensor's first: one colour all over."""
    seen = pixels[::8, ::8]
    return bool((seen.max((0, 1)).astype(int) - seen.min((0, 1)) <= FLAT).all())


def _letters(fourcc: float) -> str:
    """Return the four letters of a coding, MJPG; empty where the driver does not tell."""
    if not 0 < fourcc < 2**32:
        return ""
    text = int(fourcc).to_bytes(4, "little").decode("latin-1").strip("\0 ")
    return text if text.isascii() and text.isprintable() else ""


def _believable(rate: float) -> Fraction | None:
    """Return a rate that was told or measured as a fraction, 29.97 as 30000/1001; None for 0, -1, nan and nonsense."""
    if not math.isfinite(rate) or not 0.1 <= rate < 1000:
        return None
    for exact in (Fraction(round(rate)), Fraction(round(rate) * 1000, 1001)):
        if abs(exact - Fraction(rate)) < Fraction(1, 200):
            return exact
    return Fraction(rate).limit_denominator(1000)
