"""Frames into a virtual camera: what other programs, such as those for video calls, take for a webcam."""

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
"""(width, height) in pixels; macOS knows no other."""
V4L2 = Path("/sys/devices/virtual/video4linux")
"""Where v4l2loopback tells of each device which format a program that looks at it has fixed."""
RATE = 30
"""Frames a second where the source does not say, and at most 60."""
STDERR_CHECK_SECONDS = 1.0
"""From one look at what the driver says on standard error to the next; it says nothing in any other way."""
HANG_SECONDS = 5.0
"""How long the driver may take for one frame before it counts as dead."""
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
            "close the programs that look at the camera: they hold it at another format",
        ),
        (r"does not exist", "ls /dev/video* shows what there is"),
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
"""What to do about what a back end says when it does not open: a pattern for its words, the first that fits."""


class VirtualCameraSink(Sink):
    """A virtual camera with a picture of one size, at a steady rate by its own clock: the last frame is repeated.

    Frames of another size or shape are fitted in, with black beside them. The picture is black from opening on until
    the first frame, so that programs find the camera.

    device: its name, as `/dev/video10`; any when it is not given. backend: one of those that pyvirtualcam has
    registered.
    Raises SinkError, with the cure for this system, when there is none; `write` raises it when the driver has failed.
    """

    live = True

    def __init__(
        self, device: str | None = None, info: StreamInfo | None = None, *, backend: str | None = None
    ) -> None:
        rate = (info.rate if info else None) or Fraction(RATE)
        self._pixel_aspect = info.pixel_aspect if info else Fraction(1)
        self.rate = float(min(max(rate, Fraction(10)), Fraction(60)))
        self.size = _fixed_size(device) or SIZE
        """(width, height) in pixels, for as long as it is open."""
        self._camera = _open(device, self.size, self.rate, backend)
        self.device = self._camera.device
        """What other programs call it."""
        self.name = f"virtual camera {self.device}"
        self._identity = _identity(self.device)
        self._picture = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        self._fault: SinkError | None = None
        self._stopped = threading.Event()
        self._sent_at = time.monotonic()
        # A daemon: a driver that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._keep_sending, name="livedream-virtual-camera", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        self.idle()
        self._picture = letterbox(frame.pixels, self.size, self._pixel_aspect)

    def idle(self) -> None:
        if self._fault is not None:
            raise self._fault
        if time.monotonic() - self._sent_at > HANG_SECONDS:
            raise SinkError(f"{self.name} has taken no picture for {HANG_SECONDS:g} s", "start its driver again")

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(HANG_SECONDS)

    def _keep_sending(self) -> None:
        began, sent, listened = time.monotonic(), 0, -STDERR_CHECK_SECONDS
        try:
            while not self._stopped.wait(max(0.0, began + sent / self.rate - time.monotonic())):
                now = time.monotonic()
                if now - listened >= STDERR_CHECK_SECONDS:
                    listened = now
                    self._send_and_listen()
                else:
                    self._camera.send(self._picture)
                self._sent_at = time.monotonic()
                # What was late is not made good: nobody wants two pictures at once.
                sent = max(sent + 1, int((self._sent_at - began) * self.rate))
        except SinkError as error:
            self._fault = error
        except Exception as error:  # noqa: BLE001  back ends raise what they like; `write` raises it as ours
            self._fault = SinkError(f"{self.name} failed: {error}", "start its driver again")
            self._fault.__cause__ = error
        finally:
            self._camera.close()

    def _send_and_listen(self) -> None:
        said = capture_stderr(lambda: self._camera.send(self._picture))
        if ERROR_WORDS.search(said):
            raise SinkError(f"{self.name} failed: {said.strip().splitlines()[-1]}", "start its driver again")
        if _identity(self.device) != self._identity:
            raise SinkError(f"{self.name} is gone", "load its driver again")


def _open(device: str | None, size: tuple[int, int], rate: float, backend: str | None) -> "Camera":
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkError(
            "there is no virtual camera without pyvirtualcam", 'pip install "livedream[virtualcam]"'
        ) from error
    try:
        return pyvirtualcam.Camera(*size, rate, device=device, backend=backend)
    except RuntimeError as error:
        faults = [line.partition("backend: ")[2] or line for line in str(error).splitlines()]
        raise SinkError(f"no virtual camera: {'; '.join(faults)}", hint_for(str(error), sys.platform)) from error


def hint_for(said: str, system: str) -> str:
    """Return what to do about what the back ends of a system (as sys.platform has it) said."""
    rows = HINTS.get(system, (("", "pyvirtualcam knows Linux, Windows and macOS"),))
    return next(text for pattern, text in rows if re.search(pattern, said, re.IGNORECASE))


def _fixed_size(device: str | None) -> tuple[int, int] | None:
    """Return the size at which programs look at the device already, or at any: nobody can change it while they do."""
    for path in sorted(V4L2.glob(f"{Path(device).name if device else '*'}/format")):
        # As `YU12:640x480@30/1` (v4l2loopback.c, attr_show_format); empty while nobody has asked for anything.
        if found := re.search(r":(\d+)x(\d+)@", path.read_text()):
            return int(found[1]), int(found[2])
    return None


def _identity(device: str) -> tuple[int, int] | None:
    """Return what tells the device file from another of that name; None where cameras are no files."""
    try:
        stat = Path(device).stat() if Path(device).is_absolute() else None
    except OSError:
        return None
    return (stat.st_ino, stat.st_rdev) if stat else None
