"""Writes frames to a virtual camera, which other programs, such as video calls, use as a webcam."""

import re
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.letterbox import letterbox
from livedream.sink.captured_stderr import capture_stderr
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo

if TYPE_CHECKING:
    from pyvirtualcam import Camera

SIZE = (1280, 720)
"""(width, height) in pixels; macOS supports no other."""
V4L2 = Path("/sys/devices/virtual/video4linux")
"""Where v4l2loopback publishes the format that a reading program has fixed, for each device."""
RATE = 30
"""Frames per second where the source does not state a rate."""
STDERR_CHECK_SECONDS = 1.0
"""Seconds between checks of the driver's standard error, where it reports errors and nowhere else."""
HANG_SECONDS = 5.0
"""Seconds that the driver may take for one frame before it counts as dead."""
ERROR_WORDS = re.compile(r"error|fail|mismatch|invalid", re.IGNORECASE)
V4L2LOOPBACK = (
    "sudo apt-get install v4l2loopback-dkms; "
    "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 max_buffers=2 card_label=livedream"
)
HINTS: dict[str, tuple[tuple[str, str], ...]] = {
    "linux": (
        (r"permission", 'sudo usermod -aG video "$USER", then log in again'),
        (
            r"could not be configured|already in use|format",
            "close the programs that use the camera: they keep it at another format",
        ),
        (r"does not exist", "ls /dev/video* lists the devices"),
        (r"", f"{V4L2LOOPBACK} (with Secure Boot the module must be signed)"),
    ),
    "win32": (
        (r"could not be started", "OBS itself runs its camera: press Stop Virtual Camera there"),
        (r"", "install OBS Studio 26 or later (winget install OBSProject.OBSStudio), or Unity Capture"),
    ),
    "darwin": (
        (
            r"",
            "install OBS Studio 30 or later (brew install --cask obs), press Start Virtual Camera in it once, allow "
            "the extension in System Settings > General > Login Items & Extensions, then stop it and close OBS",
        ),
    ),
}
"""What to do when a back end does not open, by system: pairs of a pattern for its message and a hint."""


class VirtualCameraSink(Sink):
    """A virtual camera of one size. It sends at a steady rate by its own clock and repeats the last frame.

    Frames of another size or shape are letterboxed. The camera shows black until the first frame, so that programs find
    it.

    Args:
        device: The device, for example `/dev/video10`; None takes any.
        info: What is known about the frames.
        backend: A back end that is registered with pyvirtualcam; None takes any.

    Raises:
        SinkError: There is no virtual camera; the hint says what to do on this system. `write` raises it when the
            driver fails.
    """

    live = True

    def __init__(
        self, device: str | None = None, info: StreamInfo | None = None, *, backend: str | None = None
    ) -> None:
        rate = (info.rate if info else None) or Fraction(RATE)
        self._pixel_aspect = info.pixel_aspect if info else Fraction(1)
        self.rate = float(min(max(rate, Fraction(10)), Fraction(60)))
        self.size = _fixed_size(device) or SIZE
        """(width, height) in pixels, fixed while it is open."""
        self._camera = _open(device, self.size, self.rate, backend)
        self.device = self._camera.device
        """The name under which other programs find it."""
        self.name = f"virtual camera {self.device}"
        self._identity = _identity(self.device)
        self._pixels = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        self._fault: SinkError | None = None
        self._stopped = threading.Event()
        self._sent_at = time.monotonic()
        # A daemon, so that a driver that hangs does not keep the program from ending.
        self._thread = threading.Thread(target=self._keep_sending, name="livedream-virtual-camera", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        self.idle()
        self._pixels = letterbox(frame.pixels, self.size, self._pixel_aspect)

    def idle(self) -> None:
        if self._fault is not None:
            raise self._fault
        if time.monotonic() - self._sent_at > HANG_SECONDS:
            raise SinkError(f"{self.name} has not taken a frame for {HANG_SECONDS:g} s", "restart its driver")

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(HANG_SECONDS)

    def _keep_sending(self) -> None:
        began, sent, checked = time.monotonic(), 0, -STDERR_CHECK_SECONDS
        try:
            while not self._stopped.wait(max(0.0, began + sent / self.rate - time.monotonic())):
                now = time.monotonic()
                if now - checked >= STDERR_CHECK_SECONDS:
                    checked = now
                    self._send_and_check()
                else:
                    self._camera.send(self._pixels)
                self._sent_at = time.monotonic()
                # A late frame is not made up for: two frames at once are of no use.
                sent = max(sent + 1, int((self._sent_at - began) * self.rate))
        except SinkError as error:
            self._fault = error
        except Exception as error:  # noqa: BLE001  back ends raise anything; `write` raises it as a SinkError
            self._fault = SinkError(f"{self.name} failed: {error}", "restart its driver")
            self._fault.__cause__ = error
        finally:
            self._camera.close()

    def _send_and_check(self) -> None:
        message = capture_stderr(lambda: self._camera.send(self._pixels))
        if ERROR_WORDS.search(message):
            raise SinkError(f"{self.name} failed: {message.strip().splitlines()[-1]}", "restart its driver")
        if _identity(self.device) != self._identity:
            raise SinkError(f"{self.name} has disappeared", "reload its driver")


def _open(device: str | None, size: tuple[int, int], rate: float, backend: str | None) -> "Camera":
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkError("a virtual camera needs pyvirtualcam", 'pip install "livedream[virtualcam]"') from error
    try:
        return pyvirtualcam.Camera(*size, rate, device=device, backend=backend)
    except RuntimeError as error:
        faults = [line.partition("backend: ")[2] or line for line in str(error).splitlines()]
        raise SinkError(f"no virtual camera: {'; '.join(faults)}", hint_for(str(error), sys.platform)) from error


def hint_for(message: str, system: str) -> str:
    """Return what to do about the error `message` of the back ends of a system (a value of sys.platform)."""
    rows = HINTS.get(system, (("", "pyvirtualcam supports Linux, Windows and macOS"),))
    return next(text for pattern, text in rows if re.search(pattern, message, re.IGNORECASE))


def _fixed_size(device: str | None) -> tuple[int, int] | None:
    """Return the size that programs already read from the device (or from any); it is fixed while they do."""
    for path in sorted(V4L2.glob(f"{Path(device).name if device else '*'}/format")):
        # `YU12:640x480@30/1` (v4l2loopback.c, attr_show_format); empty while no program reads.
        if found := re.search(r":(\d+)x(\d+)@", path.read_text()):
            return int(found[1]), int(found[2])
    return None


def _identity(device: str) -> tuple[int, int] | None:
    """Return what distinguishes the device file from another of that name; None where cameras are not files."""
    try:
        stat = Path(device).stat() if Path(device).is_absolute() else None
    except OSError:
        return None
    return (stat.st_ino, stat.st_rdev) if stat else None
