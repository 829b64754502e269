"""A virtual camera, tested with back ends that are registered with pyvirtualcam."""

import builtins
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.letterbox import letterbox
from livedream.sink import virtual_camera
from livedream.sink.captured_stderr import capture_stderr
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.sink.virtual_camera import VirtualCameraSink, hint_for
from livedream.stream_info import StreamInfo

pyvirtualcam = pytest.importorskip("pyvirtualcam")

WHITE = Frame(np.full((90, 160, 3), 255, np.uint8), Fraction(0), 0)


class Device:
    """A back end that calls `on_send` and keeps the frames that it is sent."""

    made: ClassVar[list["Device"]] = []
    path = ""
    on_send: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any) -> None:
        self.size, self.fps = (width, height), fps
        self.pictures: list[np.ndarray] = []
        self.times: list[float] = []
        self.closed = 0
        Device.made.append(self)

    def send(self, frame: np.ndarray) -> None:
        self.on_send()
        self.pictures.append(frame.reshape(self.size[1], self.size[0], 3))
        self.times.append(time.monotonic())

    def device(self) -> str:
        return self.path

    def native_fourcc(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Device]]:
    """The only back end there is."""
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {})
    monkeypatch.setattr(Device, "made", [])
    monkeypatch.setattr(Device, "path", str(tmp_path / "video10"))
    monkeypatch.setattr(Device, "on_send", staticmethod(lambda: None))
    monkeypatch.setattr(virtual_camera, "V4L2", tmp_path / "sys")
    (tmp_path / "video10").touch()
    pyvirtualcam.camera.register_backend("test", Device)
    yield Device


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def until_it_fails(sink: Sink) -> SinkError:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            sink.write(WHITE)
        except SinkError as error:
            return error
        time.sleep(0.01)
    raise AssertionError("it did not fail")


def test_sends_at_a_steady_rate_from_the_start(device: type[Device]) -> None:
    """Black before the first frame; then that frame repeatedly at 30 per second."""
    with open_sink("virtual-camera", StreamInfo(rate=Fraction(30), live=True)) as sink:
        assert sink.live
        assert sink.name == f"virtual camera {device.path}"
        (camera,) = device.made
        wait_until(lambda: len(camera.pictures) >= 10)
        assert not camera.pictures[9].any()
        sink.write(WHITE)
        before = len(camera.pictures)
        wait_until(lambda: len(camera.pictures) >= before + 30)
    assert (camera.pictures[-1] == 255).all()
    assert (camera.size, camera.fps) == ((1280, 720), 30)
    rate = (len(camera.times) - 1) / (camera.times[-1] - camera.times[0])
    assert rate == pytest.approx(30, rel=0.05)
    assert camera.closed == 1
    sink.close()


@pytest.mark.parametrize(("rate", "sent"), [(None, 30), (Fraction(5), 10), (Fraction(240), 60), (Fraction(25), 25)])
def test_the_rate_is_limited(rate: Fraction | None, sent: float, device: type[Device]) -> None:
    with VirtualCameraSink(info=StreamInfo(rate=rate)):
        assert device.made[0].fps == sent


def test_the_size_that_a_reader_has_fixed_is_used(device: type[Device], tmp_path: Path) -> None:
    (tmp_path / "sys" / "video10").mkdir(parents=True)
    (tmp_path / "sys" / "video10" / "format").write_text("YU12:640x480@30/1\n")
    with open_sink("virtual-camera:/dev/video10") as sink:
        sink.write(WHITE)
    assert device.made[0].size == (640, 480)


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((160, 90), slice(0, 720), slice(0, 1280)),
        ((90, 160), slice(0, 720), slice(437, 842)),  # 720 * 9 / 16 = 405 wide
        ((400, 100), slice(200, 520), slice(0, 1280)),
        ((2560, 1440), slice(0, 720), slice(0, 1280)),
        ((1, 1), slice(0, 720), slice(280, 1000)),
    ],
)
def test_frames_are_letterboxed(size: tuple[int, int], rows: slice, columns: slice) -> None:
    expected = np.zeros((720, 1280, 3), np.uint8)
    expected[rows, columns] = 200
    fitted = letterbox(np.full((size[1], size[0], 3), 200, np.uint8), (1280, 720))
    assert np.array_equal(fitted, expected)


