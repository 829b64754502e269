"""Cameras of this machine, at the edge to OpenCV: rows 9 to 20 of the list of faults and inputs, by their number."""

import logging
import os
import stat
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from livedream.capture.live import camera, devices, diagnostics, live_source
from livedream.capture.live.camera import CameraSource
from livedream.capture.live.devices import Camera, Place, find_cameras, list_cameras, locate
from livedream.cli.main import main
from livedream.errors import ArgumentError, SourceError
from tests.capture.cameras import FakeCapture, fake_camera
from tests.capture.watching import Watching, until

PICTURE = np.zeros((48, 64, 3), np.uint8)
THREE = [Camera(0, "C922 Pro", "/dev/video0"), Camera(2, "Built-in", "/dev/video2"), Camera(4, "C922", "")]


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.fixture
def three_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_cameras", lambda: THREE)


# What is asked, and what is got --------------------------------------------------------------------------------------


def test_requests_mjpg_first_then_size_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    CameraSource(0).close()
    assert opened[0].asked == [
        (cv2.CAP_PROP_FOURCC, 0x47504A4D),  # MJPG, first letter lowest
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 30),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


@pytest.mark.parametrize(
    ("fps", "rate"), [(30.0, 30), (29.97, Fraction(30000, 1001)), (23.976024, Fraction(24000, 1001)), (7.5, 7.5)]
)
def test_reports_what_it_got_and_not_what_was_requested(
    fps: float, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = fake_camera(monkeypatch, [PICTURE], fps=fps, fourcc="YUYV")
    with CameraSource("0", size=(1920, 1080), rate=60) as source:
        assert (cv2.CAP_PROP_FRAME_WIDTH, 1920) in opened[0].asked
        assert (cv2.CAP_PROP_FPS, 60) in opened[0].asked
        assert source.size == (64, 48)
        assert source.rate == rate
        assert source.coding == "YUYV"


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_an_implausible_rate_of_the_driver_is_ignored(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [PICTURE], fps=fps)
    with CameraSource(0) as source:
        assert source.rate is None


@pytest.mark.parametrize("fps", [60.0, 0.0])
def test_a_wrong_rate_of_the_driver_is_measured(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture every 50 ms and a bit is not 60 a second, and not none."""
    fake_camera(monkeypatch, [noise()], fps=fps, pace=0.05)
    monkeypatch.setattr(camera, "WARM_UP_SECONDS", 0.5)
    with CameraSource(0) as source:
        assert source.rate is not None
        assert 10 < source.rate <= 20


@pytest.mark.parametrize(
    ("fourcc", "hint"),
    [pytest.param("MJPG", "add light", id="dark"), pytest.param("YUYV", "a smaller size", id="15-raw")],
)
def test_a_slow_camera_is_reported(fourcc: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "RATE_SECONDS", 0.4)
    opened = fake_camera(monkeypatch, [noise(n) for n in range(50)], fps=20.0, pace=0.1, fourcc=fourcc)
    with CameraSource(0) as source, Watching(source):
        until(lambda: source.notice)
        assert source.notice is not None
        assert source.notice.startswith("camera 0 delivers ")
        assert " of 20 fps: " in source.notice
        assert hint in source.notice
        opened[0].pace = 0.001  # light
        until(lambda: source.notice is None)


def test_red_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [np.full((48, 64, 3), (10, 20, 200), np.uint8)])  # OpenCV's order: blue, green, red
    with CameraSource(0) as source:
        assert tuple(next(iter(source)).pixels[0, 0]) == (200, 20, 10)


# The beginning -------------------------------------------------------------------------------------------------------


def test_first_failed_reads_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [None, None, PICTURE])
    with CameraSource(0) as source:
        assert next(iter(source)).index == 0


@pytest.mark.parametrize("color", [(0, 0, 0), (0, 154, 0), (128, 128, 128)], ids=["black", "green", "grey"])
def test_first_flat_images_are_dropped(color: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.full((48, 64, 3), color, np.uint8)
    fake_camera(monkeypatch, [*[nothing] * 9, noise()])
    monkeypatch.setattr(camera, "FLAT_SECONDS", 1.5)
    with CameraSource(0) as source:
        assert np.ptp(next(iter(source)).pixels) > 200


def test_a_covered_lens_is_shown_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [PICTURE])
    monkeypatch.setattr(camera, "FLAT_SECONDS", 0.2)
    with CameraSource(0) as source:
        assert not next(iter(source)).pixels.any()


def test_slow_opening_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    opened = fake_camera(monkeypatch, [noise()], pace=0.3)
    monkeypatch.setattr(live_source, "OPENING_SECONDS", 0.1)
    with caplog.at_level(logging.WARNING, "livedream"), CameraSource(0):
        assert caplog.messages == ["camera 0 takes long to open"]
    assert opened[0].released == 1


# Which one -----------------------------------------------------------------------------------------------------------


def test_opened_by_name_in_whole_or_in_part(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    for name, index in (("C922 pro", 0), ("c922", 4), ("built-IN", 2), ("built", 2)):
        CameraSource(name).close()
        assert opened[-1].arguments[0] == index
    assert [one.index for one in find_cameras("i")] == [2]


def test_name_of_several(three_cameras: None) -> None:
    with pytest.raises(ArgumentError) as caught:
        CameraSource("C9")
    assert caught.value.hint == "choose by number: 0 (C922 Pro), 4 (C922)"


def test_an_absent_camera_lists_the_others(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    fake_camera(monkeypatch, [], works=False)
    monkeypatch.setattr(diagnostics, "describe_cameras", devices.describe_cameras)
    with pytest.raises(SourceError, match="camera 77 cannot be opened") as caught:
        CameraSource(77)
    assert caught.value.hint == "cameras: 0 (C922 Pro), 2 (Built-in), 4 (C922)"


def test_on_macos_no_unknown_number_is_tried(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SourceError, match="there is no camera 1"):
        CameraSource(1)
    assert opened == []


def test_exit_code_of_no_camera(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "97", "--to", "null"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: camera 97 cannot be opened"
    assert hint.startswith("hint: ")


def test_listing_is_quiet_and_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    found = list_cameras()
    assert found == sorted(found, key=lambda one: one.index)
    assert len({one.index for one in found}) == len(found)
    assert capfd.readouterr() == ("", "")


def test_opening_what_is_not_there_is_quiet() -> None:
    """OpenCV writes past Python's stderr, and so in a process of its own."""
    program = (
        "from livedream import SourceError, open_source\n"
        "for name in ('97', '/dev/video97', 'rtsp://127.0.0.1:1/x'):\n"
        "    try: open_source(name)\n"
        "    except SourceError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "camera 97 cannot be opened",
        "/dev/video97 cannot be opened",
        "rtsp://127.0.0.1:1/x refuses the connection: no program listens there",
    ]
    assert done.stderr == ""


# Not ours to use -----------------------------------------------------------------------------------------------------


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that passes for the device of a camera."""
    path = tmp_path / "video0"
    path.touch()
    monkeypatch.setattr(stat, "S_ISCHR", lambda mode: True)
    return path


def test_a_busy_camera_is_tried_again_and_then_named_with_its_user(
    device: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = fake_camera(monkeypatch, [], works=False)
    monkeypatch.setattr(camera, "BUSY_PAUSES", (0.01, 0.02))
    monkeypatch.setattr(devices, "locate", lambda spec: Place(str(spec), str(spec)))
    monkeypatch.setattr(camera, "locate", devices.locate)
    with (
        device.open() as opened_device,
        subprocess.Popen(["sleep", "60"], stdin=opened_device) as user,
        pytest.raises(SourceError) as caught,
        caplog.at_level(logging.WARNING, "livedream"),
    ):
        try:
            CameraSource(str(device))
        finally:
            user.kill()
    assert str(caught.value) == f"{device} is in use by sleep (pid {user.pid})"
    assert caught.value.hint == "close that program, or choose another camera"
    assert len(opened) == 3
    assert caplog.messages == [f"{caught.value}; trying again"] * 2


def test_a_camera_that_sends_nothing(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [None])
    monkeypatch.setattr(camera, "locate", lambda spec: Place(str(spec), str(spec)))
    with pytest.raises(SourceError, match="opens but delivers no frames"):
        CameraSource(str(device))
    assert opened[0].released == 1


def test_a_camera_without_permission_names_the_group(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [], works=False)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may use every device
    error = diagnostics.not_opened("camera 0", str(device))
    assert str(error) == f"no permission to use camera 0 ({device})"
    assert error.hint == f"sudo usermod -aG {device.group()} $USER, then log in again"


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_hint_says_where_to_grant_permission(system: str, monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert "Privacy & " in diagnostics.not_opened("camera 0", 0).hint


# Lost and found ------------------------------------------------------------------------------------------------------


def test_blocked_camera_is_noticed_within_two_seconds_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "BLOCKED_SECONDS", 2.5)
    opened = fake_camera(monkeypatch, [noise(n) for n in range(500)])
    with CameraSource(0) as source, Watching(source) as watching:
        until(lambda: watching.count > 5)
        stuck: FakeCapture = opened[0]
        stuck.blocked = threading.Event()  # this one alone
        assert until(lambda: source.notice) < 2
        assert source.notice == "camera 0 has sent no image for 2 s"
        until(lambda: len(opened) == 2)
        count = watching.count
        until(lambda: watching.count > count + 5)
        assert source.notice is None
        assert stuck.released == 0  # in the middle of a read
        stuck.blocked.set()
        until(lambda: stuck.released)
    assert opened[1].released == 1


def test_failing_camera_is_noticed_and_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = fake_camera(monkeypatch, [noise(n) for n in range(20)] + [None])
    monkeypatch.setattr(camera, "BAD_READS", 5)
    with CameraSource(0) as source, caplog.at_level(logging.WARNING, "livedream"):
        times = [frame.time for _, frame in zip(range(30), source, strict=False)]
        assert source.notice is None
    assert len(opened) >= 2
    assert times == sorted(set(times))
    assert caplog.messages[0] == "camera 0 stopped sending frames; reconnecting"
    assert caplog.messages[1].startswith("camera 0 is back after 0.")


def test_frozen_camera_is_opened_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some drivers repeat the last picture for ever; a virtual camera may show a still, and that is no fault."""
    opened = fake_camera(monkeypatch, [*[noise(n) for n in range(10)], noise(99)])
    with CameraSource(0) as source, Watching(source) as watching:
        assert until(lambda: len(opened) == 2) < 2.5
        count = watching.count
        until(lambda: watching.count > count + 1200)  # more than two seconds of stills
    assert len(opened) == 2


def test_another_number_after_it_was_plugged_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = [THREE, [], [], [THREE[1], Camera(5, "C922 Pro", "/dev/video5")]]
    monkeypatch.setattr(devices, "list_cameras", lambda: plugged[0])
    opened = fake_camera(monkeypatch, [noise(n) for n in range(9)] + [None])
    monkeypatch.setattr(camera, "BAD_READS", 3)
    with CameraSource(0) as source:
        frames = iter(source)
        for _ in range(5):
            next(frames)
        plugged[:2] = []
        again = Watching(source)
        with again:
            until(lambda: source.notice and "try 3" in source.notice)
            assert source.notice == "camera 0 (C922 Pro) lost, reconnecting (try 3)"
            assert len(opened) == 1  # what is at number 0 now would be another camera
            plugged[:1] = []
            until(lambda: again.count > 5)
    assert [one.arguments[0] for one in opened[:2]] == [0, 5]


def test_another_size_after_it_was_plugged_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [noise(), None])
    monkeypatch.setattr(camera, "BAD_READS", 3)
    with CameraSource(0) as source:
        frames = iter(source)
        type(opened[0]).reads = [np.full((96, 128, 3), 7, np.uint8)]
        sizes: set[tuple[int, int]] = set()
        while len(opened) == 1 or len(sizes) == 0:
            frame = next(frames)
            sizes.add(frame.size)
        frame = next(frames)
    assert sizes == {frame.size} == {(64, 48)}
    assert np.all(frame.pixels == 7)


def test_closing_releases_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    CameraSource(0).close()
    assert opened[0].released == 1


def test_a_virtual_camera_is_a_camera_like_any_other(three_cameras: None) -> None:
    assert locate("built") == Place("Built-in", 2, THREE[1])
    assert locate("built").device == "/dev/video2"
    assert locate("4").device == "C922"  # where the system has no device files
