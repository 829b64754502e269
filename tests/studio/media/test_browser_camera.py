"""Cameras of browsers as sources."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest

from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.stream_info import StreamInfo
from livedream.studio.media import browser_camera
from livedream.studio.media.browser_camera import BrowserCameras


def picture(value: int, width: int = 8, height: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def lent(client: str = "c-1"):
    """Cameras with one that has sent a picture of value 1 at second 100, its lender, and the source."""
    cameras = BrowserCameras()
    camera = cameras.lend(client)
    camera.put(picture(1), time.monotonic())
    return cameras, camera, cameras.open(client)


def test_it_is_a_live_source_in_the_size_of_the_first_picture() -> None:
    _, _, source = lent()
    info = StreamInfo.of(source)
    assert (info.live, info.size, info.rate, info.time_base) == (True, (8, 6), None, Fraction(1, 90000))
    source.close()


def test_only_the_newest_picture_is_read_and_only_that_is_converted(monkeypatch) -> None:
    cameras = BrowserCameras()
    camera = cameras.lend("c-1")
    converted = []
    original = browser_camera._pixels
    monkeypatch.setattr(browser_camera, "_pixels", lambda each: converted.append(each) or original(each))
    camera.put(picture(1), 100.0)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    source = cameras.open("c-1")
    frames = iter(source)
    assert next(frames).pixels[0, 0, 0] == 1
    for value in range(2, 30):
        camera.put(picture(value), 100.0 + value / 100)
    newest = next(frames)
    assert (newest.pixels[0, 0, 0], newest.index) == (29, 28)
    assert newest.time == Fraction(29 * 900, 90000)
    assert len(converted) == 3  # the first one twice: for the size, and as a frame
    assert getattr(source, "moment", None) == 100.29


def test_times_increase_even_if_the_moments_do_not() -> None:
    _, camera, source = lent()
    frames = iter(source)
    times = [next(frames).time]
    for moment in (0.0, time.monotonic(), 1.0):
        camera.put(picture(2), moment)
        times.append(next(frames).time)
    assert times == sorted(set(times))
    assert all(each % Fraction(1, 90000) == 0 for each in times)


def test_other_sizes_are_letterboxed() -> None:
    _, camera, source = lent()
    frames = iter(source)
    next(frames)
    camera.put(picture(200, width=6, height=8), time.monotonic())
    pixels = next(frames).pixels
    assert pixels.shape == (6, 8, 3)
    assert (pixels[:, 3:5] > 190).all()
    assert (pixels[:, [0, 7]] == 0).all()


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p", "rgb24"])
def test_decoded_frames_have_their_colours(format: str) -> None:
    cameras = BrowserCameras()
    pixels = np.empty((16, 16, 3), np.uint8)
    pixels[:] = 200, 90, 30
    cameras.lend("c-1").put(
        av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=format), time.monotonic()
    )
    with cameras.open("c-1") as source:
        assert np.abs(next(iter(source)).pixels.astype(int) - pixels).max() <= 4


def test_it_ends_when_the_camera_is_closed() -> None:
    cameras, camera, source = lent()
    frames: list[Frame] = []
    reader = threading.Thread(target=lambda: frames.extend(source))
    reader.start()
    wait_until(lambda: len(frames) == 1)
    camera.close()
    camera.close()
    reader.join(5)
    assert not reader.is_alive()
    assert cameras.lenders == ()
    camera.put(picture(3), time.monotonic())
    assert list(source) == []


def test_closing_the_source_ends_the_iteration_and_not_the_camera() -> None:
    cameras, camera, source = lent()
    reader = threading.Thread(target=lambda: list(source))
    reader.start()
    source.close()
    source.close()
    reader.join(5)
    assert not reader.is_alive()
    camera.put(picture(9), time.monotonic())
    with cameras.open("c-1") as again:
        first = next(iter(again))
        assert (first.pixels[0, 0, 0], first.index, first.time) == (9, 0, 0)


def test_a_page_that_connects_again_goes_on_with_the_same_source() -> None:
    cameras, before, source = lent()
    frames = iter(source)
    next(frames)
    after = cameras.lend("c-1")
    before.put(picture(50), time.monotonic())
    before.close()
    after.put(picture(60), time.monotonic())
    assert next(frames).pixels[0, 0, 0] == 60
    assert cameras.lenders == ("c-1",)


def test_clients_have_cameras_of_their_own() -> None:
    cameras, _, _ = lent("c-1")
    cameras.lend("c-2").put(picture(22), time.monotonic())
    with cameras.open("c-2") as other:
        assert next(iter(other)).pixels[0, 0, 0] == 22


def test_a_camera_that_sends_nothing_is_an_error_with_a_hint() -> None:
    cameras = BrowserCameras()
    with pytest.raises(SourceError, match="the browser sends no picture") as caught:
        cameras.open("c-1", seconds=0.05)
    assert "allow the page" in caught.value.hint
    assert cameras._mailboxes == {}


def test_opening_waits_for_the_page() -> None:
    cameras = BrowserCameras()
    page = threading.Timer(0.1, lambda: cameras.lend("c-1").put(picture(5), time.monotonic()))
    page.start()
    with cameras.open("c-1") as source:
        assert next(iter(source)).pixels[0, 0, 0] == 5
    page.join()


def test_an_old_picture_is_not_the_first_one() -> None:
    cameras = BrowserCameras()
    cameras.lend("c-1").put(picture(5), time.monotonic() - 60)
    with pytest.raises(SourceError):
        cameras.open("c-1", seconds=0.05)


def test_silence_gives_a_notice_which_the_next_picture_removes(monkeypatch) -> None:
    monkeypatch.setattr(browser_camera, "SILENCE_SECONDS", 0.2)
    _, camera, source = lent()
    frames: list[Frame] = []
    reader = threading.Thread(target=lambda: frames.extend(source))
    reader.start()
    wait_until(lambda: source.notice is not None)
    assert source.notice.startswith("the browser sends no picture: ")
    camera.put(picture(2), time.monotonic())
    wait_until(lambda: len(frames) == 2)
    assert source.notice is None
    camera.close()
    reader.join(5)


def test_a_picture_of_an_absurd_size_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(browser_camera, "MOST_SIDE", 8)
    cameras = BrowserCameras()
    cameras.lend("c-1").put(av.VideoFrame(16, 16, "yuv420p"), time.monotonic())
    with pytest.raises(SourceError, match="16x16"):
        cameras.open("c-1")
