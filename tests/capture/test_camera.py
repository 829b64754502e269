"""Cameras: at the edge to OpenCV, and through a real network camera."""

import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from livedream.capture import camera
from livedream.capture.camera import Camera, CameraSource, find_cameras, list_cameras
from livedream.errors import ArgumentError, SourceError
from tests.capture.cameras import fake_camera, network_camera

PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def three_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    three = [Camera(0, "C922 Pro", "/dev/video0"), Camera(2, "Built-in", "/dev/video2"), Camera(4, "C922", "")]
    monkeypatch.setattr(camera, "list_cameras", lambda: three)


def test_asks_for_mjpg_first_then_for_size_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_says_what_it_got_and_not_what_was_asked(fps: float, rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [PICTURE], fps=fps)
    with CameraSource("0", size=(1920, 1080), rate=60) as source:
        assert (cv2.CAP_PROP_FRAME_WIDTH, 1920) in opened[0].asked
        assert (cv2.CAP_PROP_FPS, 60) in opened[0].asked
        assert source.size == (64, 48)
        assert source.rate == rate


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_nonsense_of_the_driver_is_no_rate(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [PICTURE], fps=fps)
    with CameraSource(0) as source:
        assert source.rate is None


def test_times_are_exact_and_from_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [PICTURE] * 5)
    clock = iter([10**9, 10**9 + 33_333_333, 10**9 + 66_666_667, 10**9 + 66_666_667])
    with CameraSource(0, clock=lambda: next(clock)) as source:
        frames = [frame for _, frame in zip(range(3), source, strict=False)]
    # 33.333333 ms are 2999.99997 ticks of 1/90000 s, 66.666667 ms are 6000.00003; the third must be later.
    assert [frame.time for frame in frames] == [Fraction(2999, 90000), Fraction(6000, 90000), Fraction(6001, 90000)]
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_first_failed_reads_are_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [None, None, PICTURE, PICTURE])
    with CameraSource(0) as source:
        assert next(iter(source)).index == 0


def test_camera_that_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [None] * 100)
    with pytest.raises(SourceError, match="camera 7 opens but sends no picture"):
        CameraSource(7)
    assert opened[0].released == 1


def test_read_that_fails_is_an_error_with_the_name(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    fake_camera(monkeypatch, [PICTURE, PICTURE])
    with CameraSource("built") as source:
        frames = iter(source)
        next(frames)
        with pytest.raises(SourceError, match="Built-in stopped sending pictures") as caught:
            next(frames)
        assert caught.value.hint


def test_frames_of_another_size_are_scaled_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [PICTURE, np.full((96, 128, 3), 7, np.uint8)])
    with CameraSource(0) as source:
        frame = next(iter(source))
    assert frame.size == (64, 48)
    assert np.all(frame.pixels == 7)


def test_red_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [np.full((48, 64, 3), (10, 20, 200), np.uint8)] * 2)  # OpenCV's order: blue, green, red
    with CameraSource(0) as source:
        assert tuple(next(iter(source)).pixels[0, 0]) == (200, 20, 10)


def test_closing_releases_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    CameraSource(0).close()
    assert opened[0].released == 1


def test_opened_by_name_in_whole_or_in_part(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    opened = fake_camera(monkeypatch, [PICTURE])
    for name, index in (("C922 pro", 0), ("c922", 4), ("built-IN", 2), ("built", 2)):
        CameraSource(name).close()
        assert opened[-1].arguments[0] == index
    assert [one.index for one in find_cameras("i")] == [2]


def test_name_of_several(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    fake_camera(monkeypatch, [PICTURE])
    with pytest.raises(ArgumentError) as caught:
        CameraSource("C9")
    assert caught.value.hint == "choose by number: 0 (C922 Pro), 4 (C922)"


def test_absent_camera_names_those_there_are(monkeypatch: pytest.MonkeyPatch, three_cameras: None) -> None:
    fake_camera(monkeypatch, [], works=False)
    with pytest.raises(SourceError, match="camera 77 cannot be opened") as caught:
        CameraSource(77)
    assert caught.value.hint == "cameras: 0 (C922 Pro), 2 (Built-in), 4 (C922)"


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
        "rtsp://127.0.0.1:1/x cannot be opened",
    ]
    assert done.stderr == ""


def test_network_camera_that_hangs_up(tmp_path: Path) -> None:
    with network_camera(tmp_path, count=30) as address, CameraSource(address) as source:
        assert source.size == (64, 48)
        seen = []
        with pytest.raises(SourceError, match="stopped sending pictures"):
            seen.extend(frame.index for frame in source)
    assert seen == list(range(len(seen)))


def test_network_camera_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "TIMEOUT_MS", 300)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceError, match="cannot be opened"):
        CameraSource(f"http://127.0.0.1:{silent.getsockname()[1]}/video")


def test_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fake_camera(monkeypatch, [], works=False)
    with pytest.raises(SourceError) as caught:
        CameraSource("rtsp://anna:secret@192.0.2.7:554/live")
    assert str(caught.value) == "rtsp://192.0.2.7:554/live cannot be opened"
    assert opened[0].arguments[0] == "rtsp://anna:secret@192.0.2.7:554/live"
