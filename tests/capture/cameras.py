"""Cameras to test with: one on the network, in a process of its own, and one that is OpenCV's in name only."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import pytest
from PIL import Image

from livedream.capture.live import camera
from tests.films import quarters

ROOT = Path(__file__).parents[2]


class NetworkCamera:
    """A camera on a port of this machine, which can be killed and come back there.

    picture: a JPEG, or `clock`. count: it hangs up after so many pictures; 0 means never.
    """

    def __init__(self, picture: str, count: int = 0) -> None:
        self._picture, self._count = picture, count
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/video.mjpg"

    def start(self) -> None:
        """Return when it can be asked for pictures."""
        program = [sys.executable, "-m", "tests.capture.mjpeg_server", self._picture, str(self._count)]
        self._process = subprocess.Popen([*program, str(self._port)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout
        self._port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class RtspCamera:
    """A camera on a port of this machine that speaks RTSP, and wants to know anna's password."""

    def __init__(self) -> None:
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"rtsp://anna:secret@127.0.0.1:{self._port}/live"

    def start(self) -> None:
        """Return when it can be asked for pictures."""
        program = [sys.executable, str(Path(__file__).parent / "rtsp_server.py"), str(self._port)]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._port = int(self._process.stdout.readline())

    def stop(self) -> None:
        if self._process is not None:
            self._process.communicate("")
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Sender:
    """ffmpeg, sending a test picture at its own speed to an address: H.264 in MPEG-TS, a key frame each half second."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        picture = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25"]
        coding = ["-c:v", "libx264", "-tune", "zerolatency", "-g", "12", "-pix_fmt", "yuv420p"]
        self._process = subprocess.Popen(["ffmpeg", "-v", "quiet", *picture, *coding, "-f", "mpegts", self._address])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@contextlib.contextmanager
def network_camera(folder: Path, count: int = 0, size: tuple[int, int] = (64, 48)) -> Iterator[str]:
    """The address of a camera that shows four coloured quarters; with `count` it hangs up after so many pictures."""
    picture = folder / "camera.jpg"
    Image.fromarray(quarters(size)).save(picture, quality=95, subsampling=0)
    server = NetworkCamera(str(picture), count)
    server.start()
    try:
        yield server.address
    finally:
        server.kill()


class FakeCapture:
    """cv2.VideoCapture, from a list of what its reads return: pixels (BGR), or None for a read that fails.

    The last entry comes again and again. `blocked` cleared, reads wait until it is set.
    """

    opened: list["FakeCapture"]
    reads: list[np.ndarray | None]
    works = True
    properties: dict[int, float]
    pace: float
    blocked: threading.Event

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.asked: list[tuple[int, float]] = []
        self.released = 0
        self.waiting = list(self.reads)
        self.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802 (cv2's name)
        return self.works

    def set(self, name: int, value: float) -> bool:
        self.asked.append((name, value))
        return False  # a camera that does as it likes

    def get(self, name: int) -> float:
        return self.properties.get(name, 0.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        threading.Event().wait(self.pace)
        self.blocked.wait()
        pixels = self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0] if self.waiting else None
        return pixels is not None, pixels

    def release(self) -> None:
        self.released += 1


def fake_camera(
    patch: pytest.MonkeyPatch,
    reads: list[np.ndarray | None],
    fps: float = 30.0,
    works: bool = True,
    pace: float = 0.002,
    fourcc: str = "MJPG",
) -> list[FakeCapture]:
    """Make every camera of OpenCV's this one; returns the list of those that were opened.

    fps: what it says of its rate. pace: seconds from one picture to the next. It needs no time to warm up.
    """
    opened: list[FakeCapture] = []
    free = threading.Event()
    free.set()
    properties = {cv2.CAP_PROP_FPS: fps, cv2.CAP_PROP_FOURCC: float(int.from_bytes(fourcc.encode(), "little"))}
    members = {"opened": opened, "reads": reads, "works": works, "properties": properties, "pace": pace}
    patch.setattr(cv2, "VideoCapture", type("Fake", (FakeCapture,), {**members, "blocked": free}))
    patch.setattr(camera, "WARM_UP_SECONDS", 0.0)
    patch.setattr(camera, "FLAT_SECONDS", 0.0)
    patch.setattr(camera, "BUSY_PAUSES", ())
    return opened