def test_the_pixel_aspect_ratio_is_kept(device: type[Device]) -> None:
    """PAL 16:9: 720x576 pixels of 64:45 look like 1024x576, and fill 1280x720."""
    with open_sink("virtual-camera", StreamInfo(pixel_aspect=Fraction(64, 45))) as sink:
        sink.write(Frame(np.full((576, 720, 3), 200, np.uint8), Fraction(0), 0))
        wait_until(lambda: device.made[0].pictures[-1:] and device.made[0].pictures[-1].min() == 200)


# When it fails -------------------------------------------------------------------------------------------------------


def test_a_driver_that_only_prints_its_error_is_noticed(
    device: type[Device], capfd: pytest.CaptureFixture[str]
) -> None:
    """As with v4l2loopback: pyvirtualcam prints to stderr from C and continues."""
    sink = open_sink("virtual-camera")
    wait_until(lambda: device.made[0].pictures)
    device.on_send = staticmethod(lambda: os.write(2, b"error writing frame: No such device\n"))
    error = until_it_fails(sink)
    assert str(error) == f"{sink.name} failed: error writing frame: No such device"
    sink.close()
    assert device.made[0].closed == 1
    assert "error writing frame" in capfd.readouterr().err  # it is not swallowed


def test_a_driver_that_raises_is_an_error(device: type[Device]) -> None:
    def fail() -> None:
        raise RuntimeError("pixel buffer size mismatch")

    device.on_send = staticmethod(fail)
    with open_sink("virtual-camera") as sink:
        assert str(until_it_fails(sink)) == f"{sink.name} failed: pixel buffer size mismatch"


def test_a_device_that_disappeared_is_an_error(device: type[Device]) -> None:
    with open_sink("virtual-camera") as sink:
        Path(device.path).unlink()
        assert str(until_it_fails(sink)) == f"{sink.name} has disappeared"


def test_a_driver_that_hangs_is_an_error(device: type[Device], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_camera, "HANG_SECONDS", 0.2)
    release = threading.Event()
    device.on_send = staticmethod(release.wait)
    sink = open_sink("virtual-camera")
    try:
        assert "has not taken a frame for 0.2 s" in str(until_it_fails(sink))
        began = time.monotonic()
        sink.close()
        assert time.monotonic() - began < 2
    finally:
        release.set()
        wait_until(lambda: device.made[0].closed)
        sink.close()


# When there is none --------------------------------------------------------------------------------------------------


def test_a_missing_package_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pyvirtualcam":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SinkError, match="needs pyvirtualcam") as caught:
        open_sink("virtual-camera")
    assert caught.value.hint == 'pip install "livedream[virtualcam]"'


@pytest.mark.skipif(sys.platform != "linux" or any(Path("/dev").glob("video*")), reason="there is a video device")
def test_a_missing_driver_is_an_error_of_the_real_back_end() -> None:
    with pytest.raises(SinkError, match=r"no virtual camera: No v4l2 loopback device found") as caught:
        open_sink("virtual-camera")
    assert "sudo modprobe v4l2loopback devices=1 exclusive_caps=1" in caught.value.hint
    with pytest.raises(SinkError, match=r"Device /dev/video77 does not exist") as caught:
        open_sink("virtual-camera:/dev/video77")
    assert caught.value.hint == "ls /dev/video* lists the devices"


@pytest.mark.parametrize(
    ("system", "said", "advice"),
    [
        pytest.param("linux", "No v4l2 loopback device found at /dev/video[0-99].", "modprobe", id="linux"),
        pytest.param("win32", "OBS Virtual Camera device not found! Did you install OBS?", "winget", id="windows"),
        pytest.param("win32", "No camera registered. Did you install any camera?", "Unity Capture", id="unity"),
        pytest.param("darwin", "OBS Virtual Camera is not installed in your system.", "OBS Studio 30", id="macos"),
        pytest.param("freebsd", "", "Linux, Windows and macOS", id="others"),
        pytest.param("linux", "due to missing permissions. Did you add", "usermod -aG video", id="rights"),
        pytest.param("linux", "could not be configured: Device or resource busy", "close the programs", id="busy"),
        pytest.param("win32", "virtual camera output could not be started", "Stop Virtual Camera", id="obs"),
    ],
)
def test_the_hint_fits_the_message_of_the_back_end(system: str, said: str, advice: str) -> None:
    """The messages are those of pyvirtualcam 0.15."""
    assert advice in hint_for(f"'x' backend: {said}", system)


def test_captured_stderr_is_still_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert capture_stderr(lambda: os.write(2, b"error: gone\n")) == "error: gone\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "error: gone\nafter\n"
    with pytest.raises(ZeroDivisionError):
        capture_stderr(lambda: 1 / 0)
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"
